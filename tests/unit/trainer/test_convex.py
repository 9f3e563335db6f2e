"""Networks without hidden layers, whose loss is convex, trained by L-BFGS: they come to SciPy's optimum."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special

from steepest.trainer.arrays import Array
from tests.unit.trainer.world import records_of, rows_for, spec_for

ROWS, L2 = 200, 0.01
Loss = Callable[[Array, Array], tuple[float, Array]]
"""From sums z and targets y, both (rows, outputs), to the mean loss and its derivative by z."""


def squares(z: Array, y: Array) -> tuple[float, Array]:
    return float(np.square(z - y).mean()), 2 * (z - y) / z.size


def counts(z: Array, y: Array) -> tuple[float, Array]:
    return float((np.exp(z) - y * z).mean()), (np.exp(z) - y) / z.size


def softmax(z: Array, y: Array) -> tuple[float, Array]:
    return float((special.logsumexp(z, 1) - (z * y).sum(1)).mean()), (special.softmax(z, 1) - y) / len(z)


def logistic(z: Array, y: Array) -> tuple[float, Array]:
    return float((np.logaddexp(0, z) - y * z).mean()), (special.expit(z) - y) / z.size


def optimum(loss: Loss, X: Array, y: Array) -> Array:
    """(inputs + 1, outputs) weights and, in the last row, biases, where the gradient is as small as it gets."""
    inputs = np.c_[X, np.ones(len(X))]
    decay = np.r_[np.full(X.shape[1], L2), 0][:, None]

    def f(theta: Array) -> tuple[float, Array]:
        W = theta.reshape(inputs.shape[1], -1)
        value, delta = loss(inputs @ W, y)
        return value + float((decay * W * W).sum()) / 2, (inputs.T @ delta + decay * W).ravel()

    options = {"gtol": 1e-13, "ftol": 0, "maxiter": 10_000}
    start = np.zeros(inputs.shape[1] * y.shape[1])
    found: Array = optimize.minimize(f, start, jac=True, method="L-BFGS-B", options=options).x
    return found.reshape(-1, y.shape[1])


@pytest.mark.parametrize(
    ("task", "loss", "mathematics"),
    [
        ("regression", "mean_squared_error", squares),
        ("regression", "poisson", counts),
        ("binary", "binary_crossentropy", logistic),
        ("multiclass", "categorical_crossentropy", softmax),
    ],
)
def test_it_comes_to_scipys_optimum(task: str, loss: str, mathematics: Loss) -> None:
    X, y = rows_for(task, ROWS, loss=loss, dtype="float64")
    fields: dict[str, Any] = {
        "layers": [],
        "loss": {"name": loss},
        "optimizer": {"name": "lbfgs"},
        "regularization": {"l2": L2},
        "precision": "float64",
        "epochs": 300,
        "early_stopping": None,
    }
    spec = spec_for(task, ROWS, **fields)
    targets = np.eye(3)[y] if task == "multiclass" else y.reshape(ROWS, -1).astype(float)
    expected = optimum(mathematics, X, targets)
    precise = 1e-8 * max(1, np.abs(expected).max())
    found = records_of(spec, X, y)[1].last.reshape(expected.shape)
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=0, atol=precise)
    # Softmax takes no notice of a number that is added to all biases.
    biases = [row - row.mean() if task == "multiclass" else row for row in (found[-1], expected[-1])]
    np.testing.assert_allclose(biases[0], biases[1], rtol=0, atol=precise)
