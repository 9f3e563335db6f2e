"""Quantiles and the most frequent value are NumPy's and SciPy's, or off by no more than they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from steepest.data.order_statistics import Frequent, Quantiles

SHARES = [0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 1.0]
finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.lists(finite | st.integers(-3, 3).map(float), max_size=20), min_size=1, max_size=5))
def test_quantiles_of_few_values_are_those_of_numpy(parts: list[list[float]]) -> None:
    quantiles, everything = Quantiles(), np.array([value for part in parts for value in part])
    for part in parts:
        quantiles.add(np.array(part))
    if len(everything):
        with np.errstate(over="ignore", invalid="ignore"):
            expected = np.quantile(everything, SHARES)
        ours = np.array(quantiles.at(SHARES))
        sound = np.isfinite(expected)  # NumPy's own overflow where the distance of neighbours does
        np.testing.assert_allclose(ours[sound], expected[sound], rtol=1e-12, atol=1e-300)
        assert (ours >= everything.min()).all()
        assert (ours <= everything.max()).all()
        assert quantiles.error == 0.0


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(0, 700), min_size=1, max_size=12),
    kind=st.sampled_from(["normal", "sorted", "reversed", "ties", "heavy"]),
)
def test_no_rank_is_off_by_more_than_stated(seed: int, sizes: list[int], kind: str) -> None:
    rng = np.random.default_rng(seed)
    everything = rng.normal(size=sum(sizes))
    if kind == "ties":
        everything = np.round(everything * 20)
    elif kind == "heavy":
        everything[rng.random(len(everything)) < 0.5] = 0.25
    elif kind != "normal":
        everything = np.sort(everything)[:: 1 if kind == "sorted" else -1]
    quantiles = Quantiles(most_distinct=50, capacity=64)
    for part in np.split(everything, np.cumsum(sizes)[:-1]):
        quantiles.add(part)
    if len(everything):
        check_ranks(quantiles, everything)
        assert quantiles.slack <= len(everything) / 64 * (np.log2(1 + len(everything) / 64) + 1)


def check_ranks(quantiles: Quantiles, everything: NDArray[np.float64]) -> None:
    n = len(everything)
    assert quantiles.count == n
    for share, value in zip(SHARES, quantiles.at(SHARES), strict=True):
        # The ranks that the value may claim, and the one that was asked for; a step of interpolation on either side.
        low, high = np.count_nonzero(everything < value) - 1, np.count_nonzero(everything <= value)
        assert low - quantiles.slack - 1 <= share * (n - 1) <= high + quantiles.slack + 1


def test_a_million_numbers_are_off_by_a_thousandth_at_most() -> None:
    everything = np.random.default_rng(0).lognormal(size=1_000_000)
    quantiles = Quantiles()
    for part in np.split(everything, 50):
        quantiles.add(part)
    assert 0.0 < quantiles.error <= 0.001
    check_ranks(quantiles, everything)
    kept = sum(len(level) for level in quantiles._levels)
    assert kept <= 8_192 * 8


@given(st.lists(st.lists(st.integers(-5, 5).map(float), max_size=20), min_size=1, max_size=5))
def test_the_most_frequent_value_is_that_of_scipy(parts: list[list[float]]) -> None:
    frequent, everything = Frequent(), [value for part in parts for value in part]
    for part in parts:
        frequent.add(np.array(part))
    if everything:
        assert frequent.value == stats.mode(everything).mode


@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 400))
def test_among_many_values_one_that_is_nearly_as_frequent_is_found(seed: int, most: int, rows: int) -> None:
    everything = np.random.default_rng(seed).zipf(1.5, rows).clip(max=50).astype(np.float64)
    frequent = Frequent(most_distinct=most)
    for part in np.array_split(everything, 7):
        frequent.add(part)
    counts = np.bincount(everything.astype(int))
    assert counts[int(frequent.value)] >= counts.max() - rows / (most + 1)


def test_where_every_value_came_once_the_least_is_meant() -> None:
    frequent = Frequent(most_distinct=10)
    for part in np.split(np.random.default_rng(1).permutation(60).astype(np.float64), 3):
        frequent.add(part)
    assert frequent.value == 0.0


@pytest.mark.parametrize("kind", [Quantiles, Frequent])
def test_the_same_numbers_give_the_same_answer(kind: type[Quantiles] | type[Frequent]) -> None:
    numbers = np.random.default_rng(2).normal(size=30_000)
    answers = []
    for _ in range(2):
        one = kind()
        for part in np.split(numbers, 3):
            one.add(part)
        answers.append(one.at(SHARES) if isinstance(one, Quantiles) else one.value)
    assert answers[0] == answers[1]
