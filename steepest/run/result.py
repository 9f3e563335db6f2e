"""What training in process gives: the network, how it came about, and how good it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from steepest.data.prepare import Prepared
from steepest.export.formats import format_of
from steepest.export.model import Model
from steepest.spec.errors import Diverged
from steepest.spec.names import StoppedBy
from steepest.spec.outcome import Result
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.evaluate import evaluate
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows

Record = dict[str, float | int | None]
"""An epoch under the public names of its figures."""


@dataclass(frozen=True)
class Run:
    """A trained network, and how it came about."""

    model: Model = field(repr=False)
    history: list[Record] = field(default_factory=list, repr=False)
    """A record for each epoch; empty for a network that was loaded."""
    result: Result | None = None
    """Figures of the weights that predictions use, on each part of the data; None for a network that was loaded."""
    stopped_by: StoppedBy | Literal["on_epoch"] | None = None
    warnings: tuple[str, ...] = ()
    error: Diverged | None = None
    """Why one of several networks has no result: `model` then holds the best weights before its numbers became
    infinite. A single network that diverges raises it."""

    @property
    def spec(self) -> ResolvedTrainSpec:
        """What was trained, every `"auto"` replaced."""
        return self.model.spec

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels (n,) in the dtype of y, or values (n,) in its units, for raw rows X (n, d).

        Several targets give (n, outputs).

        Raises:
            ValidationFailed: X does not have the features, or a value cannot be read.
        """
        return self.model.predict(np.asarray(X))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Probabilities (n, classes), in class order, or (n, labels), for raw rows X (n, d).

        Raises:
            ValidationFailed: the network predicts values, or X does not have the features.
        """
        return self.model.predict_proba(np.asarray(X))

    def save(self, path: str | Path) -> None:
        """Write weights, spec and preprocessing into one file.

        Args:
            path: Ends in `.safetensors`, `.npz`, `.json`, `.onnx` or `.py`, which chooses the format.

        Raises:
            ValueError: the name ends otherwise.
            ValidationFailed: the network is too large for the format, or ONNX is asked for and not installed.
        """
        Path(path).write_bytes(format_of(path).dump(self.model))


def load(path: str | Path) -> Run:
    """The network in a file that `Run.save` or the service wrote.

    Raises:
        InvalidRequest: the file holds no network.
        ValueError: its name ends in none of `.safetensors`, `.npz` and `.json`.
    """
    load = format_of(path).load
    if load is None:
        raise ValueError(f"{path} is for other programs; a network is loaded from .safetensors, .npz or .json")
    return Run(load(Path(path)))


def result_of(
    network: Network,
    theta: NDArray[Any],
    data: Prepared,
    *,
    epochs: int,
    best_epoch: int,
    watch: Callable[[], object] | None = None,
) -> Result:
    """The figures of weights `theta` (P + R,) on each part of the data that has rows; `watch` may raise to end it."""
    figures: dict[str, float | None] = {}
    for part, rows in (("training", data.training), ("validation", data.validation), ("test", data.test)):
        if rows is not None:
            measured = evaluate(network, theta, Rows(*rows), watch=watch)
            figures |= {f"{part}_loss": measured.loss, f"{part}_accuracy": measured.accuracy, f"{part}_r2": measured.r2}
    return Result(epochs=epochs, best_epoch=best_epoch, parameters=network.parameters, **figures)
