from typing import Any

import numpy as np
import pytest

from steepest.spec.optimizers import Adagrad, Adam, AdamW, GradientDescent, Momentum, Nesterov, RMSprop
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.engines import codes
from steepest.trainer.engines.kernels import optimizers
from steepest.trainer.engines.ways import Way
from steepest.trainer.network import Dense
from steepest.trainer.objectives import OBJECTIVES
from steepest.trainer.optimizers import OPTIMIZERS
from tests.unit.trainer.engines.plan import Case, assert_equal

WAYS = {
    "alone": Way(),
    "alone by rows": Way(by_rows=True),
    "by units": Way(2, team=True),
    "by rows": Way(2, team=True, by_rows=True),
    "three by rows": Way(3, team=True, by_rows=True),
}
DOUBLE, SINGLE = 1e-12, 2e-5

ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def check(case: Case, way: Way, tolerance: float = DOUBLE) -> None:
    kernel = case.by_kernel(way)
    np.testing.assert_array_equal(kernel.taken, case.steps)
    assert_equal(kernel, case.by_plan(), tolerance)


def test_every_kernel_is_of_a_piece() -> None:
    assert set(codes.ACTIVATIONS) <= set(ACTIVATIONS)
    assert set(codes.OBJECTIVES) <= set(OBJECTIVES)
    assert set(codes.OPTIMIZERS) <= set(OPTIMIZERS)
    assert set(codes.OPTIMIZERS) == set(optimizers.SETTINGS)


@ways
@pytest.mark.parametrize("activation", codes.ACTIVATIONS)
def test_activations(activation: Any, way: Way) -> None:
    check(Case(layers=[Dense(33, activation, 0.3), Dense(20, activation, 0.3)], rows=40), way)


@pytest.mark.parametrize("activation", codes.ACTIVATIONS)
def test_activations_in_single_precision(activation: Any) -> None:
    check(Case(layers=[Dense(33, activation), Dense(20, activation)], rows=40, dtype=np.float32), Way(), SINGLE)


@ways
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("outputs", [1, 4])
@pytest.mark.parametrize("loss", list(codes.OBJECTIVES), ids="-".join)
def test_objectives(loss: Any, outputs: int, weighted: bool, way: Way) -> None:
    if loss[1] == "softmax":
        outputs += 1
    check(Case(loss=loss, outputs=outputs, weighted=weighted, label_smoothing=0.1, rows=37), way)


@ways
@pytest.mark.parametrize(
    "settings",
    [GradientDescent(), Momentum(), Nesterov(momentum=0.8), Adagrad(), RMSprop(), Adam(), AdamW(weight_decay=0.3)],
    ids=lambda each: each.name,
)
@pytest.mark.parametrize("penalties", [(), ((0.01, 0.02),)], ids=["plain", "penalized"])
def test_optimizers(settings: Any, penalties: Any, way: Way) -> None:
    check(Case(settings=[settings], penalties=penalties), way)


@pytest.mark.parametrize("way", [WAYS["alone"], WAYS["by units"]], ids=["alone", "by units"])
@pytest.mark.parametrize("settings", [Momentum(), GradientDescent(), AdamW()], ids=lambda each: each.name)
def test_batch_norm_and_dropout(settings: Any, way: Way) -> None:
    layers = [Dense(33, "gelu", batch_norm=True), Dense(20, "relu", batch_norm=True), Dense(12, "tanh")]
    check(Case(layers=layers, rates=[[0.3], [0.0], [0.5]], settings=[settings], rows=40), way, 1e-11)


@ways
def test_no_hidden_layers(way: Way) -> None:
    check(Case(layers=[], rows=40), way)


@pytest.mark.parametrize("way", [Way(), Way(2), Way(2, team=True)], ids=["alone", "crew", "team"])
@pytest.mark.parametrize("orders", [1, 3])
def test_a_stack_is_its_networks_alone(orders: int, way: Way) -> None:
    settings = [Adam(beta_1=0.8), Adam(epsilon=1e-3), Adam()]
    case = Case(
        layers=[Dense(33, "relu"), Dense(20, "gelu", batch_norm=True)],
        settings=settings,
        orders=orders,
        rates=[[0.1, 0.5, 0.0], [0.0, 0.0, 0.0]],
        penalties=[(0.0, 0.1), (0.01, 0.0), (0.0, 0.0)],
        rows=40,
    )
    check(case, way, 1e-11)


def test_equal_runs_are_equal_to_the_bit() -> None:
    case = Case(layers=[Dense(70, "tanh"), Dense(50, "relu")], rows=100, dtype=np.float32)
    for way in WAYS.values():
        first, second = case.by_kernel(way), case.by_kernel(way)
        assert (first.theta == second.theta).all()


@ways
def test_stops_before_the_step_whose_sums_are_not_finite(way: Way) -> None:
    case = Case(
        settings=[GradientDescent()], loss=("mean_squared_error", "linear"), layers=[Dense(33, "relu")], rows=40
    )
    case.X[case.order[0, 2 * case.rows + 20], 1] = np.inf
    kernel = case.by_kernel(way)
    np.testing.assert_array_equal(kernel.taken, 2)
    case.steps, case.order = 2, case.order[:, : 2 * case.rows]
    case.learning_rates = case.learning_rates[:2]
    np.testing.assert_allclose(kernel.theta, case.by_plan().theta, rtol=1e-12, atol=1e-14)
