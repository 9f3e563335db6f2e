"""Figures of labels are scikit-learn's, label by label."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.calibration import calibration_curve

from steepest.inspect.evaluation.labels import LabelTally
from tests.unit.inspect.evaluation.drawn import fed, of_labels


@pytest.fixture(autouse=True)
def _scikit_learn_warns_of_absent_labels() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sklearn")
        yield


@given(of_labels())
def test_figures(drawn: tuple[NDArray[np.int64], NDArray[np.float64]]) -> None:
    y, p = drawn
    tally = LabelTally([f"label {index}" for index in range(p.shape[1])])
    fed(tally, y, p)
    found, given_labels = tally.figures(), p > 0.5
    assert found.accuracy == pytest.approx(metrics.accuracy_score(y, given_labels))
    assert found.log_loss == pytest.approx(
        sum(metrics.log_loss(y[:, index], p[:, index], labels=[0, 1]) for index in range(p.shape[1]))
    )
    for index, each in enumerate(found.labels):
        truth, score = y[:, index], p[:, index]
        assert each.accuracy == pytest.approx(metrics.accuracy_score(truth, given_labels[:, index]))
        assert each.confusion_matrix == metrics.confusion_matrix(truth, given_labels[:, index], labels=[0, 1]).tolist()
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth, given_labels[:, index], labels=[1], zero_division=np.nan
        )
        for mine, theirs in ((each.precision, precision), (each.recall, recall), (each.f1, f1)):
            assert mine == (None if np.isnan(theirs[0]) else pytest.approx(theirs[0]))
        assert each.log_loss == pytest.approx(metrics.log_loss(truth, score, labels=[0, 1]))
        assert each.brier == pytest.approx(metrics.brier_score_loss(truth, score, labels=[0, 1]))
        both = len(set(truth.tolist())) == 2
        assert each.roc_auc == (pytest.approx(metrics.roc_auc_score(truth, score)) if both else None)
        has = truth.any()
        assert each.pr_auc == (pytest.approx(metrics.average_precision_score(truth, score)) if has else None)
        observed, predicted = calibration_curve(truth, score, n_bins=10, pos_label=1)
        np.testing.assert_allclose(each.calibration.observed, observed)
        np.testing.assert_allclose(each.calibration.predicted, predicted)
    if all(each.roc_auc is not None for each in found.labels):
        assert found.roc_auc == pytest.approx(metrics.roc_auc_score(y, p, average="macro"))
        assert found.pr_auc == pytest.approx(metrics.average_precision_score(y, p, average="macro"))


def test_the_worst_rows_name_their_labels() -> None:
    tally = LabelTally(["red", "green"])
    fed(tally, np.array([[1, 0], [1, 1], [0, 0]]), np.array([[0.9, 0.2], [0.1, 0.6], [0.5, 0.5]]))
    worst = tally.worst_rows()
    assert [each.row for each in worst] == [1, 2, 0]
    assert (worst[0].target, worst[0].predicted) == (["red", "green"], ["green"])
    assert worst[0].loss == pytest.approx(-np.log(0.1) - np.log(0.6))
