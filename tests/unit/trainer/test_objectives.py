"""Losses and hits: against scikit-learn, with ties, and with numbers that overflow when written out plainly."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from steepest.trainer.arrays import Array, run
from steepest.trainer.objectives import OBJECTIVES, Objective


def forwarded(loss: str, output: str, z: Array, y: Array, weight: float = 1.0) -> Objective:
    """An objective that has seen the logits z (steps, rows, outputs)."""
    steps, rows, outputs = z.shape
    kind = OBJECTIVES[loss, output]  # type: ignore[index]  # a registered pair
    objective = kind(steps, 1, outputs, rows, z.dtype, weight=weight)
    objective.load(objective.encode(y, z.dtype)[None])
    objective.logits[:, 0] = z.swapaxes(1, 2)
    for step in range(steps):
        run(objective.forward(step))
    return objective


def logits(steps: int, rows: int, outputs: int, dtype: str = "float64") -> Array:
    return np.random.default_rng(0).normal(0, 3, (steps, rows, outputs)).astype(dtype)


@pytest.mark.parametrize("weight", [1.0, 1 / 7])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softmax_cross_entropy_is_scikit_learns(dtype: str, weight: float) -> None:
    z = logits(5, 7, 4, dtype)
    y = np.random.default_rng(1).integers(4, size=35)
    sums = forwarded("categorical_crossentropy", "softmax", z, y, weight).sums(5)[0]
    flat = z.reshape(35, 4).astype(np.float64)
    p = np.exp(flat) / np.exp(flat).sum(1, keepdims=True)
    assert sums[0] / 35 == pytest.approx(metrics.log_loss(y, p), rel=1e-6 if dtype == "float32" else 1e-12)
    assert sums[1] / 35 == metrics.accuracy_score(y, flat.argmax(1))


def test_the_first_steps_alone_are_summed() -> None:
    z, y = logits(3, 4, 3), np.random.default_rng(1).integers(3, size=12)
    all_of_it = forwarded("categorical_crossentropy", "softmax", z, y)
    first = forwarded("categorical_crossentropy", "softmax", z[:2], y[:8])
    assert np.allclose(all_of_it.sums(2), first.sums(2), rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_cross_entropy_is_scikit_learns(dtype: str) -> None:
    z, y = logits(5, 7, 1, dtype), np.random.default_rng(1).integers(2, size=35)
    sums = forwarded("binary_crossentropy", "sigmoid", z, y).sums(5)[0]
    flat = z.ravel().astype(np.float64)
    expected = metrics.log_loss(y, 1 / (1 + np.exp(-flat)))
    assert sums[0] / 35 == pytest.approx(expected, rel=1e-6 if dtype == "float32" else 1e-12)
    assert sums[1] / 35 == metrics.accuracy_score(y, flat > 0)


def test_squared_error_of_values_is_scikit_learns() -> None:
    z, y = logits(5, 7, 2), np.random.default_rng(1).normal(size=(35, 2))
    sums = forwarded("mean_squared_error", "linear", z, y).sums(5)[0]
    assert sums[0] / 35 == pytest.approx(metrics.mean_squared_error(y, z.reshape(35, 2)))
    assert sums[1:] / 35 == pytest.approx(metrics.mean_squared_error(y, z.reshape(35, 2), multioutput="raw_values"))


@pytest.mark.parametrize("classes", [2, 4])
def test_squared_error_of_classes_is_the_mean_over_one_hot_targets(classes: int) -> None:
    outputs = 1 if classes == 2 else classes
    z, y = logits(5, 7, outputs), np.random.default_rng(1).integers(classes, size=35)
    sums = forwarded("mean_squared_error", "sigmoid", z, y).sums(5)[0]
    a = 1 / (1 + np.exp(-z.reshape(35, outputs)))
    targets = y[:, None] if outputs == 1 else np.eye(classes)[y]
    assert sums[0] / 35 == pytest.approx(np.mean((a - targets) ** 2))
    predicted = a[:, 0] > 0.5 if outputs == 1 else a.argmax(1)
    assert sums[1] / 35 == metrics.accuracy_score(y, predicted)


def test_of_equally_likely_classes_the_first_counts() -> None:
    z = np.zeros((1, 4, 3))
    z[0, 3] = 0, 5, 5
    y = np.array([0, 1, 2, 1])
    assert forwarded("categorical_crossentropy", "softmax", z, y).sums(1)[0, 1] == 2
    assert forwarded("mean_squared_error", "sigmoid", z, y).sums(1)[0, 1] == 2
    halves = np.zeros((1, 2, 1))
    assert forwarded("binary_crossentropy", "sigmoid", halves, np.array([0, 1])).sums(1)[0, 1] == 1


@pytest.mark.parametrize(
    ("loss", "output", "z", "y", "expected"),
    [
        ("categorical_crossentropy", "softmax", [[1e4, -1e4, 0]], [1], 2e4),
        ("categorical_crossentropy", "softmax", [[300, 0, 0]], [0], 0),
        ("binary_crossentropy", "sigmoid", [[1e4]], [0], 1e4),
        ("binary_crossentropy", "sigmoid", [[-1e4]], [0], 0),
        ("mean_squared_error", "sigmoid", [[1e4]], [0], 1),
    ],
)
def test_large_numbers_do_not_overflow(loss: str, output: str, z: Any, y: Any, expected: float) -> None:
    objective = forwarded(loss, output, np.array([z], np.float32), np.array(y))
    run(objective.backward(0))
    assert objective.sums(1)[0, 0] == expected
    assert np.isfinite(objective.delta).all()


def test_small_losses_keep_their_digits() -> None:
    z = np.full((1, 1, 1), 12.0, np.float32)
    loss = forwarded("binary_crossentropy", "sigmoid", z, np.array([1])).sums(1)[0, 0]
    assert loss == pytest.approx(np.log1p(np.exp(-12)), rel=1e-5)
