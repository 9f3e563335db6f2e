"""Figures of values are scikit-learn's, of one column and of several."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from numpy.typing import NDArray
from sklearn import metrics

from steepest.data.target import Target
from steepest.inspect.evaluation.losses import loss_of
from steepest.inspect.evaluation.sample import Sample
from steepest.inspect.evaluation.values import ValueTally
from steepest.spec.figures import RESIDUAL_QUANTILES, ValueFigures
from steepest.spec.names import DELTAS, LOSSES_BY_TASK
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec
from steepest.trainer.objectives import OBJECTIVES
from tests.unit.inspect.evaluation.drawn import fed, of_values


def squared(y: NDArray[Any], predicted: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.square(y - predicted).mean(axis=1))


def figures(y: NDArray[np.float64], predicted: NDArray[np.float64]) -> ValueFigures:
    tally = ValueTally([f"column {index}" for index in range(y.shape[1])], squared)
    fed(tally, y, predicted)
    return tally.figures()


@given(of_values())
def test_figures(drawn: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    y, predicted = drawn
    found = figures(y, predicted)
    for name in ("mean_squared_error", "root_mean_squared_error", "mean_absolute_error"):
        theirs = getattr(metrics, name)
        assert getattr(found, name) == pytest.approx(theirs(y, predicted))
        for mine, expected in zip(found.columns, theirs(y, predicted, multioutput="raw_values"), strict=True):
            assert getattr(mine, name) == pytest.approx(expected)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        r2 = metrics.r2_score(y, predicted)
    assert found.r2 == (None if len(y) < 2 else pytest.approx(r2))
    for index, mine in enumerate(found.columns):
        quantiles = np.quantile((y - predicted)[:, index], RESIDUAL_QUANTILES)
        np.testing.assert_allclose(list(mine.residual_quantiles.values()), quantiles)


def test_quantiles_are_named_by_their_share() -> None:
    found = figures(np.arange(101.0)[:, None], np.zeros((101, 1)))
    assert found.columns[0].residual_quantiles == {
        "0": 0.0, "0.05": 5.0, "0.25": 25.0, "0.5": 50.0, "0.75": 75.0, "0.95": 95.0, "1": 100.0,
    }  # fmt: skip
    assert found.quantile_rows == 101


def test_values_far_from_zero_lose_no_figure() -> None:
    draw = np.random.default_rng(0)
    y = 1e8 + draw.normal(size=(3_000, 1))
    predicted = y + draw.normal(scale=0.1, size=(3_000, 1))
    assert figures(y, predicted).r2 == pytest.approx(metrics.r2_score(y, predicted), rel=1e-9)


def test_of_very_many_rows_quantiles_are_those_of_a_sample() -> None:
    draw = np.random.default_rng(0)
    y = draw.normal(size=(50_000, 1))
    tally = ValueTally(["y"], squared, Sample(10_000))
    fed(tally, y, np.zeros_like(y), 20)
    found = tally.figures()
    assert 2_500 <= found.quantile_rows <= 10_000
    assert found.columns[0].residual_quantiles["0.5"] == pytest.approx(0.0, abs=0.05)
    assert found.mean_squared_error == pytest.approx(np.square(y).mean())


LOSSES: list[dict[str, Any]] = [
    {"name": name} | ({"delta": 0.5} if name in DELTAS else {}) for name in LOSSES_BY_TASK["regression"]
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: str(loss["name"]))
def test_the_loss_of_a_row_is_the_trainers(loss: dict[str, Any]) -> None:
    spec = resolved(loss)
    draw = np.random.default_rng(0)
    z, y = draw.normal(size=(30, 2)), draw.poisson(3.0, (30, 2)).astype(float)
    poisson = loss["name"] == "poisson"
    target = Target(("a", "b"), "regression", means=(0.0, 0.0), scales=(1.0, 1.0) if poisson else (2.0, 5.0))
    objective = OBJECTIVES[spec.loss.name, spec.output_activation](
        1, 1, 2, 30, np.float64, delta=spec.loss.delta or 1.0
    )
    expected = objective.formula(z, y)
    scales = np.array(target.scales)
    found = loss_of(spec, target)(y * scales, np.exp(z) if poisson else z * scales)
    np.testing.assert_allclose(found, expected)


def test_the_worst_rows_of_several_columns_name_them() -> None:
    tally = ValueTally(["a", "b"], squared)
    fed(tally, np.array([[1.0, 2.0], [5.0, 0.0]]), np.array([[1.0, 1.0], [1.0, 0.0]]), 2)
    worst = tally.worst_rows()
    assert [(each.row, each.loss) for each in worst] == [(1, 8.0), (0, 0.5)]
    assert (worst[0].target, worst[0].predicted) == ({"a": 5.0, "b": 0.0}, {"a": 1.0, "b": 0.0})


def resolved(loss: dict[str, Any]) -> ResolvedTrainSpec:
    facts = TargetFacts(name="a", rows=30, distinct=30, numeric=True, whole=False, classes=None, counts=None, least=0.0)
    return resolve(TrainSpec.model_validate({"loss": loss}), [facts]).spec
