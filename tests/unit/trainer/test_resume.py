"""A run stopped anywhere and resumed in another process equals the undisturbed run, bit for bit."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from safetensors import numpy as tensors

from steepest.trainer.arrays import Array
from tests.unit.trainer.resumed import ROWS, Case, outcome, places, save, started
from tests.unit.trainer.world import ENGINES, OPTIMIZERS, TASKS, TEAM

ROOT = Path(__file__).parents[3]
BATCHES: list[tuple[Any, int]] = [(4, 1_000), ("full", 1_000), ("full", 32), (60, 25)]
"""Batch size and most rows of a chunk: mini-batches, full batch, and both in pieces."""
SCHEDULES: list[dict[str, Any]] = [
    {"name": "constant"},
    {"name": "constant", "warmup_epochs": 2},
    {"name": "step", "step_epochs": 1},
    {"name": "exponential"},
    {"name": "cosine", "warmup_epochs": 1},
    {"name": "one_cycle"},
    {"name": "plateau", "patience": 0, "factor": 0.5},
    {"name": "plateau", "patience": 0, "warmup_epochs": 1},
    {"name": "inverse_scaling"},
]
MONITORS = [None, "validation_loss", "training_loss", "validation_{}", "training_{}"]
LAYERS: list[list[dict[str, Any]]] = [
    [],
    [{"units": 6, "activation": "tanh"}, {"units": 4}],
    [{"units": 6, "activation": "gelu", "dropout": 0.3}, {"units": 4, "dropout": 0.5}],
    [{"units": 6, "activation": "silu", "batch_norm": True}, {"units": 4, "activation": "elu", "batch_norm": True}],
    [{"units": 6, "activation": "selu", "batch_norm": True, "dropout": 0.5}],
]
SHUFFLES: list[dict[str, Any]] = [
    {"method": "rows"},
    {"method": "blocks", "block_rows": 7, "window_blocks": 4},
    {"method": "rows"},
    {"method": "blocks", "block_rows": 16, "window_blocks": 1},
]
BOUNDS: list[dict[str, Any]] = [
    {},
    {"regularization": {"l1": 0.001, "l2": 0.01}},
    {"regularization": {"l2": 0.01, "max_norm": 0.8}, "gradient_clip": {"by": "norm", "limit": 0.1}},
    {"gradient_clip": {"by": "global_norm", "limit": 0.1}},
]


@pytest.fixture(params=[*ENGINES, TEAM])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in its turn, and a team."""
    return str(request.param)


def spread(values: Sequence[Any], count: int, seed: int) -> list[Any]:
    """Each value about as often as the others, in an order that has nothing to do with that of other values."""
    many = [values[number % len(values)] for number in range(count)]
    Random(seed).shuffle(many)
    return many


