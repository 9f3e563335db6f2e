"""Each optimizer's operations against its textbook formula, step by step."""

from typing import Any, get_args

import numpy as np
import pytest

from steepest.spec import optimizers as spec
from steepest.spec.optimizers import (
    SUPPORTED,
    Adagrad,
    Adam,
    AdamW,
    GradientDescent,
    Momentum,
    Nesterov,
    RMSprop,
)
from steepest.spec.optimizers import Optimizer as Settings
from steepest.trainer.arrays import Array, run
from steepest.trainer.chunks import MARK
from steepest.trainer.optimizers import OPTIMIZERS

STEPS = 40
KINDS = [kind for kind in get_args(get_args(spec.Optimizer)[0]) if kind is not spec.LBFGS]


CASES: list[list[Any]] = [
    [GradientDescent()],
    [GradientDescent(learning_rate=0.3), GradientDescent()],
    [Momentum(), Momentum()],
    [Momentum(learning_rate=0.1, momentum=0.0), Momentum(), Momentum(momentum=0.5)],
    [Nesterov(), Nesterov()],
    [Nesterov(learning_rate=0.1, momentum=0.0), Nesterov(momentum=0.5)],
    [Adagrad(), Adagrad()],
    [Adagrad(epsilon=1e-3), Adagrad(learning_rate=0.5)],
    [RMSprop(), RMSprop()],
    [RMSprop(rho=0.5, learning_rate=0.1), RMSprop(epsilon=1e-3), RMSprop(rho=0.0)],
    [Adam()],
    [Adam(learning_rate=0.1, beta_1=0.5, beta_2=0.7, epsilon=1e-3), Adam()],
    [Adam(beta_1=0.0, beta_2=0.0), Adam(epsilon=1e-2)],
    [Adam(epsilon=1e-2, epsilon_hat=True), Adam(epsilon=1e-2)],
    [AdamW(), AdamW()],
    [AdamW(learning_rate=0.1, weight_decay=0.3), AdamW(weight_decay=0.0), AdamW(beta_1=0.5)],
]
CASES += [[kind(), kind(learning_rate=0.1)] for kind in KINDS if not any(isinstance(case[0], kind) for case in CASES)]


def steadily(settings: list[Any], steps: int = STEPS) -> Array:
    """Rates (steps, M) that do not change."""
    return np.tile([one.learning_rate for one in settings], (steps, 1))


def descended(settings: list[Any], theta: Array, gradients: Array, rates: Array, together: int) -> Array:
    """The weights after steps taken `together` at a time."""
    optimizer = OPTIMIZERS[settings[0].name](settings, theta, together)
    plans = [optimizer.step(position) for position in range(together)]
    for number, g in enumerate(gradients):
        if number % together == 0:
            optimizer.aim(number, rates[number : number + together])
        np.copyto(optimizer.gradient, g)
        run(plans[number % together])
    return theta


def by_formula(settings: Any, theta: Array, gradients: Array, rates: Array) -> Array:
    """The weights (P,) after all steps."""
    optimizer = OPTIMIZERS[settings.name]
    kept = [np.zeros_like(theta)] * optimizer.kept
    for t, (g, eta) in enumerate(zip(gradients, rates, strict=True), 1):
        theta, *kept = optimizer.formula(settings, theta, g, float(eta), t, *kept)
    return theta


@pytest.mark.parametrize("together", [1, 7, STEPS])
@pytest.mark.parametrize("settings", CASES, ids=[f"{case}" for case in CASES])
@pytest.mark.parametrize("steady", [True, False])
def test_update_rule(settings: list[Any], together: int, steady: bool) -> None:
    random = np.random.default_rng(0)
    nets = len(settings)
    first = random.standard_normal((nets, 5))
    gradients = random.standard_normal((STEPS, nets, 5)) * 10.0 ** random.integers(-6, 3, (STEPS, nets, 5))
    rates = steadily(settings)
    if not steady:
        rates = rates * random.uniform(0, 2, rates.shape)
    # The weights of a stack may lie in rows that hold more than weights.
    store = np.full((nets, 8), np.nan)
    theta = store[:, :5]
    theta[...] = first
    descended(settings, theta, gradients, rates, together)
    for net, one in enumerate(settings):
        expected = by_formula(one, first[net], gradients[:, net], rates[:, net])
        assert np.allclose(theta[net], expected, rtol=1e-12, atol=1e-13)
    assert np.isnan(store[:, 5:]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("settings", CASES, ids=[f"{case}" for case in CASES])
def test_each_network_of_a_stack_moves_as_if_it_were_alone(settings: list[Any], dtype: str) -> None:
    random = np.random.default_rng(0)
    first = random.standard_normal((len(settings), 33)).astype(dtype)
    gradients = random.standard_normal((STEPS, len(settings), 33)).astype(dtype)
    rates = steadily(settings) * random.uniform(0, 2, (STEPS, len(settings)))
    together = descended(settings, first.copy(), gradients, rates, 8)
    for net, one in enumerate(settings):
        only = slice(net, net + 1)
        alone = descended([one], first[only].copy(), gradients[:, only], rates[:, only], 8)
        assert np.array_equal(together[net], alone[0])


def test_what_the_spec_supports_is_registered() -> None:
    assert sorted(OPTIMIZERS) == sorted(SUPPORTED)


@pytest.mark.parametrize(
    ("settings", "unit"),
    [(Momentum(), 0.01), (Nesterov(), 0.009), (RMSprop(), 1e-4), (Adam(), 0.01), (AdamW(), 0.01)],
    ids=["momentum", "nesterov", "rmsprop", "adam", "adamw"],
)
@pytest.mark.parametrize("together", [1, 45])
def test_what_a_parameter_keeps_is_forgotten_before_it_becomes_denormal(
    settings: Settings, unit: float, together: int
) -> None:
    theta = np.zeros((1, 3), np.float32)
    optimizer = OPTIMIZERS[settings.name]([settings], theta, together)
    plans = [optimizer.step(position) for position in range(together)]
    for number in range(8_100):
        if number % together == 0:
            optimizer.aim(number, steadily([settings], together))
            if number % MARK < together:
                optimizer.forget()
        optimizer.gradient[:] = [[1, 1, 0]] if number == 0 else [[0, 1e-3, 0]]
        run(plans[number % together])
        kept = np.abs(optimizer.slots)
        assert not ((kept > 0) & (kept < np.finfo(np.float32).tiny)).any()
    assert optimizer.slots[0, 0, 0] == 0
    assert optimizer.slots[0, 0, 1] == pytest.approx(unit, rel=1e-3)
