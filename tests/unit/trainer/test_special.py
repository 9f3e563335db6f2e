"""The normal distribution against SciPy's."""

import numpy as np
import pytest
from scipy import special as scipy_special

from steepest.trainer import special
from steepest.trainer.arrays import run


def everywhere(dtype: str) -> np.ndarray:
    random = np.random.default_rng(0)
    grid = np.linspace(-special.LIMIT, special.LIMIT, 40_001)
    near = np.concatenate(
        [sign * 10.0 ** random.uniform(-300 if dtype == "float64" else -30, -1, 999) for sign in (-1, 1)]
    )
    z: np.ndarray = np.concatenate([grid, random.normal(0, 2, 9_000), near, [0.0, -0.0]])[None].astype(dtype)
    return z.clip(-special.LIMIT, special.LIMIT)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_distribution_is_exact_in_its_left_tail_too(dtype: str) -> None:
    z = everywhere(dtype)
    out = np.full_like(z, np.nan)
    run(special.distribution(z, out))
    expected = scipy_special.ndtr(z.astype(np.float64))
    eps = np.finfo(dtype).eps
    assert np.abs(out - expected).max() <= eps
    inside = np.abs(z) < special.LIMIT - 0.1
    assert np.abs(out / expected - 1)[inside].max() < max(1e-12, 40 * eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_error_function_follows_from_it(dtype: str) -> None:
    z = everywhere(dtype)
    out = np.empty_like(z)
    run(special.distribution(z, out))
    assert np.abs(2 * out - 1 - scipy_special.erf(z.astype(np.float64) / np.sqrt(2))).max() <= 2 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_density_is_its_derivative(dtype: str) -> None:
    z = everywhere(dtype)
    out = np.empty_like(z)
    run(special.density(z, out))
    wide = z.astype(np.float64)
    expected = np.exp(-wide * wide / 2) / np.sqrt(2 * np.pi)
    assert np.abs(out - expected).max() < np.finfo(dtype).eps


def test_at_its_limits_it_is_exactly_0_and_1() -> None:
    z = np.array([[-special.LIMIT, special.LIMIT]])
    out = np.empty_like(z)
    run(special.distribution(z, out))
    assert out.tolist() == [[0, 1]]


def test_what_is_no_number_stays_none() -> None:
    z = np.array([[np.nan, 1.0]], np.float32)
    out = np.empty_like(z)
    run(special.distribution(z, out))
    assert np.isnan(out[0, 0])
    assert out[0, 1] == pytest.approx(0.8413447)
