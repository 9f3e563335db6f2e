"""The demo, from its start to its files, and interrupted in the middle."""

import csv
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from safetensors.numpy import load_file

from tests.integration.embedded.processes import descendants, eventually, left_of

DEMO = "import sys, pathlib; from embedded.demo import demo; demo(folder=pathlib.Path(sys.argv[1]))"
MADE = {"weights.safetensors", "weights.npz", "loss_curve.svg", "loss_history.csv", "lock"}


def start(folder: Path) -> subprocess.Popen[str]:
    # A user's own settings, which the demo must not touch.
    environ = os.environ | {"STEEPEST_DATABASE_URL": "postgresql://nobody@nowhere/none", "STEEPEST_PORT": "1"}
    command = [sys.executable, "-c", DEMO, str(folder)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_it_ends_with_a_network_that_reads_digits_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with start(folder) as process:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    accuracy = re.search(r"^Test accuracy ([\d.]+) %$", said, re.MULTILINE)
    assert accuracy is not None, said
    assert float(accuracy[1]) >= 95.0
    assert "\x1b" not in said, "plain where there is no terminal"
    assert {path.name for path in folder.iterdir()} == MADE
    tensors = load_file(folder / "weights.safetensors")
    with np.load(folder / "weights.npz") as arrays:
        assert set(arrays) == {*tensors, "metadata"}
        assert all(np.array_equal(arrays[name], tensor) for name, tensor in tensors.items())
    assert ElementTree.parse(folder / "loss_curve.svg").getroot().tag.endswith("svg")
    with (folder / "loss_history.csv").open(newline="") as file:
        epochs = [int(record["epoch"]) for record in csv.DictReader(file)]
    assert epochs == list(range(1, len(epochs) + 1))


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with start(folder) as process:
        eventually((folder / "home" / "url").exists, "the demo's service")
        process.send_signal(signal.SIGSTOP)  # so that it is not over before it is interrupted
        below = descendants(process.pid)
        assert len(below) >= 6
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGCONT)
        process.communicate()
    assert process.returncode != 0
    assert not left_of(below)
