"""What is measured: data and a network to train on them. Rows come scaled; validation is off."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from steepest.spec.resolve import TargetFacts, resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.training import TrainSpec

Array = NDArray[Any]
TRAINING_SHARE = 0.8


@dataclass(frozen=True)
class Data:
    """Rows to train on, and rows to test with."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array


@dataclass(frozen=True)
class Work:
    """A network, how it is trained, and on what."""

    name: str
    what: str
    load: Callable[[], tuple[Array, Array]]
    units: tuple[int, ...]
    optimizer: dict[str, Any]
    batch_size: int
    epochs: int

    def data(self) -> Data:
        """The rows in float32, in an order of their own, equal for every contender."""
        X, y = self.load()
        order = np.random.default_rng(0).permutation(len(X))
        X, y = X[order].astype(np.float32), y[order].astype(np.intp)
        cut = int(TRAINING_SHARE * len(X))
        return Data(X[:cut], y[:cut], X[cut:], y[cut:])

    def spec(self, data: Data) -> ResolvedTrainSpec:
        """The same as a spec."""
        counts = np.bincount(data.y).tolist()
        spec = TrainSpec.model_validate(
            {
                "layers": [{"units": units} for units in self.units],
                "optimizer": self.optimizer,
                "batch_size": self.batch_size,
                "epochs": self.epochs,
                "initializer": "lecun_uniform",
            }
        )
        labels = tuple(str(code) for code in range(len(counts)))
        facts = TargetFacts("y", len(data.y), len(counts), True, True, labels, tuple(counts))
        return resolve(spec, facts, validation_rows=0).spec

    def weights(self, inputs: int, outputs: int) -> list[Array]:
        """First weights (in, out) of each layer, uniform in +-sqrt(3 / in): the initializer `lecun_uniform`."""
        random = np.random.default_rng(1)
        widths = (inputs, *self.units, outputs)
        return [
            random.uniform(-sqrt(3 / ins), sqrt(3 / ins), (ins, outs)).astype(np.float32)
            for ins, outs in pairwise(widths)
        ]


def _breast_cancer() -> tuple[Array, Array]:
    X, y = datasets.load_breast_cancer(return_X_y=True)
    return (X - X.mean(0)) / X.std(0), y


def _digits() -> tuple[Array, Array]:
    X, y = datasets.load_digits(return_X_y=True)
    return X / 16, y


WORKS = {
    work.name: work
    for work in (
        Work(
            "W1",
            "breast cancer, 455 rows, 30-16-1, cross-entropy, momentum, batch 32",
            _breast_cancer,
            (16,),
            {"name": "momentum", "learning_rate": 0.02, "momentum": 0.9},
            batch_size=32,
            epochs=100,
        ),
        Work(
            "W2",
            "digits, 1,437 rows, 64-32-10, cross-entropy, Adam, batch 32",
            _digits,
            (32,),
            {"name": "adam", "learning_rate": 0.001},
            batch_size=32,
            epochs=40,
        ),
    )
}
