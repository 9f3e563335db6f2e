"""Bounds on gradients: against the formulas of Keras and PyTorch, and as projections."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.spec.training import GradientClip
from steepest.trainer.arrays import Array, run
from steepest.trainer.clipping import CLIPPINGS, clipping
from steepest.trainer.network import Dense, Network

NETWORK = Network(3, (Dense(4, "tanh"),), 2, "linear", "mean_squared_error")
EPS = {"float32": 1.2e-7, "float64": 2.3e-16}

sizes = st.sampled_from([0.0, 1e-8, 1e-3, 1.0, 1e6])
seeds = st.integers(0, 99)
limits = st.floats(1e-3, 10)


def arrays_of(gradient: Array) -> list[Array]:
    """Weights and biases, each of all networks."""
    return [array for block in NETWORK.blocks(gradient) for array in (block[:, :-1], block[:, -1])]


def drawn(seed: int, size: float = 1.0, dtype: str = "float64", nets: int = 3) -> Array:
    gradient = np.random.default_rng(seed).standard_normal((nets, NETWORK.parameters)) * size
    gradient[-1] *= 1e-3
    return gradient.astype(dtype)


def clipped(by: Any, limit: float, gradient: Array) -> Array:
    g = gradient.copy()
    run(clipping(GradientClip(by=by, limit=limit), g, arrays_of(g)))
    return g


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(limit=limits, seed=seeds, size=sizes)
def test_by_value(dtype: str, limit: float, seed: int, size: float) -> None:
    g = drawn(seed, size, dtype)
    bound = np.dtype(dtype).type(limit)
    assert np.array_equal(clipped("value", limit, g), np.clip(g, -bound, bound))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(limit=limits, seed=seeds, size=sizes)
def test_by_norm_each_array_on_its_own(dtype: str, limit: float, seed: int, size: float) -> None:
    g = drawn(seed, size, dtype)
    for new, old in zip(arrays_of(clipped("norm", limit, g)), arrays_of(g), strict=True):
        for net in range(3):
            norm = float(np.linalg.norm(old[net].astype(np.float64)))
            assert np.allclose(new[net], old[net] * (limit / max(norm, limit)), rtol=8 * EPS[dtype], atol=0)
            assert np.linalg.norm(new[net].astype(np.float64)) <= limit * (1 + 8 * EPS[dtype])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(limit=limits, seed=seeds, size=sizes)
def test_by_global_norm_as_pytorch(dtype: str, limit: float, seed: int, size: float) -> None:
    g = drawn(seed, size, dtype)
    new = clipped("global_norm", limit, g)
    for net in range(3):
        norm = np.linalg.norm(g[net].astype(np.float64))
        assert np.allclose(new[net], g[net] * min(1.0, limit / (norm + 1e-6)), rtol=8 * EPS[dtype], atol=0)
        assert np.linalg.norm(new[net].astype(np.float64)) <= limit * (1 + 8 * EPS[dtype])


@pytest.mark.parametrize("by", sorted(CLIPPINGS))
@given(limit=limits, seed=seeds, size=sizes)
def test_what_is_bounded_once_is_bounded(by: str, limit: float, seed: int, size: float) -> None:
    once = clipped(by, limit, drawn(seed, size))
    # PyTorch's epsilon shortens a little what is just as long as it may be.
    rtol = 1.1e-6 / limit if by == "global_norm" else 1e-14
    assert np.allclose(clipped(by, limit, once), once, rtol=rtol, atol=0)


@pytest.mark.parametrize("by", sorted(CLIPPINGS))
def test_a_gradient_within_its_bound_is_left_alone(by: str) -> None:
    g = drawn(0)
    assert np.array_equal(clipped(by, 1e3, g), g)


@pytest.mark.parametrize("by", sorted(CLIPPINGS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_network_of_a_stack_is_bounded_as_if_it_were_alone(by: str, dtype: str) -> None:
    g = drawn(0, 1.0, dtype)
    together = clipped(by, 0.5, g)
    for net in range(3):
        assert np.array_equal(together[net], clipped(by, 0.5, g[net : net + 1])[0])


@pytest.mark.parametrize("by", sorted(CLIPPINGS))
def test_what_is_no_number_stays_none(by: str) -> None:
    g = drawn(0)
    g[1, 0] = np.nan
    new = clipped(by, 0.5, g)
    assert np.isnan(new[1, 0])
    assert np.isfinite(new[[0, 2]]).all()
