"""The kernels' elementary functions against the C library's, in units in the last place."""

from collections.abc import Callable
from math import erf, nan
from typing import Any

import numpy as np
import pytest

from steepest.trainer.arrays import Array
from steepest.trainer.engines.kernels import mathematics
from steepest.trainer.engines.numba import kernel


def mapped(function: Any) -> Callable[[Array, Array], None]:
    def each(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    compiled: Callable[[Array, Array], None] = kernel(each, cache=False)
    return compiled


CASES: dict[str, tuple[float, float, Callable[[Array], Array], float]] = {
    "exp": (-87, 88, np.exp, 2),
    "expm1": (-20, 20, np.expm1, 2),
    "tanh": (-10, 10, np.tanh, 3),
    "sigmoid": (-80, 80, lambda x: np.asarray(1 / (1 + np.exp(-x))), 3),
    "log": (1e-30, 1000, np.log, 3),
    "log1p": (0, 1, np.log1p, 3),
    "erf": (-5, 5, np.vectorize(erf), 8),
}


@pytest.mark.parametrize("name", CASES)
def test_functions(name: str) -> None:
    low, high, reference, most = CASES[name]
    function = mapped(getattr(mathematics, name))
    r = np.random.default_rng(3)
    x = np.concatenate([r.uniform(low, high, 50_000), r.uniform(max(low, -1), min(high, 1), 50_000)])
    small = np.sign(low) * 10.0 ** r.uniform(-6, 0, 1000)
    x = np.concatenate([x, small[small > low]])
    for dtype, bound in ((np.float32, most), (np.float64, 4)):
        given = x.astype(dtype)
        out = np.empty_like(given)
        function(given, out)
        exact = reference(given.astype(np.float64))
        with np.errstate(under="ignore"):
            error = np.abs(out - exact) / np.spacing(np.abs(exact).astype(dtype))
        assert error.max() <= bound


@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "sigmoid", "erf"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_stays(name: str, dtype: Any) -> None:
    out = np.zeros(1, dtype)
    mapped(getattr(mathematics, name))(np.array([nan], dtype), out)
    assert np.isnan(out).all()
