"""CSV files that can be used: kinds, statistics and values."""

import csv
import io
import math
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steepest.data import categories
from steepest.data.formats import csv as reader
from steepest.data.ingest import Summary, ingest
from steepest.data.labels import MISSING
from steepest.data.limits import IngestLimits
from steepest.data.table import CategoricalColumn, FreeTextColumn, NumericColumn, Table, open_table

Read = Callable[..., tuple[Summary, Table]]
Values = dict[str, list[float | str | None]]


def values(table: Table, name: str) -> list[float | str | None]:
    column = table[name]
    if isinstance(column, NumericColumn):
        return [None if math.isnan(value) else value for value in column.values.tolist()]
    assert isinstance(column, CategoricalColumn)
    return [None if code < 0 else column.categories[code] for code in column.codes.tolist()]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}),
        (b"\xef\xbb\xbfa,b\r\n1,x\r\n2,y", {"a": [1, 2], "b": ["x", "y"]}),
        (b"a,b\r1,x\r2,y\r", {"a": [1, 2], "b": ["x", "y"]}),
        (b"\n\na\n1\n\n2\n\n", {"a": [1, 2]}),
        (b'"a","b"\n"1","x"\n', {"a": [1], "b": ["x"]}),
        (b'a,b\n1,"x, ""y""\nz"\n2,w\n', {"a": [1, 2], "b": ['x, "y"\nz', "w"]}),
        (b'"a\nb",c\n1,2\n', {"a\nb": [1], "c": [2]}),
        (b'a,b\n1,\n,x\n"",y\n', {"a": [1, None, None], "b": [None, "x", "y"]}),
        (b"a, b\n1, 2\n2, NA\n", {"a": [1, 2], "b": [2, None]}),
        (b"a\n 1\n2 \n\t3\n", {"a": [1, 2, 3]}),
        (b"a\n+1\n-.5\n1e3\n2E-2\n-0\n5.\n", {"a": [1, -0.5, 1000, 0.02, 0, 5]}),
        (b"a\nx\n x\nx \n", {"a": ["x", " x", "x "]}),
        (b"a\n1\nx\n1.0\n2.50\n", {"a": ["1", "x", "1", "2.5"]}),
        (b"a\ntrue\nFalse\nTRUE\n", {"a": ["true", "False", "TRUE"]}),
        (b"a\n01234\n90210\n", {"a": ["01234", "90210"]}),
        (b"a\n1.5\n-07\n", {"a": ["1.5", "-07"]}),
        (b"a\n1.5\n\n00\n0", {"a": ["1.5", "00", "0"]}),
        (
            b"a,b\n0,1\n,1\n-,+0\n0,0\n-0,+0\n5,1\n-0,1\n1,",
            {"a": ["0", None, "-", "0", "0", "5", "0", "1"], "b": [1, 1, 0, 0, 0, 1, 1, None]},
        ),
        (b"a\n0.5\n0\n-0.25\n", {"a": [0.5, 0, -0.25]}),
        (b"a\n0x10\n1_000\n12\n", {"a": ["0x10", "1_000", "12"]}),
        ("a,é\n日本,ü\n".encode(), {"a": ["日本"], "é": ["ü"]}),
        (b'a,b\n5" pipe,1\n', {"a": ['5" pipe'], "b": [1]}),
        (b"NA,null\n1,2\n", {"NA": [1], "null": [2]}),
    ],
)
def test_cells_mean_what_they_say(read: Read, content: bytes, expected: Values) -> None:
    summary, table = read(content)
    assert table.names == tuple(expected)
    assert {name: values(table, name) for name in expected} == expected
    assert summary.rows == table.rows == len(next(iter(expected.values())))


@pytest.mark.parametrize("marker", sorted(MISSING))
def test_missing_markers(read: Read, marker: str) -> None:
    summary, table = read(f'a,b\n1,x\n{marker},{marker}\n"{marker}", {marker}\n'.encode())
    assert values(table, "a") == [1, None, None]
    assert values(table, "b") == ["x", None, None]
    assert [(column.count, column.missing) for column in summary.columns] == [(1, 2), (1, 2)]


