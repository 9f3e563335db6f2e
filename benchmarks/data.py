"""The rows of each work, equal for every contender: known sets from files, others drawn from a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks import mnist
from benchmarks.works import Array, Rows

CACHE: Final = Path(__file__).resolve().parent.parent / ".benchmarks"
TRAINING_SHARE: Final = 0.8
TEST_ROWS: Final = 20_000
"""Most that are drawn beside the training rows."""


@dataclass(frozen=True)
class Data:
    """Float32 inputs; intp class codes (n,) or float32 values (n, 1)."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array


def load(rows: Rows) -> Data:
    """The data; what needs a library or a network to come by is kept in a file from then on."""
    if rows.source in DRAWN:
        return DRAWN[rows.source](rows)
    path = CACHE / f"{rows.source}.npz"
    if not path.exists():
        CACHE.mkdir(exist_ok=True)
        data = KNOWN[rows.source]()
        np.savez(path, X=data.X, y=data.y, X_test=data.X_test, y_test=data.y_test)
    with np.load(path) as file:
        return Data(file["X"], file["y"], file["X_test"], file["y_test"])


def _breast_cancer() -> Data:
    from sklearn import datasets

    X, y = datasets.load_breast_cancer(return_X_y=True)
    return _parted((X - X.mean(0)) / X.std(0), y)


def _digits() -> Data:
    from sklearn import datasets

    X, y = datasets.load_digits(return_X_y=True)
    return _parted(X / 16, y)


def _mnist() -> Data:
    folder = mnist.fetched(CACHE)
    X, y = mnist.read(folder, "train")
    X_test, y_test = mnist.read(folder, "t10k")
    return Data(X, y, X_test, y_test)


def _parted(X: Array, y: Array) -> Data:
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order].astype(np.float32), y[order].astype(np.intp)
    cut = int(TRAINING_SHARE * len(X))
    return Data(X[:cut], y[:cut], X[cut:], y[cut:])


def _waves(rows: Rows) -> Data:
    """Y = tanh(2 X A) b + 0.3 sin(3 x0) + 0.1 noise."""
    random = np.random.default_rng(rows.seed)
    A = random.standard_normal((rows.features, 20)) / np.sqrt(rows.features)
    b = random.standard_normal((20, 1)) / np.sqrt(20)
    X = random.standard_normal((rows.training + TEST_ROWS, rows.features), np.float32)
    y = np.tanh(2 * X @ A.astype(np.float32)) @ b.astype(np.float32) + 0.3 * np.sin(3 * X[:, :1])
    y += 0.1 * random.standard_normal(y.shape, np.float32)
    return Data(X[: rows.training], y[: rows.training], X[rows.training :], y[rows.training :])


def _drawn(rows: Rows) -> Data:
    """As many classes as there are outputs, two for one: where a smooth function is largest."""
    random = np.random.default_rng(rows.seed)
    test = min(TEST_ROWS, max(1_000, rows.training // 5))
    X = random.standard_normal((rows.training + test, rows.features), np.float32)
    A = random.standard_normal((rows.features, max(2, rows.outputs))).astype(np.float32)
    z = X @ A
    z += 0.5 * random.standard_normal(z.shape, np.float32)
    y = z.argmax(1)
    return Data(X[: rows.training], y[: rows.training], X[rows.training :], y[rows.training :])


KNOWN: Final[dict[str, Callable[[], Data]]] = {"breast_cancer": _breast_cancer, "digits": _digits, "mnist": _mnist}
DRAWN: Final[dict[str, Callable[[Rows], Data]]] = {"waves": _waves, "drawn": _drawn}
