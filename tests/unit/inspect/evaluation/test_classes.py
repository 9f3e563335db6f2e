"""Figures of classes are scikit-learn's: for ties, for classes that no row has, for probabilities of 0 and 1."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.calibration import calibration_curve

from steepest.inspect.evaluation.classes import ClassTally
from steepest.inspect.evaluation.sample import Sample
from steepest.spec.figures import ClassFigures
from tests.unit.inspect.evaluation.drawn import fed, of_classes


def figures(y: NDArray[np.intp], p: NDArray[np.float64], sample: Sample | None = None) -> ClassFigures:
    tally = ClassTally([f"class {code}" for code in range(p.shape[1])], sample)
    fed(tally, y, p)
    return tally.figures()


@pytest.fixture(autouse=True)
def _scikit_learn_warns_of_absent_classes() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="sklearn")
        warnings.filterwarnings("ignore", message=".*(no positive|class|probabilities).*")
        yield


@given(of_classes())
def test_figures_of_rows(drawn: tuple[NDArray[np.intp], NDArray[np.float64]]) -> None:
    y, p = drawn
    labels, found = list(range(p.shape[1])), figures(y, p)
    predicted = p.argmax(axis=1)
    assert found.accuracy == pytest.approx(metrics.accuracy_score(y, predicted))
    present = metrics.recall_score(y, predicted, labels=np.unique(y), average="macro", zero_division=np.nan)
    assert found.balanced_accuracy == pytest.approx(present)
    assert found.confusion_matrix == metrics.confusion_matrix(y, predicted, labels=labels).tolist()
    assert found.log_loss == pytest.approx(metrics.log_loss(y, p, labels=labels))
    expected = metrics.brier_score_loss(y, p[:, 1] if p.shape[1] == 2 else p, labels=labels)
    assert found.brier == pytest.approx(expected)


@given(of_classes())
def test_balanced_accuracy_where_every_predicted_class_is_present(
    drawn: tuple[NDArray[np.intp], NDArray[np.float64]],
) -> None:
    y, p = drawn
    expected = metrics.balanced_accuracy_score(y, p.argmax(axis=1))
    assert figures(y, p).balanced_accuracy == pytest.approx(expected)


@given(of_classes())
def test_figures_of_each_class(drawn: tuple[NDArray[np.intp], NDArray[np.float64]]) -> None:
    y, p = drawn
    labels, found = list(range(p.shape[1])), figures(y, p)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        y, p.argmax(axis=1), labels=labels, zero_division=np.nan
    )
    for code, each in enumerate(found.classes):
        assert each.support == support[code]
        for mine, theirs in ((each.precision, precision), (each.recall, recall), (each.f1, f1)):
            assert mine == (None if np.isnan(theirs[code]) else pytest.approx(theirs[code]))
    there = f1[~np.isnan(f1)]
    assert found.f1 == (pytest.approx(there.mean()) if len(there) else None)


@given(of_classes())
def test_areas_of_each_class(drawn: tuple[NDArray[np.intp], NDArray[np.float64]]) -> None:
    y, p = drawn
    found = figures(y, p)
    areas, precisions = [], []
    for code, each in enumerate(found.classes):
        positive = y == code
        area = metrics.roc_auc_score(positive, p[:, code]) if len(set(positive)) == 2 else None
        precision = metrics.average_precision_score(positive, p[:, code]) if positive.any() else None
        assert each.roc_auc == (None if area is None else pytest.approx(area))
        assert each.pr_auc == (None if precision is None else pytest.approx(precision))
        areas.append(area)
        precisions.append(precision)
    if p.shape[1] == 2:
        assert found.roc_auc == (None if areas[1] is None else pytest.approx(areas[1]))
        assert found.pr_auc == (None if precisions[1] is None else pytest.approx(precisions[1]))
    elif None not in areas:
        assert found.roc_auc == pytest.approx(metrics.roc_auc_score(y, p, multi_class="ovr"))
        assert found.pr_auc == pytest.approx(np.mean([each or 0.0 for each in precisions]))


@given(of_classes(2, 2))
def test_the_calibration_of_two_classes(drawn: tuple[NDArray[np.intp], NDArray[np.float64]]) -> None:
    y, p = drawn
    observed, predicted = calibration_curve(y, p[:, 1], n_bins=10, pos_label=1)
    found = figures(y, p).calibration
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.predicted, predicted)
    assert sum(found.rows) == len(y)


@given(of_classes(3))
def test_the_calibration_of_more_classes_is_that_of_the_predicted_one(
    drawn: tuple[NDArray[np.intp], NDArray[np.float64]],
) -> None:
    y, p = drawn
    observed, predicted = calibration_curve(p.argmax(axis=1) == y, p.max(axis=1), n_bins=10, pos_label=True)
    found = figures(y, p).calibration
    np.testing.assert_allclose(found.observed, observed)
    np.testing.assert_allclose(found.predicted, predicted)


def test_curves_of_few_rows_are_scikit_learns() -> None:
    draw = np.random.default_rng(0)
    y, positive = draw.integers(0, 2, 60), draw.integers(0, 9, 60) / 8
    (curves,) = figures(y, np.stack([1 - positive, positive], axis=1)).curves
    assert curves.label == "class 1"
    assert curves.roc is not None
    assert curves.precision_recall is not None
    fpr, tpr, thresholds = metrics.roc_curve(y, positive, drop_intermediate=False)
    np.testing.assert_allclose(curves.roc.false_positive_rate, fpr)
    np.testing.assert_allclose(curves.roc.true_positive_rate, tpr)
    np.testing.assert_allclose(curves.roc.thresholds, thresholds)
    precision, recall, thresholds = metrics.precision_recall_curve(y, positive)
    np.testing.assert_allclose(curves.precision_recall.precision, precision[::-1])
    np.testing.assert_allclose(curves.precision_recall.recall, recall[::-1])
    np.testing.assert_allclose(curves.precision_recall.thresholds[1:], thresholds[::-1])


def test_curves_of_many_rows_have_few_points_and_nearly_the_same_area() -> None:
    draw = np.random.default_rng(0)
    y = draw.integers(0, 2, 20_000)
    positive = 1 / (1 + np.exp(-draw.normal(y, 1.0)))
    found = figures(y, np.stack([1 - positive, positive], axis=1))
    roc = found.curves[0].roc
    assert roc is not None
    assert found.roc_auc == pytest.approx(metrics.roc_auc_score(y, positive))
    assert len(roc.thresholds) <= 101
    corners = (roc.false_positive_rate[0], roc.true_positive_rate[0], roc.false_positive_rate[-1])
    assert corners == (0.0, 0.0, 1.0)
    assert metrics.auc(roc.false_positive_rate, roc.true_positive_rate) == pytest.approx(found.roc_auc, abs=1e-3)


def test_many_classes_have_figures_but_no_curves() -> None:
    draw = np.random.default_rng(0)
    p = draw.dirichlet(np.ones(21), 100)
    found = figures(draw.integers(0, 21, 100), p)
    assert (len(found.classes), len(found.curves), found.curve_rows) == (21, 0, 100)


def test_of_very_many_rows_areas_are_those_of_a_sample_and_all_else_is_of_all() -> None:
    draw = np.random.default_rng(0)
    y = draw.integers(0, 2, 40_000)
    positive = 1 / (1 + np.exp(-draw.normal(y, 1.0)))
    p = np.stack([1 - positive, positive], axis=1)
    exact, found = figures(y, p), figures(y, p, Sample(30_000))
    assert 3_000 <= found.curve_rows <= 10_000
    assert found.roc_auc == pytest.approx(exact.roc_auc, abs=0.02)
    same = {"curves", "curve_rows", "roc_auc", "pr_auc", "classes"}
    assert found.model_dump(exclude=same) == exact.model_dump(exclude=same)


def test_the_worst_rows_are_the_twenty_of_the_least_probability() -> None:
    draw = np.random.default_rng(0)
    y, p = draw.integers(0, 3, 100), draw.dirichlet(np.ones(3), 100)
    p[70] = [0.0, 0.5, 0.5]
    y[70] = 0
    tally = ClassTally(["a", "b", "c"])
    fed(tally, y, p, 7)
    worst = tally.worst_rows()
    of_class = p[np.arange(100), y]
    assert [each.row for each in worst] == np.argsort(of_class, kind="stable")[:20].tolist()
    first = worst[0]
    assert (first.row, first.target, first.predicted, first.probability) == (70, "a", "b", 0.0)
    assert first.loss == pytest.approx(-np.log(np.finfo(np.float64).eps))
    for each in worst[1:]:
        assert each.loss == pytest.approx(-np.log(of_class[each.row]))