def test_a_schema_tells_what_a_column_holds(read: Read) -> None:
    summary, _ = read(b"n,whole,label\n1.5,2,b\n,10,a\n2.5,2,b\n-3,-1,\n")
    n, whole, label = summary.columns
    assert (n.kind, n.count, n.missing, n.min, n.max, n.distinct, n.whole) == ("numeric", 3, 1, -3, 2.5, 3, False)
    assert n.mean == pytest.approx(1 / 3, abs=1e-16)
    assert n.values == ["-3", "1.5", "2.5"]
    assert whole.whole
    assert (whole.values, whole.value_counts) == (["-1", "2", "10"], [1, 2, 1])
    assert (label.kind, label.count, label.missing, label.min, label.mean) == ("categorical", 3, 1, None, None)
    assert (label.values, label.value_counts, label.distinct) == (["a", "b"], [1, 2], 2)


def test_a_column_without_values_is_kept_and_warned_about(read: Read) -> None:
    summary, table = read(b"a,b\n1,\n2,NA\n")
    assert values(table, "b") == [None, None]
    assert (summary.columns[1].count, summary.columns[1].min, summary.columns[1].distinct) == (0, None, 0)
    assert summary.warnings == ['column "b" has no values']


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["01234", "90210"], "leading zero"),
        (["1", "2", "many"], "2 of its values are numbers, 1 are not"),
        (["9007199254740993", "1"], "from 2^53 on"),
    ],
)
def test_warnings_say_how_a_column_was_read(read: Read, cells: list[str], words: str) -> None:
    summary, _ = read("\n".join(["a", *cells]).encode())
    assert len(summary.warnings) == 1
    assert words in summary.warnings[0]


def test_numbers_with_few_distinct_values_and_texts_are_categories(read: Read) -> None:
    summary, _ = read("\n".join(["a", *map(str, range(50)), "x"]).encode())
    assert summary.columns[0].kind == "categorical"


def test_fewer_than_nine_in_ten_numbers_are_categories(read: Read) -> None:
    summary, _ = read("\n".join(["a", *map(str, range(89)), *"abcdefghij"]).encode())
    assert (summary.columns[0].kind, summary.columns[0].distinct) == ("categorical", 99)


@pytest.mark.parametrize(
    ("distinct", "listed", "exact"), [(1_000, True, True), (1_001, False, True), (10_001, False, False)]
)
def test_distinct_numbers_are_exact_to_10_000_and_listed_to_1_000(
    read: Read, distinct: int, listed: bool, exact: bool
) -> None:
    (column,) = read("\n".join(["a", *(f"{index}.5" for index in range(distinct)), "0.5"]).encode())[0].columns
    assert column.distinct_exact == exact
    assert column.distinct == (distinct if exact else pytest.approx(distinct, rel=4 * column.distinct_error))
    assert (column.values is not None) == listed
    if column.values is not None and column.value_counts is not None:
        assert (column.values[:2], column.value_counts[:2]) == (["0.5", "1.5"], [2, 1])


@pytest.mark.parametrize("texts", [[f"t{index}" for index in range(10_001)], ["a", "x" * 1_001]])
def test_free_text_keeps_its_place_but_no_data(read: Read, texts: list[str]) -> None:
    summary, table = read("\n".join(["n,a", *(f"1,{text}" for text in texts)]).encode())
    column = summary.columns[1]
    assert (column.kind, column.distinct_exact, column.values, column.count) == ("text", False, None, len(texts))
    assert isinstance(table["a"], FreeTextColumn)
    assert isinstance(table["n"], NumericColumn)


def test_ten_thousand_texts_are_still_categories(read: Read) -> None:
    texts = [f"t{index:05}" for index in range(10_000)]
    summary, table = read("\n".join(["a", *reversed(texts)]).encode())
    assert (summary.columns[0].distinct, summary.columns[0].distinct_exact, summary.columns[0].values) == (
        10_000,
        True,
        None,
    )
    assert values(table, "a") == texts[::-1]


