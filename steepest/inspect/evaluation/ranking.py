"""One class against the others, by how likely rows are thought to be of it: ROC and precision-recall.

TP and FP are the positive and negative rows with at least a threshold's score, P and N all there are (Fawcett 2006).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.spec.figures import Curves, PrecisionRecallCurve, RocCurve

POINTS: Final = 101
"""Of a curve, at most."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ranking:
    """TP and FP at each threshold: the distinct scores, falling."""

    thresholds: Floats
    tp: Floats
    fp: Floats

    @classmethod
    def of(cls, positive: NDArray[np.bool_], scores: NDArray[Any]) -> "Ranking":
        """Of rows (n,): whether each is positive, and its score. Rows of equal scores come at once."""
        order = np.argsort(-scores, kind="stable")
        ordered = scores[order]
        ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1) if len(ordered) else order
        tp = np.cumsum(positive[order], dtype=np.float64)[ends]
        return cls(ordered[ends].astype(np.float64), tp, 1.0 + ends - tp)

    @property
    def positives(self) -> float:
        """P."""
        return float(self.tp[-1]) if len(self.tp) else 0.0

    @property
    def negatives(self) -> float:
        """N."""
        return float(self.fp[-1]) if len(self.fp) else 0.0

    @cached_property
    def roc_auc(self) -> float | None:
        """The area under the ROC curve, by trapezoids; None where P or N is 0."""
        if not self.positives or not self.negatives:
            return None
        x, y = _from(0.0, self.fp), _from(0.0, self.tp)
        return float(np.sum(np.diff(x) * (y[1:] + y[:-1])) / 2 / (self.positives * self.negatives))

    @cached_property
    def average_precision(self) -> float | None:
        """The sum of each threshold's precision times what it adds to the recall; None where P is 0."""
        if not self.positives:
            return None
        return float(np.sum(np.diff(_from(0.0, self.tp)) * self._precision) / self.positives)

    def curves(self, label: str) -> Curves:
        """Both curves, with as many points as a picture needs."""
        return Curves(label=label, roc=self._roc(), precision_recall=self._precision_recall())

    @property
    def _precision(self) -> Floats:
        return self.tp / (self.tp + self.fp)

    def _roc(self) -> RocCurve | None:
        if not self.positives or not self.negatives:
            return None
        x, y = _from(0.0, self.fp) / self.negatives, _from(0.0, self.tp) / self.positives
        kept = thinned(x, y)
        return RocCurve(
            false_positive_rate=x[kept].tolist(),
            true_positive_rate=y[kept].tolist(),
            thresholds=_from(np.inf, self.thresholds)[kept].tolist(),
        )

    def _precision_recall(self) -> PrecisionRecallCurve | None:
        if not self.positives:
            return None
        x, y = _from(0.0, self.tp) / self.positives, _from(1.0, self._precision)
        kept = thinned(x, y)
        return PrecisionRecallCurve(
            precision=y[kept].tolist(),
            recall=x[kept].tolist(),
            thresholds=_from(np.inf, self.thresholds)[kept].tolist(),
        )


def thinned(x: Floats, y: Floats, most: int = POINTS) -> NDArray[np.intp]:
    """Places of at most `most` points of a curve, evenly along its way, the first and the last among them."""
    if len(x) <= most:
        return np.arange(len(x))
    way = np.concatenate(([0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))))
    places = np.searchsorted(way, np.linspace(0.0, way[-1], most))
    return np.unique(np.concatenate(([0], np.minimum(places, len(x) - 1), [len(x) - 1])))[-most:]


def _from(first: float, rest: Floats) -> Floats:
    return np.concatenate(([first], rest))
