"""Quantiles and histograms: NumPy's from all values, near them from a sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.data.sample import BINS, SHARES, Sample, histogram, quantiles

finite = st.floats(-1e300, 1e300)


@given(st.lists(st.tuples(finite, st.integers(1, 6)), min_size=1, max_size=40, unique_by=lambda pair: pair[0]))
def test_quantiles_are_those_of_numpy(pairs: list[tuple[float, int]]) -> None:
    values = np.array(sorted(value for value, _ in pairs))
    counts = np.array([count for _, count in sorted(pairs)])
    repeated = np.repeat(values, counts)
    expected = np.quantile(repeated, SHARES)
    scale = float(np.abs(values).max())
    for found in (quantiles(values, counts), quantiles(repeated), quantiles(repeated[::-1])):
        assert list(found) == ["0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99"]
        np.testing.assert_allclose(list(found.values()), expected, rtol=1e-12, atol=1e-12 * scale)


@given(st.lists(st.integers(-1_000, 1_000).map(float), min_size=2, max_size=60, unique=True))
def test_a_histogram_is_that_of_numpy(numbers: list[float]) -> None:
    values = np.array(sorted(numbers))
    found = histogram(values, 3 * len(values), values[0], values[-1], np.full(len(values), 3))
    counts, _ = np.histogram(values, bins=np.array(found.edges))
    np.testing.assert_allclose(found.edges, np.histogram_bin_edges(values, BINS), atol=1e-9)
    assert found.counts == (3 * counts).tolist()


def test_a_histogram_of_a_sample_is_that_of_numpy() -> None:
    values = np.random.default_rng(0).normal(size=5_000)
    found = histogram(values, 10 * len(values), values.min(), values.max())
    assert found.counts == (10 * np.histogram(values, BINS)[0]).tolist()


def test_a_histogram_of_one_value_has_one_bin() -> None:
    found = histogram(np.array([2.0]), 7, 2.0, 2.0, np.array([7]))
    assert (found.edges, found.counts) == ([2.0, 2.0], [7])


def test_the_whole_range_of_floats_has_quantiles_and_bins() -> None:
    values = np.array([-1.7e308, 0.0, 1.7e308])
    assert np.isfinite(list(quantiles(values).values())).all()
    assert sum(histogram(values, 3, -1.7e308, 1.7e308).counts) == 3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=12), st.sampled_from([2, 16, 64]))
def test_a_sample_has_one_number_of_each_stride_whatever_the_parts(sizes: list[int], most: int) -> None:
    stream = np.arange(float(sum(sizes)))
    whole, parts = Sample(most), Sample(most)
    whole.add(stream)
    for part in np.split(stream, np.cumsum(sizes)[:-1]):
        parts.add(part)
    assert parts.values.tolist() == whole.values.tolist()
    assert len(whole.values) <= most
    stride = 1
    while most * stride <= len(stream):
        stride *= 2
    strata = (whole.values // stride).astype(int).tolist()
    assert strata[: len(stream) // stride] == list(range(len(stream) // stride))
    assert len(strata) <= -(-len(stream) // stride)


def test_counted_numbers_stand_for_repeated_ones() -> None:
    values, counts = np.array([3.0, 5.0, 9.0]), np.array([1_000, 4_000, 3])
    counted, repeated = Sample(64), Sample(64)
    counted.add_counted(values, counts)
    repeated.add(np.repeat(values, counts))
    assert counted.values.tolist() == repeated.values.tolist()


@pytest.mark.parametrize("order", ["drawn", "ascending", "periodic"])
def test_quantiles_of_a_sample_are_within_the_stated_error(order: str) -> None:
    numbers = np.random.default_rng(1).gamma(2.0, size=100_000)
    if order == "ascending":
        numbers.sort()
    elif order == "periodic":
        numbers[::2] += 100
    sample = Sample(1_024)
    for part in np.array_split(numbers, 37):
        sample.add(part)
    assert 0 < sample.error < 0.12
    shares = [float((numbers < value).mean()) for value in quantiles(np.sort(sample.values)).values()]
    np.testing.assert_allclose(shares, SHARES, atol=sample.error)
    np.testing.assert_allclose(shares, SHARES, atol=0.06)
