"""From sums over rows to the figures that people read: loss, and accuracy or R2."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from steepest.trainer.arrays import Array
from steepest.trainer.network import Network

AT_ONCE: Final = 1 << 20
"""Rows whose targets are looked at together."""


@dataclass(frozen=True)
class Figures:
    """How good a network is on some rows."""

    loss: float
    accuracy: float | None = None
    """Share of rows whose likeliest class is theirs; None for values."""
    r2: float | None = None
    """Coefficient of determination; None for classes, and where it does not exist: fewer than two rows."""

    def named(self, name: str) -> float | None:
        """The figure of a name such as `validation_loss`, whichever rows these are of."""
        return self.loss if name.endswith("loss") else self.metric

    @property
    def metric(self) -> float | None:
        """The accuracy or the R2."""
        return self.r2 if self.accuracy is None else self.accuracy


@dataclass(frozen=True)
class Yardstick:
    """What sums over certain rows are measured by."""

    rows: int
    variation: Array | None
    """(outputs,) sum of squares of the values about their mean; None for classes."""

    @classmethod
    def of(cls, network: Network, y: Array) -> "Yardstick":
        """For the targets `y` of all rows."""
        if network.classifies:
            return cls(len(y), None)
        values = y.reshape(len(y), -1)
        mean = values.mean(0, dtype=np.float64)
        # Some rows at a time: the targets may be a map of a file, and larger than memory.
        parts = (values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE))
        variation: Array = sum(np.square(part - mean).sum(0) for part in parts)
        return cls(len(y), variation)

    @property
    def metric(self) -> Literal["accuracy", "r2"]:
        """What is reported beside the loss."""
        return "accuracy" if self.variation is None else "r2"

    @property
    def sums(self) -> int:
        """Figures that an objective sums up: the loss, and hits or each output's squared residuals."""
        return 2 if self.variation is None else 1 + len(self.variation)

    def figures(self, sums: Array, seen: int | None = None) -> Figures:
        """The figures of an objective's `sums` (figures,) over all rows, or over the first `seen`, which have no R2."""
        rows = self.rows if seen is None else seen
        loss = float(sums[0]) / rows
        if self.variation is None:
            return Figures(loss, accuracy=float(sums[1]) / rows)
        return Figures(loss, r2=_r2(sums[1:], self.variation) if rows == self.rows > 1 else None)


def _r2(residual: Array, variation: Array) -> float:
    """1 - residual / variation, averaged over outputs; for constant values 1 if they are hit exactly, else 0."""
    constant = np.where(residual == 0, 1.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(variation > 0, 1 - residual / variation, constant).mean())
