"""Each optimizer against its update rule, written out for a few steps of plain numbers."""

from collections.abc import Callable

import numpy as np
import pytest

from steepest.spec.optimizers import SUPPORTED, Adam, GradientDescent, Momentum
from steepest.spec.optimizers import Optimizer as Settings
from steepest.trainer.arrays import Array, run
from steepest.trainer.optimizers import OPTIMIZERS

STEPS = 40


def by_gradient_descent(theta: Array, gradients: Array, settings: GradientDescent) -> Array:
    for g in gradients:
        theta = theta - settings.learning_rate * g
    return theta


def by_momentum(theta: Array, gradients: Array, settings: Momentum) -> Array:
    v = np.zeros_like(theta)
    for g in gradients:
        v = settings.momentum * v + g
        theta = theta - settings.learning_rate * v
    return theta


def by_adam(theta: Array, gradients: Array, settings: Adam) -> Array:
    """Kingma and Ba 2015, algorithm 1, line by line."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t, g in enumerate(gradients, 1):
        m = settings.beta_1 * m + (1 - settings.beta_1) * g
        v = settings.beta_2 * v + (1 - settings.beta_2) * g * g
        m_hat = m / (1 - settings.beta_1**t)
        v_hat = v / (1 - settings.beta_2**t)
        theta = theta - settings.learning_rate * m_hat / (np.sqrt(v_hat) + settings.epsilon)
    return theta


CASES: list[tuple[Settings, Callable[..., Array]]] = [
    (GradientDescent(), by_gradient_descent),
    (GradientDescent(learning_rate=0.3), by_gradient_descent),
    (Momentum(), by_momentum),
    (Momentum(learning_rate=0.1, momentum=0.0), by_momentum),
    (Adam(), by_adam),
    (Adam(learning_rate=0.1, beta_1=0.5, beta_2=0.7, epsilon=1e-3), by_adam),
    (Adam(beta_1=0.0, beta_2=0.0), by_adam),
]


@pytest.mark.parametrize("together", [1, 7, STEPS])
@pytest.mark.parametrize(("settings", "reference"), CASES, ids=[f"{case[0]}" for case in CASES])
def test_update_rule(settings: Settings, reference: Callable[..., Array], together: int) -> None:
    random = np.random.default_rng(0)
    first = random.standard_normal((2, 5))
    gradients = random.standard_normal((STEPS, 2, 5)) * 10.0 ** random.integers(-6, 3, (STEPS, 2, 5))
    theta = first.copy()
    optimizer = OPTIMIZERS[settings.name](settings, theta, together)
    plans = [optimizer.step(position) for position in range(together)]
    for number, g in enumerate(gradients):
        if number % together == 0:
            optimizer.aim(number)
        np.copyto(optimizer.gradient, g)
        run(plans[number % together])
    assert np.allclose(theta, reference(first, gradients, settings), rtol=1e-12, atol=1e-14)


def test_what_the_spec_supports_is_registered() -> None:
    assert sorted(OPTIMIZERS) == sorted(SUPPORTED)


@pytest.mark.parametrize("settings", [Momentum(), Adam()], ids=["momentum", "adam"])
@pytest.mark.parametrize("together", [1, 45])
def test_what_a_parameter_keeps_is_forgotten_before_it_becomes_denormal(settings: Settings, together: int) -> None:
    theta = np.zeros((1, 3), np.float32)
    optimizer = OPTIMIZERS[settings.name](settings, theta, together)
    plans = [optimizer.step(position) for position in range(together)]
    for number in range(2_700):
        if number % together == 0:
            optimizer.aim(number)
        optimizer.gradient[:] = [[1, 1, 0]] if number == 0 else [[0, 1e-3, 0]]
        run(plans[number % together])
        kept = np.abs(optimizer.slots)
        assert not ((kept > 0) & (kept < np.finfo(np.float32).tiny)).any()
    assert optimizer.slots[0, 0, 0] == 0
    assert optimizer.slots[0, 0, 1] == pytest.approx(0.01, rel=1e-3)
