"""Figures of classes: p is a row's probability of each class, y its class, in class order."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.inspect.evaluation.calibration import CalibrationTally
from steepest.inspect.evaluation.means import mean, ratio
from steepest.inspect.evaluation.ranking import Ranking
from steepest.inspect.evaluation.sample import Sample
from steepest.inspect.evaluation.worst import Worst
from steepest.spec.figures import ClassFigure, ClassFigures, WorstRow

EPSILON: Final = float(np.finfo(np.float64).eps)
"""A probability counts at least this much, and at most one less this: no logarithm is infinite."""

MOST_CURVES: Final = 20
"""Beyond so many classes, nobody looks at the curves of each."""


class ClassTally:
    """Sums over rows, from which all figures come."""

    def __init__(self, labels: Sequence[str], sample: Sample | None = None) -> None:
        self._labels = labels
        self._confusion = np.zeros((len(labels), len(labels)), np.int64)
        self._log_loss = 0.0
        self._brier = 0.0
        self._calibration = CalibrationTally()
        self._sample = sample or Sample()
        self._worst = Worst()

    def add(self, rows: NDArray[np.intp], y: NDArray[np.intp], probabilities: NDArray[np.floating[Any]]) -> None:
        """Take in rows: their numbers (n,), class codes (n,) and probabilities (n, classes)."""
        p = probabilities.astype(np.float64)
        classes = len(self._labels)
        of_class, predicted = p[np.arange(len(y)), y], p.argmax(axis=1)
        losses = -np.log(np.clip(of_class, EPSILON, 1 - EPSILON))
        self._confusion += np.bincount(y * classes + predicted, minlength=classes**2).reshape(classes, classes)
        self._log_loss += losses.sum()
        if classes == 2:
            self._brier += np.square(p[:, 1] - y).sum()
            self._calibration.add(p[:, 1], y == 1)
        else:
            self._brier += (np.square(p).sum(axis=1) - np.square(of_class) + np.square(1 - of_class)).sum()
            self._calibration.add(p.max(axis=1), predicted == y)
        self._sample.add(rows, y.astype(np.int32), probabilities)
        self._worst.add(rows, losses, y, predicted, of_class)

    def figures(self) -> ClassFigures:
        """All figures of the rows so far, of which there is at least one."""
        total, hits = int(self._confusion.sum()), self._confusion.diagonal()
        support, given = self._confusion.sum(axis=1), self._confusion.sum(axis=0)
        y, probabilities = self._sample.arrays
        rankings = [Ranking.of(y == code, probabilities[:, code]) for code in range(len(self._labels))]
        classes = [
            ClassFigure(
                label=label,
                support=int(support[code]),
                precision=ratio(hits[code], given[code]),
                recall=ratio(hits[code], support[code]),
                f1=ratio(2 * hits[code], given[code] + support[code]),
                roc_auc=rankings[code].roc_auc,
                pr_auc=rankings[code].average_precision,
            )
            for code, label in enumerate(self._labels)
        ]
        binary = len(classes) == 2
        of_areas = classes[1:] if binary else classes
        drawn = range(1, 2) if binary else range(len(classes) if len(classes) <= MOST_CURVES else 0)
        return ClassFigures(
            task="binary" if binary else "multiclass",
            accuracy=float(hits.sum() / total),
            balanced_accuracy=mean(each.recall for each in classes) or 0.0,
            log_loss=self._log_loss / total,
            brier=self._brier / total,
            f1=mean(each.f1 for each in classes),
            roc_auc=mean(each.roc_auc for each in of_areas),
            pr_auc=mean(each.pr_auc for each in of_areas),
            classes=classes,
            confusion_matrix=self._confusion.tolist(),
            calibration=self._calibration.figures(),
            curves=[rankings[code].curves(self._labels[code]) for code in drawn],
            curve_rows=len(y),
        )

    def worst_rows(self) -> list[WorstRow]:
        """The rows whose class was thought the least likely."""
        worst = self._worst
        return [
            WorstRow(row=row, loss=loss, target=self._labels[y], predicted=self._labels[code], probability=probability)
            for row, loss, y, code, probability in zip(
                worst.rows.tolist(), worst.losses.tolist(), *(each.tolist() for each in worst.details), strict=True
            )
        ]
