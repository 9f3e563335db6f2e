"""Statistics in one pass agree with those of all values at once."""

import math
import statistics

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.data.tally import NumberTally, Room

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
    largest = max(map(abs, everything))
    assert math.isclose(column.mean, exact, rel_tol=1e-12, abs_tol=1e-12 * largest)
    assert column.deviation is not None
    deviation = float(statistics.pstdev(value / (largest or 1) for value in everything)) * largest
    assert math.isclose(column.deviation, deviation, rel_tol=1e-9, abs_tol=1e-9 * largest)
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


def test_the_deviation_of_numbers_far_from_zero_keeps_its_digits() -> None:
    tally, values = NumberTally(), np.random.default_rng(0).normal(size=100_000)
    for part in np.array_split(values, 23):
        tally.add(1e9 + part)
    assert tally.column("a", 100_000).deviation == pytest.approx(values.std(), rel=1e-6)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_deviation_of_numbers_whose_squares_are_no_floats_is_one(scale: float) -> None:
    tally, values = NumberTally(), np.random.default_rng(0).normal(size=50_000)
    for part in np.array_split(values, 7):
        tally.add(scale * part)
    assert tally.column("a", 50_000).deviation == pytest.approx(scale, rel=0.02)


@pytest.mark.parametrize("distinct", [10, 5_000, 200_000])
def test_statistics_are_those_of_pandas(distinct: int) -> None:
    frame = pd.Series(np.random.default_rng(3).integers(0, distinct, 300_000) / 8 - 100)
    tally = NumberTally()
    for part in np.array_split(frame.to_numpy(), 61):
        tally.add(part)
    column = tally.column("a", len(frame))
    assert (column.min, column.max) == (frame.min(), frame.max())
    assert column.mean == pytest.approx(frame.mean(), rel=1e-12)
    assert column.deviation == pytest.approx(frame.std(ddof=0), rel=1e-12)
    assert column.distinct_exact == (distinct <= 10_000)
    assert column.distinct == pytest.approx(frame.nunique(), rel=3 * column.distinct_error)
    assert column.quantiles is not None
    assert column.histogram is not None
    expected = np.histogram(frame, column.histogram.edges)[0]
    assert sum(column.histogram.counts) == len(frame)
    if column.distinct_exact:
        assert column.quantile_error == 0
        np.testing.assert_allclose([*column.quantiles.values()], frame.quantile([*map(float, column.quantiles)]))
        assert column.histogram.counts == expected.tolist()
        top = frame.value_counts().head(10)
        assert [entry.count for entry in column.top or ()] == top.tolist()
    else:
        assert column.quantile_error is not None
        assert 0 < column.quantile_error < 0.015
        for share, value in column.quantiles.items():
            assert (frame < value).mean() == pytest.approx(float(share), abs=column.quantile_error)
        np.testing.assert_allclose(column.histogram.counts, expected, atol=2 * column.quantile_error * len(frame))
        assert column.top is None


def test_what_a_column_keeps_is_bounded_whatever_it_holds() -> None:
    room, tally = Room(distinct=100, sampled=64, hashed=32), NumberTally(Room(distinct=100, sampled=64, hashed=32))
    for part in np.array_split(np.random.default_rng(0).normal(size=200_000), 101):
        tally.add(part)
        assert len(tally.values) <= room.distinct
    column = tally.column("a", 200_000)
    assert column.quantile_error is not None
    assert 0.3 < column.quantile_error < 0.5
    assert column.distinct == pytest.approx(200_000, rel=4 * column.distinct_error)


@pytest.mark.parametrize(("columns", "room"), [(1, Room()), (50, Room()), (10_000, Room(1_600, 418, 256))])
def test_many_columns_share_the_room(columns: int, room: Room) -> None:
    assert Room.of(columns) == room