@pytest.mark.parametrize("block", [16, 64, 1 << 20])
def test_a_column_that_turns_to_text_late_keeps_its_first_values(
    read: Read, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", block)
    cells = ["7", "2.50", "", "-0", "7", *("3" for _ in range(40)), "x", "4", "NA", "7.0"]
    _, table = read("\n".join(["n,a", *(f"1,{cell}" for cell in cells)]).encode())
    assert values(table, "a") == ["7", "2.5", None, "0", "7", *("3" for _ in range(40)), "x", "4", None, "7"]


Cell = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**53), 2**53).map(float),
)
Text = st.text(st.characters(codec="utf-8", exclude_characters="\0\x1a\r"), max_size=6).filter(
    lambda text: (
        text.strip() not in MISSING and not any(digit in text for digit in "0123456789") and "inf" not in text.lower()
    )
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(Cell, st.one_of(st.none(), Text)), min_size=1, max_size=30), data=st.data())
def test_what_is_written_is_what_is_read(
    monkeypatch: pytest.MonkeyPatch, rows: list[tuple[float | None, str | None]], data: st.DataObject
) -> None:
    dialect = data.draw(st.sampled_from(["\n", "\r\n"]))
    quoting: Literal[0, 1] = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=dialect, quoting=quoting)
    writer.writerow(["number", "text"])
    writer.writerows([["" if number is None else repr(number), text or ""] for number, text in rows])
    monkeypatch.setattr(reader.CsvReader, "block_bytes", data.draw(st.sampled_from([256, 1 << 20])))
    with TemporaryDirectory() as place:
        ingest(io.BytesIO(file.getvalue().encode()), "csv", Path(place) / "table")
        table = open_table(Path(place) / "table")
        assert values(table, "number") == [number for number, _ in rows]
        assert values(table, "text") == [text for _, text in rows]


def test_a_source_that_reads_little_at_a_time_stays_open(tmp_path: Path) -> None:
    class Trickle(io.RawIOBase):
        def __init__(self) -> None:
            self._content = io.BytesIO(b"a,b\n" + b"1,x\n" * 500)

        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            return self._content.seek(offset, whence)

        def readinto(self, buffer: "memoryview[int]") -> int:  # type: ignore[override]  # BytesIO wants the same
            return self._content.readinto(memoryview(buffer)[:7])

    source = Trickle()
    assert ingest(source, "csv", tmp_path / "table").rows == 500  # type: ignore[arg-type]  # typeshed: raw is no BinaryIO
    assert not source.closed


def test_an_ingested_folder_is_kept_as_it_is(tmp_path: Path) -> None:
    ingest(io.BytesIO(b"a\n1\n"), "csv", tmp_path / "table")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "table").iterdir()}
    ingest(io.BytesIO(b"a\n1\n"), "csv", tmp_path / "table")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "table").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_columns_are_memory_mapped(read: Read) -> None:
    _, table = read(b"a,b\n1,x\n2,y\n")
    number, label = table["a"], table["b"]
    assert isinstance(number, NumericColumn)
    assert isinstance(label, CategoricalColumn)
    for array in (number.values, label.codes):
        while not isinstance(array, np.memmap):
            assert isinstance(array.base, np.ndarray)
            array = array.base


def test_very_wide_files_need_no_more_file_handles(read: Read) -> None:
    names = [f"c{index}" for index in range(1_100)]
    row = [str(index) if index % 2 else f"t{index}" for index in range(1_100)]
    summary, table = read("\n".join([",".join(names), ",".join(row)]).encode())
    assert len(summary.columns) == 1_100
    assert (values(table, "c1099"), values(table, "c1098")) == ([1099], ["t1098"])


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", 1 << 16)
    monkeypatch.setattr(categories, "_CHUNK", 1 << 12)
    rows = "".join(f"{index / 7},{index % 10},{'ab'[index % 2]}\n" for index in range(20_000))
    peaks = []
    for times in (8, 24):
        source = io.BytesIO(("x,y,z\n" + rows * times).encode())
        tracemalloc.start()
        assert ingest(source, "csv", tmp_path / f"{times}").rows == 20_000 * times
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 6e6


def test_limits_are_named(read: Read) -> None:
    limits = IngestLimits(columns=2, rows=2)
    assert read(b"a,b\n1,2\n3,4\n", limits=limits)[0].rows == 2
