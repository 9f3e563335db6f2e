"""Batch normalization against its formulas, written out."""

import numpy as np
import pytest

from steepest.trainer.arrays import Array, run
from steepest.trainer.batch_norm import EPSILON, BatchNorm, with_running_figures
from steepest.trainer.network import Norm


def a_layer(nets: int = 2, units: int = 3, rows: int = 9) -> tuple[Norm, Array, tuple[Array, Array]]:
    random = np.random.default_rng(0)
    scale, shift, mean = (random.standard_normal((nets, units)) for _ in range(3))
    norm = Norm(scale, shift, mean, random.uniform(0.5, 2, (nets, units)))
    return norm, random.normal(1, 3, (nets, units, rows)), (np.zeros((nets, units)), np.zeros((nets, units)))


def test_sums_are_normalized_with_the_batchs_figures() -> None:
    norm, z, slopes = a_layer()
    mean, variance = z.mean(-1, keepdims=True), z.var(-1, keepdims=True)
    expected = norm.scale[..., None] * (z - mean) / np.sqrt(variance + EPSILON) + norm.shift[..., None]
    run(BatchNorm(norm, z, slopes).forward())
    assert np.allclose(z, expected, rtol=1e-13, atol=1e-13)


def test_running_figures_are_a_tenth_new_and_the_variance_is_unbiased() -> None:
    norm, z, slopes = a_layer()
    mean = 0.9 * norm.mean + 0.1 * z.mean(-1)
    variance = 0.9 * norm.variance + 0.1 * z.var(-1, ddof=1)
    run(BatchNorm(norm, z, slopes).forward())
    assert np.allclose(norm.mean, mean, rtol=1e-13)
    assert np.allclose(norm.variance, variance, rtol=1e-13)


def test_a_single_row_is_normalized_to_the_shift() -> None:
    norm, z, slopes = a_layer(rows=1)
    run(BatchNorm(norm, z, slopes).forward())
    assert np.allclose(z[..., 0], norm.shift)


def test_a_single_row_moves_no_running_figures() -> None:
    norm, z, slopes = a_layer(rows=1)
    mean, variance = norm.mean.copy(), norm.variance.copy()
    run(BatchNorm(norm, z, slopes).forward())
    assert np.array_equal(norm.mean, mean)
    assert np.array_equal(norm.variance, variance)


def test_the_way_back_is_the_derivative() -> None:
    norm, z, slopes = a_layer(nets=1)
    dy = np.random.default_rng(1).standard_normal(z.shape)
    given, h = z.copy(), 1e-6

    def total(array: Array) -> float:
        copy = array.copy()
        fresh = Norm(norm.scale, norm.shift, norm.mean.copy(), norm.variance.copy())
        run(BatchNorm(fresh, copy, slopes).forward())
        return float((copy * dy).sum())

    numeric = np.zeros_like(z)
    for place in np.ndindex(z.shape):
        shifted = given.copy()
        shifted[place] += h
        numeric[place] = total(shifted)
        shifted[place] -= 2 * h
        numeric[place] = (numeric[place] - total(shifted)) / (2 * h)
    batch_norm, dz = BatchNorm(norm, z, slopes), dy.copy()
    run(batch_norm.forward() + batch_norm.backward(dz))
    assert np.allclose(dz, numeric, rtol=1e-6, atol=1e-8)
    x = (given - given.mean(-1, keepdims=True)) / np.sqrt(given.var(-1, keepdims=True) + EPSILON)
    assert np.allclose(slopes[0], (dy * x).sum(-1))
    assert np.allclose(slopes[1], dy.sum(-1))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_afterwards_the_running_figures_serve(dtype: str) -> None:
    norm, z, _ = a_layer()
    norm = Norm(*(each.astype(dtype) for each in (norm.scale, norm.shift, norm.mean, norm.variance)))
    z = z.astype(dtype)
    mean, variance, scale, shift = (each[..., None] for each in (norm.mean, norm.variance, norm.scale, norm.shift))
    expected = scale * (z - mean) / np.sqrt(variance + EPSILON) + shift
    plan = with_running_figures(norm, z)
    run(plan)
    assert np.allclose(z, expected, rtol=1e-4 if dtype == "float32" else 1e-13, atol=1e-5)
