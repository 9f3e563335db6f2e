"""What a column is taken for, by its looks or because somebody says so."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from steepest.data.formats import csv as reader
from steepest.data.formats.types import Format
from steepest.data.table import CategoricalColumn, DateTimeColumn, FreeTextColumn, NumericColumn, Table
from steepest.spec.columns import Column, ColumnKind
from tests.unit.data.conftest import Read, Refuse

DAY = 86_400_000.0


def csv(cells: Sequence[str], name: str = "a") -> bytes:
    return "\n".join(["row," + name, *(f"{index},{cell}" for index, cell in enumerate(cells))]).encode()


@pytest.fixture
def one(read: Read) -> Callable[..., tuple[Column, Table]]:
    """The column of these cells, read as `kind`."""

    def run(cells: Sequence[str], kind: ColumnKind | None = None, name: str = "a") -> tuple[Column, Table]:
        summary, table = read(csv(cells, name), kinds={name: kind} if kind else None)
        return summary.columns[1], table

    return run


One = Callable[..., tuple[Column, Table]]


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5"], "numeric"),
        (["1", "2.0", "-3e2"], "integer"),
        (["1", "", "3"], "integer"),
        (["", "NA"], "numeric"),
        (["true", "false", "", "true"], "boolean"),
        (["True", "True"], "boolean"),
        (["YES", "no"], "boolean"),
        (["true", "no"], "categorical"),
        (["true", "True", "false"], "categorical"),
        (["true", "false", "perhaps"], "categorical"),
        (["red", "blue"], "categorical"),
        (["01", "02"], "categorical"),
        (["2026-01-31", "1999-12-01"], "datetime"),
        (["2026-01-31T10:00:00Z", "1999-12-01", "", "NA"], "datetime"),
        (["2026-01-31", "soon"], "categorical"),
        (["2026-01-31", "7"], "categorical"),
        (["7", "2026-01-31"], "categorical"),
        (["x" * 1_001, "y"], "text"),
    ],
)
def test_a_kind_is_inferred(one: One, cells: list[str], kind: str) -> None:
    column, table = one(cells)
    assert column.kind == kind
    classes = {"numeric": NumericColumn, "integer": NumericColumn, "datetime": DateTimeColumn, "text": FreeTextColumn}
    assert isinstance(table["a"], classes.get(kind, CategoricalColumn))
    assert column.count + column.missing == len(cells)


@pytest.mark.parametrize("block", [64, 4_096])
def test_a_column_of_date_times_is_milliseconds(read: Read, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", block)
    cells = [
        "",
        "1970-01-02",
        " 1970-01-03T00:00:00+00:00",
        "NA",
        "1970-01-01 12:00",
        "1969-12-31T00:00Z",
        "1970-01-02",
    ]
    summary, table = read(csv(cells))
    column = table["a"]
    assert isinstance(column, DateTimeColumn)
    expected = [np.nan, DAY, 2 * DAY, np.nan, DAY / 2, -DAY, DAY]
    np.testing.assert_array_equal(column.values, expected)
    np.testing.assert_array_equal(table.numbers(np.arange(7), ["a"])[:, 0], expected)
    schema = summary.columns[1]
    assert (schema.kind, schema.count, schema.missing, schema.distinct, schema.whole) == ("datetime", 5, 2, 4, False)
    assert (schema.min, schema.max) == (-DAY, 2 * DAY)
    assert schema.mean == pytest.approx(0.7 * DAY)
    assert schema.top is not None
    assert [(entry.value, entry.count) for entry in schema.top[:2]] == [
        ("1970-01-02T00:00:00Z", 2),
        ("1969-12-31T00:00:00Z", 1),
    ]
    assert schema.values is None


@pytest.mark.parametrize("block", [16, 4_096])
def test_date_times_that_end_in_texts_are_labels_as_the_file_wrote_them(
    read: Read, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", block)
    cells = ["", "1970-01-02", "1970-01-01T12", "1970-01-02", "late", "1970-01-05", "3.0"]
    summary, table = read(csv(cells))
    column = table["a"]
    assert isinstance(column, CategoricalColumn)
    labels = [None if code < 0 else column.categories[code] for code in column.codes.tolist()]
    assert labels == [None, "1970-01-02", "1970-01-01T12", "1970-01-02", "late", "1970-01-05", "3"]
    assert summary.warnings == [] or "are date-times" in summary.warnings[0]


@pytest.mark.parametrize("block", [64, 1 << 20])
def test_a_text_among_many_date_times_is_a_mistake(refuse: Refuse, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", block)
    cells = [f"2026-01-01T00:{minute:02}:{second:02}" for minute in range(4) for second in range(60)]
    cells[100] = "midnight"
    (found,) = refuse(csv(cells))
    assert found[0] == "/rows/102/a"
    assert '"midnight" is no date-time, and the column is one of date-times' in found[1]


def test_more_date_times_than_labels_are_date_times_still(one: One, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", 1 << 14)
    cells = [f"2026-01-01T{h:02}:{m:02}:{s:02}" for h in range(4) for m in range(60) for s in range(60)]
    column, table = one(cells)
    assert (column.kind, column.distinct_exact, column.count) == ("datetime", False, 14_400)
    assert column.distinct == pytest.approx(14_400, rel=4 * column.distinct_error)
    assert column.top is None
    np.testing.assert_array_equal(np.diff(table.numbers(np.arange(14_400), ["a"])[:, 0]), np.full(14_399, 1_000.0))


@pytest.mark.parametrize(
    ("kind", "cells", "values"),
    [
        ("numeric", ["1", "007", "", "2.5"], [1, 7, np.nan, 2.5]),
        ("integer", ["1", "007", "2.0"], [1, 7, 2]),
        ("datetime", ["1970-01-01", "", "1970-01-02T00:00+00:00"], [0, np.nan, DAY]),
    ],
)
def test_a_kind_asked_for_decides_how_cells_are_read(
    one: One, kind: str, cells: list[str], values: list[float]
) -> None:
    column, table = one(cells, kind)
    assert column.kind == kind
    np.testing.assert_array_equal(table.numbers(np.arange(len(cells)), ["a"])[:, 0], values)


@pytest.mark.parametrize(
    ("kind", "cells", "labels"),
    [
        ("categorical", ["1", "2.50", "", "1.0"], ["1", "2.5", None, "1"]),
        ("categorical", ["2026-01-31", "x"], ["2026-01-31", "x"]),
        ("categorical", ["true", "false"], ["true", "false"]),
        ("categorical", ["007", "7"], ["007", "7"]),
        (
            "categorical",
            ["9007199254740993", " +9007199254740993 ", "1e16", "-0"],
            ["9007199254740993"] * 2 + ["1e+16", "0"],
        ),
        ("boolean", ["1", "0", "1.0", ""], ["1", "0", "1", None]),
        ("boolean", ["m", "f"], ["m", "f"]),
    ],
)
def test_labels_asked_for_are_labels(one: One, kind: str, cells: list[str], labels: list[str | None]) -> None:
    column, table = one(cells, kind)
    assert column.kind == kind
    found = table["a"]
    assert isinstance(found, CategoricalColumn)
    assert [None if code < 0 else found.categories[code] for code in found.codes.tolist()] == labels
    assert column.values == sorted({label for label in labels if label is not None})


def test_text_asked_for_keeps_no_data(one: One) -> None:
    column, table = one(["red", "blue", "", "red", "1"], "text")
    assert (column.kind, column.count, column.missing, column.distinct, column.values) == ("text", 4, 1, 3, None)
    assert isinstance(table["a"], FreeTextColumn)
    assert isinstance(table["row"], NumericColumn)


@pytest.mark.parametrize("block", [16, 4_096])
@pytest.mark.parametrize(
    ("kind", "cells", "row", "words"),
    [
        ("numeric", ["1", "2", "three"], 4, '"three" is no number'),
        ("integer", ["1", "2.5"], 3, "2.5 is not whole"),
        ("numeric", ["1", "inf"], 3, "not finite"),
        ("datetime", ["2026-01-31", "2026"], 3, '"2026" is no date-time'),
        ("datetime", ["2026-01-31", "31.1.2026"], 3, '"31.1.2026" is no date-time'),
        ("boolean", ["m", "f", "m", "x"], 5, '"x" is a third value'),
    ],
)
def test_what_does_not_fit_the_kind_asked_for_is_named(
    refuse: Refuse,
    monkeypatch: pytest.MonkeyPatch,
    block: int,
    kind: ColumnKind,
    cells: list[str],
    row: int,
    words: str,
) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", block)
    (found,) = refuse(csv(cells), kinds={"a": kind})
    assert found[0] == f"/rows/{row}/a"
    assert words in found[1]


def test_a_kind_for_a_column_that_is_not_there_is_named(refuse: Refuse) -> None:
    assert refuse(b"a\n1\n", kinds={"b": "text"}) == [("/columns/b", 'the file has no column "b"')]


def test_too_many_labels_stay_text_and_are_warned_about(read: Read) -> None:
    summary, _ = read(csv(["x" * 1_001, "b"]), kinds={"a": "categorical"})
    assert summary.columns[1].kind == "text"
    assert "it stays text" in summary.warnings[0]


def test_every_kind_can_be_asked_for(read: Read, tmp_path: Path) -> None:
    for kind in get_args(ColumnKind):
        assert read(csv(["", ""]), kinds={"a": kind})[0].columns[1].kind == kind


@pytest.mark.parametrize(
    ("name", "cells", "like"),
    [
        ("a", [str(index) for index in range(30)], True),
        ("a", [str(index) for index in range(29, -1, -1)], True),
        ("a", [str(index * index) for index in range(30)], True),
        ("a", [str((index * 7_919) % 1_009) for index in range(30)], False),
        ("customer_id", [str((index * 7_919) % 1_009) for index in range(30)], True),
        ("customerId", [str((index * 7_919) % 1_009) for index in range(30)], True),
        ("paid", [str((index * 7_919) % 1_009) for index in range(30)], False),
        ("a", [str(index) for index in range(19)], False),
        ("a", [str(index // 2) for index in range(30)], False),
        ("a", [f"{index}.5" for index in range(30)], False),
        ("a", [f"user-{index}" for index in range(30)], True),
        ("a", [f"user-{index // 2}" for index in range(30)], False),
        ("a", [f"{index} " + "word " * 20 for index in range(30)], False),
        ("a", [f"2026-01-{index:02}" for index in range(1, 31)], False),
        ("a", [f"user-{index}" for index in range(12_000)], True),
        ("a", [str(index) for index in range(12_000)], True),
        ("a", [str(index % 11_000) for index in range(120_000)], False),
    ],
)
def test_columns_like_identifiers_are_marked(one: One, name: str, cells: list[str], like: bool) -> None:
    assert one(cells, name=name)[0].identifier_like == like


IDS = [10**18 + index for index in range(50)]


def _csv_ids() -> bytes:
    return csv(list(map(str, IDS)), "id")


def _json_ids() -> bytes:
    return "\n".join(f'{{"id": {value}}}' for value in IDS).encode()


def _mixed_json_ids() -> bytes:
    """A column of numbers and texts beside has the block read line by line."""
    return "\n".join(json.dumps({"id": value, "mixed": index or "a"}) for index, value in enumerate(IDS)).encode()


def _parquet_ids(kind: pa.DataType | None = None) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": pa.array(IDS, kind or pa.int64())}), file)
    return file.getvalue()


def _npz_ids() -> bytes:
    file = io.BytesIO()
    np.savez(file, X=np.array(IDS, np.uint64)[:, None], y=np.array(IDS))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["categorical", "text"])
@pytest.mark.parametrize(
    ("form", "content", "name"),
    [
        ("csv", _csv_ids(), "id"),
        ("jsonl", _json_ids(), "id"),
        ("jsonl", _mixed_json_ids(), "id"),
        ("parquet", _parquet_ids(), "id"),
        ("parquet", _parquet_ids(pa.decimal128(25, 0)), "id"),
        ("npz", _npz_ids(), "x0"),
        ("npz", _npz_ids(), "y"),
    ],
)
def test_ids_of_many_digits_are_labels_by_all_of_them(
    read: Read, form: Format, content: bytes, name: str, kind: ColumnKind
) -> None:
    summary, table = read(content, form, kinds={name: kind})
    column = next(column for column in summary.columns if column.name == name)
    assert (column.kind, column.count) == (kind, 50)
    assert column.distinct == pytest.approx(50, abs=0 if kind == "categorical" else 3)
    if kind == "categorical":
        found = table[name]
        assert isinstance(found, CategoricalColumn)
        assert [found.categories[code] for code in found.codes.tolist()] == list(map(str, IDS))


def test_ids_beyond_the_labels_that_are_kept_are_told_apart(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", 1 << 14)
    cells = [str(10**18 + index) for index in range(12_000)]
    column = read(csv(cells), kinds={"a": "categorical"})[0].columns[1]
    assert column.kind == "text"
    assert column.distinct == pytest.approx(12_000, rel=4 * column.distinct_error)
