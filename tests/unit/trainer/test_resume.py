"""A run stopped anywhere and resumed in another process equals the undisturbed run, bit for bit."""

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as tensors

from steepest.trainer.arrays import Array
from steepest.trainer.fit import EpochRecord, Progress
from tests.unit.trainer.resumed import outcome, started
from tests.unit.trainer.world import OPTIMIZERS, TASKS

EPOCHS = 5
ROOT = Path(__file__).parents[3]
BATCHES: list[tuple[Any, int]] = [(8, 1_000), ("full", 1_000), ("full", 32), (60, 25)]
"""Batch size and most rows of a chunk: mini-batches, full batch, and both in pieces."""


def cases() -> list[dict[str, Any]]:
    found = []
    kinds = itertools.product(OPTIMIZERS, ("float32", "float64"), BATCHES)
    for number, (optimizer, precision, (batch_size, piece)) in enumerate(kinds):
        fields = {
            "optimizer": {"name": optimizer, "learning_rate": 0.02},
            "precision": precision,
            "batch_size": batch_size,
            "epochs": EPOCHS,
            "layers": [{"units": 6, "activation": "tanh"}, {"units": 4}],
            "early_stopping": {"patience": 2},
        }
        found.append({"task": TASKS[number % 3], "fields": fields, "piece": piece})
    return found


def test_resumed_elsewhere_it_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected: dict[str, dict[str, Array]] = {}
    inside_epochs = inside_steps = 0
    for number, case in enumerate(cases()):
        items = list(_states(monkeypatch, case))
        whole = outcome(started(monkeypatch, case))
        for stop in sorted({0, 1, len(items) // 2, len(items) - 2, len(items) - 1}):
            name = f"{number}-{stop}"
            (tmp_path / f"{name}.json").write_text(json.dumps(case))
            (tmp_path / f"{name}.state").write_bytes(tensors.save(items[stop]))
            inside_epochs += items[stop]["chunk"][0] > 0
            inside_steps += bool(items[stop]["gradient"].any())
            expected[name] = whole
    assert inside_epochs > 20
    assert inside_steps > 5
    subprocess.run(
        [sys.executable, "-m", "tests.unit.trainer.resumed", str(tmp_path)], cwd=ROOT, check=True, timeout=100
    )
    for name, whole in expected.items():
        resumed = tensors.load((tmp_path / f"{name}.outcome").read_bytes())
        rest = resumed.pop("history")
        assert np.array_equal(rest, whole["history"][len(whole["history"]) - len(rest) :])
        for part, array in resumed.items():
            assert np.array_equal(array, whole[part]), (name, part)
            assert array.dtype == whole[part].dtype


def _states(monkeypatch: pytest.MonkeyPatch, case: dict[str, Any]) -> Iterator[dict[str, Array]]:
    for item in started(monkeypatch, case):
        if isinstance(item, Progress | EpochRecord):
            yield item.state().to_arrays()


def test_a_run_that_was_over_stays_over(monkeypatch: pytest.MonkeyPatch) -> None:
    case = cases()[0]
    *_, last = (item for item in started(monkeypatch, case) if isinstance(item, EpochRecord))
    resumed = outcome(started(monkeypatch, case, last.state()))
    assert len(resumed["history"]) == 0
    assert np.array_equal(resumed["theta"], outcome(started(monkeypatch, case))["theta"])
