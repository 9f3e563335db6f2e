"""Splits: a partition, of the sizes that the spec promises, seeded, and in proportion."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from steepest.data.split import (
    TEST,
    TRAINING,
    VALIDATION,
    Parts,
    apportion,
    nearest,
    split,
    split_groups,
    split_marked,
    split_time,
)
from steepest.spec.resolve import LEAST_ROWS_TO_STRATIFY, split_sizes
from steepest.spec.resolved import ResolvedSplit


def spec(method: str = "random", validation: float = 0.15, test: float = 0.15, seed: int = 0) -> ResolvedSplit:
    column = {} if method in ("random", "stratified") else {"column": "c"}
    return ResolvedSplit.model_validate(
        {**column, "method": method, "validation": validation, "test": test, "seed": seed}
    )


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


def of(parts: Parts, values: Any) -> list[list[Any]]:
    return [np.asarray(values)[rows].tolist() for rows in (parts.training, parts.validation, parts.test)]


def is_partition(parts: Parts, rows: int) -> bool:
    together = np.concatenate([parts.training, parts.validation, parts.test])
    ascend = all((np.diff(part) > 0).all() for part in (parts.training, parts.validation, parts.test))
    return ascend and np.sort(together).tolist() == list(range(rows))


@settings(max_examples=100, deadline=None)
@given(members=st.lists(st.integers(1, 30), min_size=3, max_size=40), percent=shares, seed=st.integers(0, 2**63 - 1))
def test_no_group_is_in_two_parts(members: list[int], percent: tuple[int, int], seed: int) -> None:
    groups = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(members)), members))
    asked = spec("group", percent[0] / 100, percent[1] / 100, seed)
    parts = split_groups(asked, groups)
    assert is_partition(parts, len(groups))
    training, validation, test = (set(part) for part in of(parts, groups))
    assert len(training | validation | test) == len(training) + len(validation) + len(test)
    assert training
    for part, seats in zip((validation, test), split_sizes(len(groups), asked.validation, asked.test)[1:], strict=True):
        assert bool(part) == bool(seats)
    again = split_groups(asked, groups)
    np.testing.assert_array_equal(again.test, parts.test)


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=10), data=st.data())
def test_the_nearest_groups_are_chosen(sizes: list[int], data: st.DataObject) -> None:
    seats = data.draw(st.integers(1, sum(sizes)))
    chosen = nearest(np.array(sizes), seats, spare=0)
    sums = [sum(subset) for count in range(1, len(sizes) + 1) for subset in itertools.combinations(sizes, count)]
    assert chosen.any()
    assert abs(np.array(sizes)[chosen].sum() - seats) == min(abs(total - seats) for total in sums)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), scale=st.sampled_from([1, 50, 100_000]))
def test_of_many_groups_the_sizes_are_met_nearly_to_the_row(seed: int, scale: int) -> None:
    sizes = np.random.default_rng(seed).integers(1, 20 * scale + 1, 2_000)
    seats = int(sizes.sum() * 0.15)
    taken = sizes[nearest(sizes, seats, spare=1)].sum()
    assert abs(taken - seats) <= max(1, 4e-5 * seats)


def test_one_group_may_be_larger_than_all_seats() -> None:
    assert nearest(np.array([10**9, 10**8, 10**9]), 5, spare=1).tolist() == [False, True, False]
    assert nearest(np.array([98, 1, 1]), 15, spare=2).sum() == 1


def test_another_seed_takes_other_groups() -> None:
    groups = np.repeat(np.arange(50), 4)
    drawn = {tuple(split_groups(spec("group", seed=seed), groups).test.tolist()) for seed in range(10)}
    assert len(drawn) == 10
    parts = [split_groups(spec("group", seed=seed), groups) for seed in range(400)]
    chances = np.bincount(np.concatenate([np.unique(groups[part.test]) for part in parts]), minlength=50)
    assert chances.min() > 30  # each group about 60 times in 400


def test_rows_of_one_group_each_are_split_as_rows_are() -> None:
    assert sizes(split_groups(spec("group"), np.arange(1_000))) == (700, 150, 150)


@given(st.lists(st.integers(-9, 9), min_size=7, max_size=60), st.integers(0, 2**63 - 1))
def test_the_oldest_rows_train_and_the_newest_test(times: list[int], seed: int) -> None:
    asked = spec("time", seed=seed)
    parts = split_time(asked, np.array(times, np.float64))
    assert is_partition(parts, len(times))
    assert sizes(parts) == split_sizes(len(times), 0.15, 0.15)
    training, validation, test = of(parts, times)
    assert sorted(training) + sorted(validation) + sorted(test) == sorted(times)


def test_rows_of_one_time_keep_their_order() -> None:
    parts = split_time(spec("time", 0.25, 0.25), np.array([5.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 1.0]))
    assert [part.tolist() for part in (parts.training, parts.validation, parts.test)] == [[1, 3, 6, 7], [0, 2], [4, 5]]


def test_marked_rows_go_where_the_marks_say() -> None:
    marks = np.array([TRAINING, TEST, VALIDATION, TRAINING, -1, TEST])
    parts = split_marked(spec("column"), marks, draw_validation=False)
    assert [part.tolist() for part in (parts.training, parts.validation, parts.test)] == [[0, 3], [2], [1, 5]]


@given(st.lists(st.sampled_from([TRAINING, TEST]), min_size=1, max_size=80), st.integers(0, 2**63 - 1))
def test_beside_marked_test_rows_validation_rows_are_drawn(marks: list[int], seed: int) -> None:
    parts = split_marked(spec("column", validation=0.2, seed=seed), np.array(marks), draw_validation=True)
    assert is_partition(parts, len(marks))
    assert of(parts, marks)[2].count(TEST) == marks.count(TEST) == len(parts.test)
    asked = split_sizes(len(marks), 0.2, 0.0)[1]
    assert len(parts.validation) == min(asked, max(0, marks.count(TRAINING) - 1))