def without_norm(layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of batches that are cut in pieces no rows can be compared."""
    return [layer | {"batch_norm": False} for layer in layers]


def stopping(task: str, monitor: str | None) -> dict[str, Any] | None:
    if monitor is None:
        return None
    return {"monitor": monitor.format("r2" if task == "regression" else "accuracy"), "patience": 2}


def single_cases() -> list[Case]:
    kinds = [(optimizer, batch) for optimizer in OPTIMIZERS for batch in BATCHES]
    count = len(kinds)
    options = zip(
        kinds,
        spread(TASKS, count, 1),
        spread(["float32", "float64"], count, 2),
        spread(SCHEDULES, count, 3),
        spread(MONITORS, count, 4),
        spread(LAYERS, count, 5),
        spread(BOUNDS, count, 6),
        spread([False, True], count, 7),
        spread(SHUFFLES, count, 8),
        strict=True,
    )
    return [
        {
            "task": task,
            "piece": piece,
            "weighted": weighted,
            "nets": [
                {
                    "optimizer": {"name": optimizer, "learning_rate": 0.02},
                    "batch_size": batch_size,
                    "precision": precision,
                    "epochs": 5,
                    "schedule": schedule,
                    "early_stopping": stopping(task, monitor),
                    "layers": layers if piece > ROWS else without_norm(layers),
                    "shuffle": shuffle,
                    **bounds,
                }
            ],
        }
        for (optimizer, (batch_size, piece)), task, precision, schedule, monitor, layers, bounds, weighted, shuffle in (
            options
        )
    ]


def stack_cases() -> list[Case]:
    """Networks that have little in common; the last case has one that diverges."""
    found: list[Case] = []
    for number, optimizer in enumerate((*OPTIMIZERS, "momentum")):
        batch_size, piece = BATCHES[number % len(BATCHES)]
        task = TASKS[number % len(TASKS)]
        nets: list[dict[str, Any]] = []
        for net in range(3):
            norm = number % 2 == 0 and piece > ROWS
            layer = {"units": 6, "activation": "tanh", "dropout": 0.1 + 0.2 * net, "batch_norm": norm}
            nets.append(
                {
                    "seed": net + number % 2,
                    "optimizer": {"name": optimizer, "learning_rate": 0.01 * (net + 1)},
                    "batch_size": batch_size,
                    "precision": "float64" if number % 3 else "float32",
                    "epochs": 5 - net,
                    "schedule": SCHEDULES[(3 * number + net) % len(SCHEDULES)],
                    "early_stopping": stopping(task, MONITORS[(number + net) % len(MONITORS)]),
                    "layers": [layer, {"units": 4}],
                    "shuffle": SHUFFLES[number % len(SHUFFLES)],
                    **BOUNDS[number % len(BOUNDS)],
                }
            )
        if number == len(OPTIMIZERS):
            nets[1] |= {"optimizer": {"name": optimizer, "learning_rate": 1e300}}
        found.append({"task": task, "piece": piece, "weighted": number % 3 == 1, "nets": nets})
    return found


def test_resumed_elsewhere_it_ends_with_the_same_bits(
    tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: dict[str, dict[str, Array]] = {}
    inside_epochs = inside_steps = 0
    for number, case in enumerate(single_cases() + stack_cases()):
        case["engine"] = engine
        stops = list(places(started(monkeypatch, case)))
        whole = outcome(started(monkeypatch, case))
        for stop in sorted({0, 1, len(stops) // 3, 2 * len(stops) // 3, len(stops) - 2, len(stops) - 1}):
            name = f"{number}-{stop}"
            (tmp_path / f"{name}.json").write_text(json.dumps(case))
            (tmp_path / f"{name}.states").write_bytes(save(stops[stop]))
            state = next(iter(stops[stop].values()))
            inside_epochs += state.row > 0
            inside_steps += bool(state.gradient.any()) and state.row % 150 > 0
            expected[name] = {
                part: array for part, array in whole.items() if int(part.partition(".")[0]) in stops[stop]
            }
    assert inside_epochs > 80
    assert inside_steps > 20
    command = [sys.executable, "-W", "error", "-m", "tests.unit.trainer.resumed", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=100)
    for name, whole in expected.items():
        resumed = tensors.load((tmp_path / f"{name}.outcome").read_bytes())
        assert resumed.keys() >= {part for part in whole if not part.endswith("history")}
        for part, array in resumed.items():
            rest = whole[part][len(whole[part]) - len(array) :] if part.endswith("history") else whole[part]
            assert np.array_equal(array, rest), (name, part)
            assert array.dtype == whole[part].dtype


def test_how_often_a_record_is_taken_does_not_matter(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for case in (*single_cases()[::5], *stack_cases()[::3]):
        case["engine"] = engine
        often = outcome(started(monkeypatch, case))
        seldom = outcome(started(monkeypatch, case | {"progress_seconds": 1e9}))
        assert often.keys() == seldom.keys()
        for part, array in often.items():
            assert np.array_equal(array, seldom[part]), part


def test_a_plateau_goes_on_waiting(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With steps this small no epoch is better than the one before, and every third lowers the rate."""
    net: dict[str, Any] = {
        "batch_size": "full",
        "epochs": 9,
        "optimizer": {"name": "gradient_descent", "learning_rate": 1e-7},
        "schedule": {"name": "plateau", "patience": 2, "factor": 0.5},
    }
    nets = [net, net | {"epochs": 4, "seed": 1}, net | {"seed": 2}]
    for together in ([net], nets):
        case: Case = {"task": "regression", "piece": 1_000, "weighted": False, "engine": engine, "nets": together}
        whole = outcome(started(monkeypatch, case))
        rates = whole["0.history"][:, -2]
        assert rates == pytest.approx(1e-7 / np.array([1, 1, 1, 1, 2, 2, 2, 4, 4]))
        for states in places(started(monkeypatch, case)):
            resumed = outcome(started(monkeypatch, case, states))
            for number in states:
                rest = resumed.get(f"{number}.history", np.empty((0, 7)))
                expected = whole[f"{number}.history"]
                assert np.array_equal(rest, expected[len(expected) - len(rest) :])
                assert np.array_equal(resumed[f"{number}.last"], whole[f"{number}.last"])


def test_a_run_that_was_over_stays_over(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for case in (single_cases()[0], stack_cases()[0]):
        case["engine"] = engine
        *_, last = places(started(monkeypatch, case))
        resumed, whole = (outcome(started(monkeypatch, case, states)) for states in (last, None))
        assert not any(part.endswith("history") for part in resumed)
        for net in last:
            assert np.array_equal(resumed[f"{net}.theta"], whole[f"{net}.theta"])


def test_states_of_different_places_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    case = stack_cases()[0] | {"engine": "numpy"}
    stops = list(places(started(monkeypatch, case)))
    mixed = stops[0] | {0: replace(stops[0][0], row=stops[0][0].row + 8)}
    with pytest.raises(ValueError, match="all its networks, at one place"):
        next(started(monkeypatch, case, mixed))
