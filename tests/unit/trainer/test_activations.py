"""Each activation's operations against its textbook formulas."""

from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.spec.names import ActivationName
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array, run

NAMES = sorted(ACTIVATIONS)
WITH_ALPHA = sorted(name for name in NAMES if ACTIVATIONS[name].alpha is not None)
LEFT_AND_RIGHT: dict[ActivationName, tuple[float, float]] = {
    "sigmoid": (0, 1),
    "tanh": (-1, 1),
    "relu": (0, np.inf),
    "elu": (-1, np.inf),
    "selu": (-1.7580993408473766, np.inf),
    "gelu": (0, np.inf),
    "silu": (0, np.inf),
    "softplus": (0, np.inf),
}


def a_field(dtype: str) -> tuple[Array, Array]:
    random = np.random.default_rng(1)
    z = random.uniform(-20, 20, (2, 5, 9)).astype(dtype)
    z[0, 0, :3] = 0.0, -0.0, 1e-30
    z[1] /= 10
    return z, random.standard_normal(z.shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "alpha"),
    [(name, None) for name in NAMES] + [(name, alpha) for name in WITH_ALPHA for alpha in (0.0, 0.3, 1.0, 1.7)],
)
def test_forward_and_backward_follow_the_formulas(name: ActivationName, alpha: float | None, dtype: str) -> None:
    activation = ACTIVATIONS[name]
    z, delta = a_field(dtype)
    # The activations of a layer lie in a block with a row of ones below, so the operations must respect strides.
    block = np.ones((2, 6, 9), dtype)
    a = block[:, :-1]
    wide = z.astype(np.float64)
    given_delta = delta.copy()
    forward, backward = activation.plans(a, delta, alpha)
    for _ in range(2):  # what one step leaves behind is nothing to the next
        a[...], delta[...] = z, given_delta
        run(forward)
        run(backward)
    tiny = 4 * np.finfo(dtype).eps
    slope = activation.derivative(wide, alpha)
    assert np.allclose(a, activation.formula(wide, alpha), rtol=tiny, atol=tiny)
    assert np.abs(delta - given_delta * slope).max() < 2 * tiny * np.abs(given_delta).max()
    assert (block[:, -1] == 1).all()


@pytest.mark.parametrize("name", NAMES)
def test_without_a_way_back_the_way_forward_is_the_same(name: ActivationName) -> None:
    z, delta = a_field("float32")
    there_and_back, there = z.copy(), z.copy()
    run(ACTIVATIONS[name].plans(there_and_back, delta)[0])
    forward, backward = ACTIVATIONS[name].plans(there, None)
    run(forward)
    assert not backward
    assert np.array_equal(there, there_and_back)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_no_sum_is_too_large(name: ActivationName, dtype: str) -> None:
    given = np.array([[[-1e30, -1e4, -800, -200, -100, 100, 200, 800, 1e4, 1e30]]], dtype)
    z, delta = given.copy(), np.ones_like(given)
    forward, backward = ACTIVATIONS[name].plans(z, delta)
    with np.errstate(all="raise", under="ignore"):
        run(forward)
        run(backward)
    assert np.isfinite(z).all()
    assert np.isfinite(delta).all()
    if name in LEFT_AND_RIGHT:
        left, right = LEFT_AND_RIGHT[name]
        above = given[0, 0, 5:] * (1.0507009873554805 if name == "selu" else 1)
        assert z[0, 0, :5] == pytest.approx(np.full(5, left), rel=1e-6, abs=1e-16)
        assert z[0, 0, 5:] == pytest.approx(np.minimum(right, above))
        assert delta[0, 0, :5] == pytest.approx(np.zeros(5), rel=1e-6, abs=1e-16)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_number_stays_none(name: ActivationName) -> None:
    z = np.full((1, 1, 2), np.nan, np.float32)
    run(ACTIVATIONS[name].plans(z, None)[0])
    assert np.isnan(z).all()


@pytest.mark.parametrize("name", NAMES)
@given(z=st.floats(-15, 15), alpha=st.floats(0, 3))
def test_the_derivative_is_the_formulas(name: ActivationName, z: float, alpha: float) -> None:
    activation, h = ACTIVATIONS[name], 1e-5
    if activation.kinked and abs(z) < 3 * h:
        return
    parameter = None if activation.alpha is None else alpha
    around = activation.formula(np.array([z - 2 * h, z - h, z + h, z + 2 * h]), parameter)
    numeric = float(around @ np.array([1, -8, 8, -1])) / (12 * h)
    assert float(activation.derivative(np.array([z]), parameter)[0]) == pytest.approx(numeric, abs=1e-9)


def test_kinks_are_known() -> None:
    kinked = {name for name in NAMES if ACTIVATIONS[name].kinked}
    assert kinked == {"relu", "leaky_relu", "elu", "selu"}


def test_every_name_of_the_spec_is_registered() -> None:
    assert set(get_args(ActivationName)) == set(NAMES)
