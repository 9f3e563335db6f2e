"""Splits: a partition, of the sizes that the spec promises, seeded, and in proportion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from steepest.data.split import Parts, apportion, split
from steepest.spec.resolve import LEAST_ROWS_TO_STRATIFY, split_sizes
from steepest.spec.resolved import ResolvedSplit


def spec(method: str = "random", validation: float = 0.15, test: float = 0.15, seed: int = 0) -> ResolvedSplit:
    return ResolvedSplit.model_validate({"method": method, "validation": validation, "test": test, "seed": seed})


def sizes(parts: Parts) -> tuple[int, int, int]:
    return len(parts.training), len(parts.validation), len(parts.test)


shares = st.tuples(st.integers(0, 98), st.integers(0, 98)).filter(lambda pair: sum(pair) < 99)
class_sizes = st.lists(st.integers(LEAST_ROWS_TO_STRATIFY, 40), min_size=2, max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    counts=class_sizes, percent=shares, seed=st.integers(0, 2**63 - 1), method=st.sampled_from(["random", "stratified"])
)
def test_a_split_is_a_partition_of_the_promised_sizes(
    counts: list[int], percent: tuple[int, int], seed: int, method: str
) -> None:
    codes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    rows = len(codes)
    validation, test = percent[0] / 100, percent[1] / 100
    parts = split(spec(method, validation, test, seed), rows, codes)
    assert sizes(parts) == split_sizes(rows, validation, test)
    together = np.concatenate([parts.training, parts.validation, parts.test])
    np.testing.assert_array_equal(np.sort(together), np.arange(rows))
    for part in (parts.training, parts.validation, parts.test):
        assert (np.diff(part) > 0).all()
    if method == "stratified" and len(parts.training) >= len(counts):
        assert np.bincount(codes[parts.training], minlength=len(counts)).min() >= 1


@given(counts=class_sizes, percent=shares)
def test_a_stratified_part_has_each_class_in_proportion(counts: list[int], percent: tuple[int, int]) -> None:
    codes = np.repeat(np.arange(len(counts)), counts)
    parts = split(spec("stratified", percent[0] / 100, percent[1] / 100), len(codes), codes)
    exact = len(parts.training) * np.array(counts) / len(codes)
    got = np.bincount(codes[parts.training], minlength=len(counts))
    assert (np.abs(got - exact) < 1).all() or (exact < 1).any()


def test_the_same_seed_gives_the_same_rows() -> None:
    codes = np.arange(300) % 3
    for method in ("random", "stratified"):
        first, again, other = (split(spec(method, seed=seed), 300, codes) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first.test, again.test)
        np.testing.assert_array_equal(first.validation, again.validation)
        assert not np.array_equal(first.test, other.test)


def test_rows_are_drawn_from_everywhere() -> None:
    parts = split(spec(), 10_000, None)
    for part in (parts.training, parts.validation, parts.test):
        assert abs(part.mean() - 5_000) < 200


def test_proportions_are_those_of_scikit_learn() -> None:
    codes = np.repeat([0, 1, 2], [700, 250, 50])
    parts = split(spec("stratified", 0.0, 0.2), 1_000, codes)
    _, theirs = train_test_split(codes, test_size=0.2, stratify=codes, random_state=0)
    np.testing.assert_array_equal(np.bincount(codes[parts.test]), np.bincount(theirs))


@given(st.integers(0, 200), st.lists(st.integers(0, 50), min_size=1, max_size=10), st.integers(0, 1))
def test_apportionment_is_exact_and_takes_no_more_than_there_is(seats: int, groups: list[int], least: int) -> None:
    counts = np.array(groups, np.int64)
    seats = min(seats, int(counts.sum()))
    given_seats = apportion(seats, counts, least)
    assert given_seats.sum() == seats
    assert (given_seats >= 0).all()
    assert (given_seats <= counts).all()
    if least and seats >= np.count_nonzero(counts):
        assert (given_seats[counts > 0] >= 1).all()


@pytest.mark.parametrize(
    ("seats", "groups", "least", "expected"),
    [
        (10, [47, 16, 16, 9, 12], 0, [5, 2, 1, 1, 1]),
        (3, [5, 5], 0, [2, 1]),
        (5, [97, 1, 1, 1], 1, [2, 1, 1, 1]),
        (2, [97, 1, 1, 1], 1, [2, 0, 0, 0]),
        (0, [3, 4], 0, [0, 0]),
        (0, [0, 0], 0, [0, 0]),
    ],
)
def test_largest_remainder(seats: int, groups: list[int], least: int, expected: list[int]) -> None:
    assert apportion(seats, np.array(groups, np.int64), least).tolist() == expected
