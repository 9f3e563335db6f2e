"""Statistics in one pass agree with those of all values at once."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.data.tally import NumberTally

finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.one_of(finite, st.integers(-3, 3).map(float)), max_size=20), min_size=1, max_size=5))
def test_parts_add_up(parts: list[list[float]]) -> None:
    tally, everything = NumberTally(), [value for part in parts for value in part]
    for part in parts:
        tally.add(np.array(part))
    column = tally.column("a", len(everything) + 2)
    assert (column.count, column.missing) == (len(everything), 2)
    if not everything:
        assert (column.min, column.max, column.mean, column.whole) == (None, None, None, False)
        return
    assert (column.min, column.max) == (min(everything), max(everything))
    assert column.mean is not None
    exact = float(statistics.mean(everything))  # in fractions
    assert math.isclose(column.mean, exact, rel_tol=1e-12, abs_tol=1e-12 * max(map(abs, everything)))
    assert column.whole == all(value.is_integer() for value in everything)
    assert column.distinct == len(set(everything))
    assert sum(column.value_counts or []) == len(everything)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(finite, st.integers(1, 5)), min_size=1, max_size=20))
def test_weights_stand_for_repeated_values(pairs: list[tuple[float, int]]) -> None:
    weighted, repeated = NumberTally(), NumberTally()
    values = np.array([value for value, _ in pairs], np.float64)
    weights = np.array([weight for _, weight in pairs])
    weighted.add(values, weights)
    repeated.add(np.repeat(values, weights))
    assert (weighted.count, weighted.values.tolist(), weighted.counts.tolist()) == (
        repeated.count,
        repeated.values.tolist(),
        repeated.counts.tolist(),
    )
    assert math.isclose(weighted.mean, repeated.mean, rel_tol=1e-12, abs_tol=1e-12 * float(np.abs(values).max()))


def test_a_mean_of_numbers_far_from_zero_keeps_its_digits() -> None:
    tally = NumberTally()
    for start in range(0, 100_000, 1_000):
        tally.add(1e9 + np.asarray(np.arange(start, start + 1_000) % 7, np.float64) * 0.125)
    assert tally.mean == pytest.approx(1e9 + np.mean(np.arange(100_000) % 7) * 0.125, abs=1e-6)


def test_the_mean_of_the_largest_numbers_is_finite() -> None:
    tally = NumberTally()
    tally.add(np.full(10, 1.7e308))
    tally.add(np.full(10, -1.7e308))
    assert abs(tally.mean) < 1e294
