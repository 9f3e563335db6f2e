"""Fifty steps from equal weights, batch by batch, against PyTorch's optimizers, schedules and clipping."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from tests.peers import losses, reference, world

TOLERANCES = {"float64": 1e-10, "float32": 1e-4}
PRECISIONS = tuple(TOLERANCES)
ROWS, BATCH, EPOCHS = 37, 8, 10
"""Five steps an epoch, the last of a shorter batch."""

OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {"name": "gradient_descent", "learning_rate": 0.1},
    {"name": "momentum", "learning_rate": 0.05, "momentum": 0.8},
    {"name": "nesterov", "learning_rate": 0.05, "momentum": 0.9},
    {"name": "adagrad", "learning_rate": 0.05},
    {"name": "rmsprop", "learning_rate": 0.005},
    {"name": "rmsprop", "learning_rate": 0.005, "rho": 0.9, "epsilon": 1e-6},
    {"name": "adam", "learning_rate": 0.01},
    {"name": "adam", "learning_rate": 0.01, "beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-6},
    {"name": "adamw", "learning_rate": 0.01},
    {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.1},
)
MOMENTUM = OPTIMIZERS[1]
ADAM = OPTIMIZERS[6]
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"name": "constant"},
    {"name": "step", "step_epochs": 3, "factor": 0.5},
    {"name": "exponential", "factor": 0.9},
    {"name": "cosine"},
    {"name": "one_cycle"},
    {"name": "plateau", "factor": 0.3, "patience": 1},
)
CLIPS: tuple[dict[str, Any], ...] = (
    {"by": "value", "limit": 0.02},
    {"by": "global_norm", "limit": 0.1},
    {"by": "global_norm", "limit": 1e6},
)


def moving(optimizer: dict[str, Any], names: Iterable[str]) -> list[str]:
    """The arrays that training determines.

    A bias before batch norm has no gradient but what rounding leaves. Adam makes whole steps of that, which the running
    mean of the sums follows.
    """
    normalized = {name.split(".batch_norm")[0] for name in names if "batch_norm" in name}
    idle = {f"{layer}.{array}" for layer in normalized for array in ("bias", "batch_norm.mean")}
    return [name for name in names if optimizer["name"] != "adam" or name not in idle]


def check(precision: str, engine: str, **fields: Any) -> list[float]:
    rows = world.rows_of("multiclass", ROWS, precision)
    layers = [{"units": 7, "activation": "tanh"}, {"units": 5, "activation": "sigmoid"}]
    given = {"layers": layers, "batch_size": BATCH, "epochs": EPOCHS, "optimizer": ADAM, **fields}
    ours = world.trained(rows, engine, **given)
    penalties = given.pop("regularization", {})
    objective = losses.categorical_crossentropy()
    theirs, rates, means = reference.trained(rows, ours.initial, objective, **penalties, **given)
    names = moving(given["optimizer"], ours.last)
    expected, reached = (reference.flat(arrays, names) for arrays in (theirs, ours.last))
    tolerance = TOLERANCES[precision]
    assert np.abs(reached - expected).max() <= tolerance * np.abs(expected).max()
    assert [record.learning_rate for record in ours.records] == pytest.approx(rates, rel=1e-12)
    if not penalties:
        assert [record.training_loss for record in ours.records] == pytest.approx(means, rel=10 * tolerance)
    return rates


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_optimizers(optimizer: dict[str, Any], precision: str, engine: str) -> None:
    check(precision, engine, optimizer=optimizer)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_optimizers_by_full_batches(optimizer: dict[str, Any], precision: str, engine: str) -> None:
    check(precision, engine, optimizer=optimizer, batch_size="full", epochs=50)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", [MOMENTUM, ADAM], ids=str)
@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_schedules(
    schedule: dict[str, Any], warmup: int, optimizer: dict[str, Any], precision: str, engine: str
) -> None:
    if schedule["name"] == "one_cycle" and warmup:
        pytest.skip("one_cycle has its own warm-up")
    rates = check(precision, engine, optimizer=optimizer, schedule=schedule | {"warmup_epochs": warmup})
    assert (len(set(rates)) > 1) == (schedule["name"] not in ("constant", "plateau") or bool(warmup))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_plateau_is_left_by_smaller_steps(precision: str, engine: str) -> None:
    """At a learning rate that is too large the loss goes up and down, but not yet so far that rounding decides."""
    schedule = {"name": "plateau", "factor": 0.5, "patience": 0}
    optimizer = {"name": "gradient_descent", "learning_rate": 3.0}
    rates = check(precision, engine, optimizer=optimizer, schedule=schedule)
    assert len(set(rates)) > 1


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", [MOMENTUM, ADAM], ids=str)
@pytest.mark.parametrize("clip", CLIPS, ids=str)
def test_clipping(clip: dict[str, Any], optimizer: dict[str, Any], precision: str, engine: str) -> None:
    check(precision, engine, optimizer=optimizer, gradient_clip=clip)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", [MOMENTUM, ADAM, OPTIMIZERS[4]], ids=str)
def test_weight_decay_is_the_l2_penalty(optimizer: dict[str, Any], precision: str, engine: str) -> None:
    check(precision, engine, optimizer=optimizer, regularization={"l2": 0.05})


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("optimizer", [MOMENTUM, ADAM], ids=str)
def test_batch_norm_and_its_running_figures(optimizer: dict[str, Any], precision: str, engine: str) -> None:
    layers = [
        {"units": 7, "activation": "tanh", "batch_norm": True},
        {"units": 5, "activation": "sigmoid", "batch_norm": True},
    ]
    check(precision, engine, optimizer=optimizer, layers=layers)
