"""Gradients against PyTorch's, from equal weights and rows: one step downhill at the learning rate 1 shows them."""

from typing import Any

import numpy as np
import pytest

from steepest.spec.names import Task
from tests.peers import losses, reference, world

TOLERANCES = {"float64": 1e-10, "float32": 1e-5}
PRECISIONS = tuple(TOLERANCES)
ROWS = 30

ACTIVATIONS = (
    ("linear", None),
    ("sigmoid", None),
    ("tanh", None),
    ("relu", None),
    ("leaky_relu", None),
    ("leaky_relu", 0.2),
    ("elu", None),
    ("elu", 0.7),
    ("selu", None),
    ("gelu", None),
    ("silu", None),
    ("softplus", None),
)
LOSSES: tuple[tuple[Task, dict[str, Any], losses.Loss], ...] = (
    ("binary", {"name": "binary_crossentropy"}, losses.binary_crossentropy()),
    ("binary", {"name": "binary_crossentropy", "label_smoothing": 0.2}, losses.binary_crossentropy(0.2)),
    (
        "binary",
        {"name": "binary_crossentropy", "class_weight": {"0": 1.0, "1": 3.0}},
        losses.binary_crossentropy(0.0, (1.0, 3.0)),
    ),
    ("binary", {"name": "mean_squared_error"}, losses.squared_error_of_classes),
    ("multiclass", {"name": "categorical_crossentropy"}, losses.categorical_crossentropy()),
    ("multiclass", {"name": "categorical_crossentropy", "label_smoothing": 0.1}, losses.categorical_crossentropy(0.1)),
    (
        "multiclass",
        {"name": "categorical_crossentropy", "class_weight": {"0": 0.5, "1": 2.0, "2": 1.0}},
        losses.categorical_crossentropy(0.0, (0.5, 2.0, 1.0)),
    ),
    ("multiclass", {"name": "mean_squared_error"}, losses.squared_error_of_classes),
    ("multilabel", {"name": "binary_crossentropy"}, losses.multilabel_crossentropy),
    ("regression", {"name": "mean_squared_error"}, losses.squared_error),
    ("regression", {"name": "mean_absolute_error"}, losses.absolute_error),
    ("regression", {"name": "huber"}, losses.huber()),
    ("regression", {"name": "huber", "delta": 0.3}, losses.huber(0.3)),
    ("regression", {"name": "poisson"}, losses.poisson),
)


def check(rows: world.Rows, objective: losses.Loss, tolerance: float, engine: str, **fields: Any) -> None:
    descent = {"name": "gradient_descent", "learning_rate": 1.0}
    given = {"optimizer": descent, "batch_size": "full", "epochs": 1, **fields}
    ours = world.trained(rows, engine, **given)
    penalties = given.pop("regularization", {})
    theirs, _, means = reference.trained(rows, ours.initial, objective, **penalties, **given)
    parameters = [name for name in ours.initial if not name.endswith(("mean", "variance"))]
    before, after, expected = (reference.flat(arrays, parameters) for arrays in (ours.initial, ours.last, theirs))
    gradient = before - expected
    assert np.abs(gradient).max() > 1e-3
    assert np.abs((before - after) - gradient).max() <= tolerance * np.abs(gradient).max()
    if not penalties:
        assert ours.records[0].training_loss == pytest.approx(means[0], rel=tolerance)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("name", "alpha"), ACTIVATIONS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_activations(name: str, alpha: float | None, batch_norm: bool, precision: str, engine: str) -> None:
    rows = world.rows_of("multiclass", ROWS, precision)
    layer: dict[str, Any] = {"units": 7, "activation": name}
    layer |= {} if alpha is None else {"alpha": alpha}
    layer |= {"batch_norm": True} if batch_norm else {}
    layers = [layer, layer | {"units": 5}]
    check(rows, losses.categorical_crossentropy(), TOLERANCES[precision], engine, layers=layers)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("hidden", [0, 1], ids=["linear", "hidden"])
@pytest.mark.parametrize(("task", "fields", "loss"), LOSSES, ids=[f"{case[0]}-{case[1]}" for case in LOSSES])
def test_losses(
    task: Task, fields: dict[str, Any], loss: losses.Loss, hidden: int, precision: str, engine: str
) -> None:
    rows = world.rows_of(task, ROWS, precision)
    if fields["name"] == "poisson":
        rows = world.counts_of(rows)
    layers = [{"units": 6, "activation": "tanh"}] * hidden
    check(rows, loss, TOLERANCES[precision], engine, layers=layers, loss=fields)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("penalty", [{"l1": 0.05}, {"l2": 0.1}, {"l1": 0.02, "l2": 0.03}])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_penalties(penalty: dict[str, float], batch_norm: bool, precision: str, engine: str) -> None:
    rows = world.rows_of("regression", ROWS, precision)
    layer = {"units": 6, "activation": "tanh"} | ({"batch_norm": True} if batch_norm else {})
    check(rows, losses.squared_error, TOLERANCES[precision], engine, layers=[layer], regularization=penalty)
