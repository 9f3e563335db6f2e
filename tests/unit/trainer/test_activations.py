"""Each activation's operations against its textbook formulas."""

from typing import get_args

import numpy as np
import pytest

from steepest.spec.training import Layer
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import run

NAMES = sorted(ACTIVATIONS)


def a_field(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    z = random.uniform(-20, 20, (2, 5, 9)).astype(dtype)
    z[0, 0, :3] = 0.0, -0.0, 1e-30
    return z, random.standard_normal(z.shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NAMES)
def test_forward_and_backward_follow_the_formulas(name: str, dtype: str) -> None:
    activation = ACTIVATIONS[name]  # type: ignore[index]  # a registered name
    z, delta = a_field(dtype)
    # The activations of a layer lie in a block with a row of ones below, so the operations must respect strides.
    block = np.ones((2, 6, 9), dtype)
    a = block[:, :-1]
    a[...] = z
    wide = z.astype(np.float64)
    given_delta = delta.copy()
    run(activation.forward(a))
    run(activation.backward(a, delta))
    tiny = 4 * np.finfo(dtype).eps
    assert np.allclose(a, activation.formula(wide), rtol=tiny, atol=tiny)
    assert np.allclose(delta, given_delta * activation.derivative(wide), rtol=1e-3 * tiny**0.5, atol=tiny)
    assert (block[:, -1] == 1).all()


@pytest.mark.parametrize("name", NAMES)
def test_no_sum_is_too_large(name: str) -> None:
    z = np.array([[[-1e30, -1e4, 1e4, 1e30]]], np.float32)
    delta = np.ones_like(z)
    run(ACTIVATIONS[name].forward(z))  # type: ignore[index]  # a registered name
    run(ACTIVATIONS[name].backward(z, delta))  # type: ignore[index]  # a registered name
    assert np.isfinite(z).all()
    assert np.isfinite(delta).all()


def test_the_spec_offers_exactly_what_is_registered() -> None:
    names = get_args(Layer.model_fields["activation"].annotation)
    offered = []
    for name in names:
        try:
            Layer(activation=name)
        except ValueError:
            continue
        offered.append(name)
    assert sorted(offered) == NAMES
