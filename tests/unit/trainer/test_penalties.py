"""L1, L2 and max-norm: against formulas, against differences of the penalty itself, and as a projection."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.spec.training import Regularization
from steepest.trainer.arrays import Array, run
from steepest.trainer.network import Dense, Network
from steepest.trainer.penalties import Penalties, max_norm

NETWORK = Network(3, (Dense(4, "tanh"), Dense(2, "relu")), 2, "linear", "mean_squared_error")
LAYERS = 3


def settings(l1: float, l2: float) -> Regularization:
    return Regularization.model_construct(l1=l1, l2=l2, max_norm=None)


def blocks_of(array: Array) -> list[Array]:
    """As in a run: weights may lie in rows that hold more than weights."""
    return NETWORK.blocks(array[:, : NETWORK.parameters])


def drawn(nets: int, seed: int = 0, dtype: str = "float64", extra: int = 5) -> Array:
    return np.random.default_rng(seed).standard_normal((nets, NETWORK.parameters + extra)).astype(dtype)


@pytest.mark.parametrize(
    "each",
    [[(0.0, 0.3)], [(0.2, 0.0)], [(0.2, 0.3)], [(0.2, 0.3), (0.2, 0.3)], [(0.0, 0.1), (0.5, 0.0), (0.7, 0.9)]],
)
def test_penalties_are_the_formulas(each: list[tuple[float, float]]) -> None:
    theta, gradient = drawn(len(each)), drawn(len(each), 1)
    theta[0, 0] = 0.0
    before = gradient.copy()
    penalties = Penalties([settings(*one) for one in each], blocks_of(theta), blocks_of(gradient), 2)
    run(penalties.step(1))
    values = penalties.values(2)
    assert values.dtype == np.float64
    for net, (l1, l2) in enumerate(each):
        found = 0.0
        for W, g, old in zip(blocks_of(theta), blocks_of(gradient), blocks_of(before), strict=True):
            w = W[net, :-1]
            assert g[net, :-1] == pytest.approx(old[net, :-1] + l1 * np.sign(w) + l2 * w)
            assert np.array_equal(g[net, -1], old[net, -1])
            found += l1 * np.abs(w).sum() + l2 / 2 * (w**2).sum()
        assert values[1, net] == pytest.approx(found)
    assert not values[0].any()
    assert np.array_equal(gradient[:, NETWORK.parameters :], before[:, NETWORK.parameters :])


def test_the_derivative_is_that_of_the_value() -> None:
    theta, gradient = drawn(1, 3), np.zeros((1, NETWORK.parameters))
    penalties = Penalties([settings(0.3, 0.7)], blocks_of(theta), blocks_of(gradient), 1)

    def value() -> float:
        run(penalties.step(0))
        return float(penalties.values(1)[0, 0])

    value()
    analytic, h = gradient[0].copy(), 1e-6
    for j in range(NETWORK.parameters):
        here = theta[0, j]
        theta[0, j] = here + h
        above = value()
        theta[0, j] = here - h
        below = value()
        theta[0, j] = here
        assert analytic[j] == pytest.approx((above - below) / (2 * h), abs=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_network_of_a_stack_is_held_as_if_it_were_alone(dtype: str) -> None:
    theta, gradient = drawn(3, 0, dtype), drawn(3, 1, dtype)
    given_theta, given_gradient = theta.copy(), gradient.copy()
    each = [settings(0.1 * net, 0.2) for net in range(3)]
    penalties = Penalties(each, blocks_of(theta), blocks_of(gradient), 1)
    run(penalties.step(0) + max_norm(0.8, blocks_of(theta)))
    for net in range(3):
        only = slice(net, net + 1)
        one, its = given_theta[only].copy(), given_gradient[only].copy()
        alone = Penalties(each[only], blocks_of(one), blocks_of(its), 1)
        run(alone.step(0) + max_norm(0.8, blocks_of(one)))
        assert np.array_equal(theta[net], one[0])
        assert np.array_equal(gradient[net], its[0])
        assert penalties.values(1)[0, net] == alone.values(1)[0, 0]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(limit=st.floats(0.05, 5), seed=st.integers(0, 99), size=st.sampled_from([0.0, 1e-3, 1.0, 1e6]))
def test_max_norm_is_a_projection(dtype: Any, limit: float, seed: int, size: float) -> None:
    theta = drawn(2, seed, dtype) * np.dtype(dtype).type(size)
    before = theta.copy()
    plan = max_norm(limit, blocks_of(theta))
    run(plan)
    eps = float(np.finfo(dtype).eps)
    for new, old in zip(blocks_of(theta), blocks_of(before), strict=True):
        was, norms = (np.linalg.norm(block[:, :-1].astype(np.float64), axis=1) for block in (old, new))
        assert (norms <= limit * (1 + 8 * eps)).all()
        short = was <= limit * (1 - 8 * eps)
        assert np.array_equal(new[:, :-1].swapaxes(1, 2)[short], old[:, :-1].swapaxes(1, 2)[short])
        scaled = old[:, :-1] * np.minimum(1, limit / np.maximum(was, 1e-300))[:, None]
        assert np.allclose(new[:, :-1], scaled, rtol=16 * eps)
        assert np.array_equal(new[:, -1], old[:, -1])
    assert np.array_equal(theta[:, NETWORK.parameters :], before[:, NETWORK.parameters :])
    once = theta.copy()
    run(plan)
    assert np.allclose(theta, once, rtol=8 * eps, atol=0)
