"""Rows and columns that come twice."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.data import twins as module
from steepest.data.formats import csv as reader
from steepest.data.hashing import number_hashes
from steepest.data.twins import Twins
from tests.unit.data.conftest import Read

small = st.sampled_from([0.0, -0.0, 1.0, 2.5, float("nan")])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4).flatmap(lambda d: st.lists(st.lists(small, min_size=d, max_size=d), min_size=1)), st.data())
def test_repeated_rows_and_equal_columns_are_those_of_pandas(rows: list[list[float]], data: st.DataObject) -> None:
    frame = pd.DataFrame(np.array(rows) + 0.0)
    twins, start = Twins(frame.shape[1]), 0
    while start < len(frame):
        part = frame.iloc[start : start + data.draw(st.integers(1, 5))]
        twins.begin(len(part))
        for column in frame:
            twins.add(column, number_hashes(part[column].to_numpy()))
        twins.end()
        start += len(part)
    assert twins.exact
    assert twins.repeated == frame.duplicated().sum()
    for index, first in enumerate(twins.first_equals):
        equal = [other for other in frame if frame[other].equals(frame[index])]
        assert first == equal[0]


def test_many_repeated_rows_are_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 2_048)
    twins, values = Twins(1), np.random.default_rng(0).normal(size=40_000)
    for part in np.array_split(np.concatenate([values, values[:20_000]]), 9):
        twins.begin(len(part))
        twins.add(0, number_hashes(part))
        twins.end()
    assert not twins.exact
    assert twins.repeated == pytest.approx(20_000, rel=0.15)


@pytest.mark.parametrize("block", [64, 1 << 20])
def test_cells_that_mean_the_same_are_equal_wherever_a_column_turned_to_text(
    read: Read, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", block)
    rows = [*(f"{index},{index}.0,{index}" for index in range(20)), "x,x,x", "NA,,", "3,3,3.0", ",,NA"]
    summary, _ = read("\n".join(["a,b,c", *rows]).encode())
    assert [column.same_as for column in summary.columns] == [None, "a", "a"]
    assert summary.warnings[-1].startswith("2 of 24 rows are equal to an earlier row")


def test_columns_of_one_value_are_not_said_to_be_equal(read: Read) -> None:
    summary, _ = read(b"a,b,c,d\n1,1,,\n1,1,,\n")
    assert [column.same_as for column in summary.columns] == [None] * 4


def test_values_of_a_single_column_repeat_as_they_may(read: Read) -> None:
    assert read(b"a\n1\n1\n")[0].warnings == []
