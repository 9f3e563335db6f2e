"""Rows of a table to parts, by the column that a split goes by."""

from typing import Any

import numpy as np
import pytest

from steepest.data.division import Division, divide
from steepest.data.prepare import check_monitor, prepare
from steepest.data.table import CategoricalColumn, Column, DateTimeColumn, FreeTextColumn, NumericColumn, Table
from steepest.spec.errors import DataUnusable
from steepest.spec.resolve import resolve
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec


def labels(name: str, *values: str | None) -> CategoricalColumn:
    categories = tuple(sorted({value for value in values if value is not None}))
    codes = np.array([-1 if value is None else categories.index(value) for value in values], np.int32)
    return CategoricalColumn(name, codes, categories)


def division(column: Column, rows: int, /, keep: Any = None, **split: Any) -> Division:
    table = Table(rows, (NumericColumn("y", np.arange(rows) * 1.5), column))
    spec = TrainSpec.model_validate({"task": "regression", "split": {"column": "c", **split}, "early_stopping": None})
    facts = (TargetFacts("y", rows, rows, True, False, None, None, 0.0),)
    every = np.arange(rows) if keep is None else np.array(keep)
    return divide(table, every, resolve(spec, facts).spec, ["y"], ())


def lists(divided: Division) -> list[list[int]]:
    parts = divided.parts
    return [parts.training.tolist(), parts.validation.tolist(), parts.test.tolist()]


def test_a_column_names_the_part_of_each_row() -> None:
    column = labels("c", "train", None, "Test", "val", "train", "test")
    divided = division(column, 6, method="column")
    assert lists(divided) == [[0, 4], [3], [2, 5]]
    assert divided.warnings == ('1 row has no value of the split column "c": left out',)
    assert lists(division(column, 6, keep=[0, 2, 3, 5], method="column")) == [[0], [3], [2, 5]]


@pytest.mark.parametrize(
    "column",
    [
        NumericColumn("c", np.array([0.0, 1.0, 0.0, np.nan, 0.0])),
        NumericColumn("c", np.array([0, 1, 0, 0, 0], bool)),
        labels("c", "false", "true", "false", None, "false"),
    ],
)
def test_marked_rows_are_test_rows_and_validation_rows_are_drawn_from_the_others(column: Column) -> None:
    training, validation, test = lists(division(column, 5, method="column", validation=0.25))
    assert test == [1]
    assert len(validation) == 1
    assert set(training + validation) <= {0, 2, 3, 4}
    assert lists(division(column, 5, method="column", validation=0.0))[1] == []


@pytest.mark.parametrize(
    "column",
    [
        labels("c", *"abcabcabc", None, None),
        NumericColumn("c", np.array([7.0, 8.0, 9.0] * 3 + [np.nan] * 2)),
        DateTimeColumn("c", np.array([1e12, 2e12, 3e12] * 3 + [np.nan] * 2)),
    ],
)
def test_a_group_stays_together_and_so_do_the_rows_without_one(column: Column) -> None:
    training, validation, test = lists(division(column, 11, method="group", validation=0.25, test=0.25))
    groups = [{0, 3, 6}, {1, 4, 7}, {2, 5, 8}, {9, 10}]
    for part in (training, validation, test):
        assert set().union(*(group for group in groups if group & set(part))) == set(part)
        assert part
    assert sorted(training + validation + test) == list(range(11))


def test_time_is_a_number_or_a_date_time() -> None:
    times = np.array([5.0, 1.0, np.nan, 3.0, 4.0, 2.0])
    for column in (NumericColumn("c", times), DateTimeColumn("c", times)):
        divided = division(column, 6, method="time", validation=0.2, test=0.2)
        assert lists(divided) == [[1, 3, 5], [4], [0]]
        assert divided.warnings == ('1 row has no value of the split column "c": left out',)


@pytest.mark.parametrize(
    ("column", "split", "pointer", "words"),
    [
        (labels("d", *"ab"), {"method": "group"}, "/split/column", 'no column "c"'),
        (FreeTextColumn("c"), {"method": "group"}, "/split/column", "free text"),
        (labels("c", *"ab"), {"method": "time"}, "/split/column", "holds labels"),
        (labels("c", *"ab"), {"method": "group"}, "/split/column", "2 groups, too few for 3 parts"),
        (labels("c", "train", "holdout"), {"method": "column"}, "/split/column", '"holdout" is none of'),
        (labels("c", "test", "val"), {"method": "column"}, "/split", "no training rows"),
        (labels("c", None, None), {"method": "column"}, "/split", "no training rows"),
    ],
)
def test_what_cannot_be_split_by_is_refused(column: Column, split: Any, pointer: str, words: str) -> None:
    with pytest.raises(DataUnusable, match=words) as caught:
        division(column, 2, **split)
    assert caught.value.problems[0].pointer == pointer


def test_rows_that_lack_a_target_may_take_the_last_validation_row_with_them() -> None:
    column = labels("c", "train", "train", "val", "test")
    assert lists(division(column, 4, keep=[0, 1, 3], method="column")) == [[0, 1], [], [3]]


def test_without_validation_rows_there_is_nothing_to_monitor() -> None:
    marked = labels("c", "train", "train", "val", "test")
    table = Table(4, (NumericColumn("y", np.array([1.5, 2.5, np.nan, 4.5])), NumericColumn("x", np.ones(4)), marked))
    spec = TrainSpec.model_validate({"task": "regression", "split": {"method": "column", "column": "c"}})
    resolution = resolve(spec, (TargetFacts("y", 4, 4, True, False, None, None, 0.0),))
    data = prepare(table, resolution.spec, ["y"], ["x"], ())
    with pytest.raises(DataUnusable, match='no validation rows, and early stopping monitors "validation_loss"'):
        check_monitor(resolution.spec, data)
    check_monitor(resolution.spec.model_copy(update={"early_stopping": None}), data)
