"""Figures of labels that a row may have: p is a row's probability of each, y is 1 where it has the label, else 0."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.inspect.evaluation.calibration import CalibrationTally
from steepest.inspect.evaluation.classes import EPSILON, MOST_CURVES
from steepest.inspect.evaluation.means import mean, ratio
from steepest.inspect.evaluation.ranking import Ranking
from steepest.inspect.evaluation.sample import Sample
from steepest.inspect.evaluation.worst import Worst
from steepest.spec.figures import LabelFigure, LabelFigures, WorstRow
from steepest.spec.tasks import HALF


class LabelTally:
    """Sums over rows, from which all figures come."""

    def __init__(self, labels: Sequence[str], sample: Sample | None = None) -> None:
        self._labels = labels
        self._rows = 0
        self._right = 0
        self._confusion = np.zeros((len(labels), 2, 2), np.int64)
        self._log_loss = np.zeros(len(labels))
        self._brier = np.zeros(len(labels))
        self._calibration = [CalibrationTally() for _ in labels]
        self._sample = sample or Sample()
        self._worst = Worst()

    def add(self, rows: NDArray[np.intp], y: NDArray[Any], probabilities: NDArray[np.floating[Any]]) -> None:
        """Take in rows: their numbers (n,), labels (n, labels) of 0 and 1, and probabilities (n, labels)."""
        p, has = probabilities.astype(np.float64), y > 0
        given = p > HALF
        losses = -np.log(np.clip(np.where(has, p, 1 - p), EPSILON, 1 - EPSILON))
        self._rows += len(rows)
        self._right += int((given == has).all(axis=1).sum())
        self._log_loss += losses.sum(axis=0)
        self._brier += np.square(p - has).sum(axis=0)
        for index, calibration in enumerate(self._calibration):
            cells = np.bincount(2 * has[:, index] + given[:, index], minlength=4)
            self._confusion[index] += cells.reshape(2, 2)
            calibration.add(p[:, index], has[:, index])
        self._sample.add(rows, has, probabilities)
        self._worst.add(rows, losses.sum(axis=1), has, given)

    def figures(self) -> LabelFigures:
        """All figures of the rows so far, of which there is at least one."""
        has, probabilities = self._sample.arrays
        rankings = [Ranking.of(has[:, index], probabilities[:, index]) for index in range(len(self._labels))]
        labels = [self._figure(index, ranking) for index, ranking in enumerate(rankings)]
        drawn = zip(self._labels, rankings, strict=True) if len(labels) <= MOST_CURVES else ()
        return LabelFigures(
            task="multilabel",
            accuracy=self._right / self._rows,
            log_loss=float(self._log_loss.sum() / self._rows),
            brier=float(self._brier.mean() / self._rows),
            f1=mean(each.f1 for each in labels),
            roc_auc=mean(each.roc_auc for each in labels),
            pr_auc=mean(each.pr_auc for each in labels),
            labels=labels,
            curves=[ranking.curves(label) for label, ranking in drawn],
            curve_rows=len(has),
        )

    def worst_rows(self) -> list[WorstRow]:
        """The rows whose labels were thought the least likely."""
        worst = self._worst
        return [
            WorstRow(row=row, loss=loss, target=self._names(has), predicted=self._names(given))
            for row, loss, has, given in zip(worst.rows.tolist(), worst.losses.tolist(), *worst.details, strict=True)
        ]

    def _figure(self, index: int, ranking: Ranking) -> LabelFigure:
        confusion = self._confusion[index]
        (_, wrong), (missed, hit) = confusion.tolist()
        return LabelFigure(
            label=self._labels[index],
            support=missed + hit,
            accuracy=float(confusion.trace() / self._rows),
            precision=ratio(hit, wrong + hit),
            recall=ratio(hit, missed + hit),
            f1=ratio(2 * hit, 2 * hit + wrong + missed),
            log_loss=float(self._log_loss[index] / self._rows),
            brier=float(self._brier[index] / self._rows),
            roc_auc=ranking.roc_auc,
            pr_auc=ranking.average_precision,
            confusion_matrix=confusion.tolist(),
            calibration=self._calibration[index].figures(),
        )

    def _names(self, which: NDArray[np.bool_]) -> list[str]:
        return [label for label, there in zip(self._labels, which, strict=True) if there]
