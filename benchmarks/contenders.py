"""Who is measured. A contender takes a work and gives a function that trains once.

Each call returns the seconds of one epoch, all that a user pays for included, and the accuracy on the test rows.
"""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.works import Array, Work
from steepest.trainer.arrays import run
from steepest.trainer.evaluate import evaluate
from steepest.trainer.fit import Finished, fit
from steepest.trainer.network import Network

Outcome = tuple[float, float | None]
Trained = Callable[[], Outcome]
Clock = Callable[[], float]


def steepest(work: Work, clock: Clock) -> Trained:
    """Our trainer, every epoch's record taken."""
    data = work.data()
    spec = work.spec(data)
    outputs = 1 if spec.task == "binary" else int(data.y.max()) + 1
    network = Network.of(spec, data.X.shape[1], outputs)

    def train() -> Outcome:
        start = clock()
        *_, end = fit(spec, data.X, data.y, outputs=outputs)
        seconds = clock() - start
        assert isinstance(end, Finished)
        return seconds / work.epochs, evaluate(network, end.last, data.X_test, data.y_test).accuracy

    return train


def scikit_learn(work: Work, clock: Clock) -> Trained:
    """scikit-learn's MLPClassifier with the same settings, no penalty, and no early stop."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    data = work.data()
    outputs = 1 if data.y.max() == 1 else int(data.y.max()) + 1

    class SameStart(MLPClassifier):
        """Starts from the weights that everybody starts from."""

        def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Array, Array]:
            return next(self.first).astype(dtype), np.zeros(fan_out, dtype)

    settings: dict[str, Any] = {"solver": "adam"}
    if work.optimizer["name"] == "momentum":
        settings = {"solver": "sgd", "momentum": work.optimizer["momentum"], "nesterovs_momentum": False}

    def train() -> Outcome:
        network = SameStart(
            work.units,
            activation="relu",
            alpha=0.0,
            batch_size=work.batch_size,
            learning_rate_init=work.optimizer["learning_rate"],
            max_iter=work.epochs,
            n_iter_no_change=work.epochs + 1,
            tol=0.0,
            random_state=0,
            **settings,
        )
        network.first = iter(work.weights(data.X.shape[1], outputs))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            start = clock()
            network.fit(data.X, data.y)
            seconds = clock() - start
        return seconds / work.epochs, float(network.score(data.X_test, data.y_test))

    return train


def floor(work: Work, clock: Clock) -> Trained:
    """No training: the matrix products of forward and backward at the real shapes, in the better of two orders."""
    data = work.data()
    outputs = 1 if data.y.max() == 1 else int(data.y.max()) + 1
    weights = work.weights(data.X.shape[1], outputs)
    whole, rest = divmod(len(data.X), work.batch_size)
    epochs = [
        _products(weights, data.X, work.batch_size, units_first) * whole
        + (_products(weights, data.X, rest, units_first) if rest else ())
        for units_first in (True, False)
    ]

    def train() -> Outcome:
        times = []
        for plan in epochs:
            start = clock()
            for _ in range(work.epochs):
                run(plan)
            times.append(clock() - start)
        return min(times) / work.epochs, None

    return train


def _products(weights: list[Array], X: Array, rows: int, units_first: bool) -> tuple[Callable[[], Any], ...]:
    """The products of one step; activations lie as (units, rows) or as (rows, units)."""
    plan = []
    below = X[:rows].T if units_first else X[:rows]
    for number, W in enumerate(weights):
        ins, outs = W.shape
        z = np.ones((outs, rows) if units_first else (rows, outs), np.float32)
        slope, delta = np.ones_like(W), np.ones((ins, rows) if units_first else (rows, ins), np.float32)
        if units_first:
            plan += [partial(np.dot, W.T, below, z), partial(np.dot, below, z.T, slope)]
        else:
            plan += [partial(np.dot, below, W, z), partial(np.dot, below.T, z, slope)]
        if number:
            plan.append(partial(np.dot, W, z, delta) if units_first else partial(np.dot, z, W.T, delta))
        below = z
    return tuple(plan)


CONTENDERS: dict[str, Callable[[Work, Clock], Trained]] = {
    "steepest": steepest,
    "scikit-learn": scikit_learn,
    "bare products": floor,
}
