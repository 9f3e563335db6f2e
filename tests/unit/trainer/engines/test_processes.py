"""Kernels across processes: kept on disk, and inherited by children."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from steepest.trainer.engines.numba import fingerprint

FORK = """
import json, os
from hashlib import sha256
import numpy as np
import steepest

random = np.random.default_rng(0)
X = random.normal(size=(600, 40)).astype(np.float32)
spec = {"layers": [{"units": 200}, {"units": 200}], "batch_size": 200, "epochs": 2, "early_stopping": None}

def weights(**fields):
    runs = steepest.train([spec | fields | {"seed": seed} for seed in range(2)], X, X[:, 0] * X[:, 1])
    return sha256(b"".join(run.model.theta.tobytes() for run in runs)).hexdigest()

steepest.warm_up()
said = [weights(), weights(batch_size=20)]
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.write(writing, json.dumps([weights(), weights(batch_size=20)]).encode())
    os._exit(0)
os.close(writing)
with os.fdopen(reading) as answer:
    told = json.load(answer)
os.waitpid(child, 0)
print(json.dumps(said + told))
"""


@pytest.mark.parametrize("threads", [1, 3])
def test_a_forked_child_trains_with_threads_of_its_own(threads: int) -> None:
    environ = os.environ | {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, "-c", FORK], env=environ, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    large, small, large_again, small_again = json.loads(done.stdout)
    assert (large_again, small_again) == (large, small)


def test_kernels_on_disk_go_stale_with_any_file_that_they_come_from(tmp_path: Path) -> None:
    (tmp_path / "pieces.py").write_text("x = 1")
    (tmp_path / "entry.py").write_text("y = 1")
    before = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == before
    (tmp_path / "pieces.py").write_text("x = 2")
    assert 0 < fingerprint(tmp_path) != before
