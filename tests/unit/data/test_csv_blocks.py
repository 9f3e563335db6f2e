"""Blocks of CSV are whole records, and what they are parsed to is what the whole file is parsed to."""

import io
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from steepest.data.formats import csv_blocks
from steepest.data.formats.csv import CsvReader, _CsvCells
from steepest.data.formats.csv_blocks import Layout, NumberCells, Parsed, parsed
from steepest.data.formats.csv_cuts import TooLong, cut, first_record_end, record_end
from steepest.data.limits import IngestLimits

TEXTS = st.text('a0.,;"\n\r -', max_size=60).map(str.encode)


def whole(content: bytes, columns: int, delimiter: str) -> tuple[list[tuple[str | None, ...]], list[tuple[int, int]]]:
    """Rows and ragged records, as pyarrow reads them at once."""
    ragged: list[tuple[int, int]] = []

    def note(row: csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    names = [str(index) for index in range(columns)]
    table = csv.read_csv(
        pa.BufferReader(content),
        csv.ReadOptions(use_threads=False, block_size=len(content) + 1, column_names=names),
        csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=note),
        csv.ConvertOptions(column_types={name: pa.string() for name in names}, strings_can_be_null=False),
    )
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True)), ragged


@settings(max_examples=500, deadline=None)
@given(TEXTS, st.integers(1, 70), st.sampled_from(",;"), st.integers(1, 3))
def test_blocks_are_whole_records(content: bytes, size: int, delimiter: str, columns: int) -> None:
    source = io.BytesIO(content)
    try:
        blocks = list(cut(source.read, size, delimiter, header=False))
    except TooLong:
        return
    assert b"".join(blocks) == content
    rows, ragged, records = [], [], 0
    try:
        expected = whole(content, columns, delimiter)
        for block in blocks:
            if block.strip(b"\r\n"):
                some, wrong = whole(block, columns, delimiter)
                rows += some
                ragged += [(records + record, cells) for record, cells in wrong]
                records += len(some) + len(wrong)
    except pa.ArrowInvalid:  # a quote that is never closed, or nothing but line breaks
        return
    assert (rows, ragged) == expected


@pytest.mark.parametrize(
    ("block", "end"),
    [
        (b"1,2\n3,4\n5", 8),
        (b"1,2\r\n3,4\r\n5", 10),
        (b"1,2\r3,4\r5", 8),
        (b"1,2\r3,4\r", 4),
        (b"1,2", 0),
        (b'1,"2\n3', 0),
        (b'1,"2\n3",4\n5,"\n', 10),
        (b'1,"a""\nb"\n2,"', 10),
        (b'1,5" pipe\n2,3\n', 14),
        (b'1,5" pipe\n2,"a\nb"\n3,"\n', 18),
        (b'1,"a"b"\n2,3\n"\n', 12),
        (b'"', 0),
    ],
)
def test_a_record_ends_where_no_quote_is_open(block: bytes, end: int) -> None:
    assert record_end(block, ",") == end


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"a,b\n1,2\n", 4),
        (b"a,b\r\n1,2\n", 5),
        (b"a,b\r1,2\r", 4),
        (b"\n\r\n a,b\n1", 8),
        (b'"a\nb",c\n1,2', 8),
        (b"a,b", 3),
    ],
)
def test_a_header_ends_with_its_line(content: bytes, end: int) -> None:
    assert first_record_end(content, ",") == end
    assert b"".join(cut(io.BytesIO(content).read, 64, ",", header=True)) == content[end:]


def test_a_source_may_give_little_at_a_time() -> None:
    content = b"".join(b"%d,%d\n" % (row, row * row) for row in range(500))
    source = io.BytesIO(content)
    blocks = list(cut(lambda size: source.read(min(size, 7)), 100, ",", header=False))
    assert b"".join(blocks) == content
    assert all(80 < len(block) <= 100 for block in blocks[:-1])


def test_a_mark_in_the_middle_of_a_file_is_text() -> None:
    content = "a\n\ufeffb\n\ufeffc\n".encode()
    blocks = list(cut(io.BytesIO(content).read, 6, ",", header=False))
    assert [whole(block, 1, ",")[0] for block in blocks] == [[("a",)], [("\ufeffb",)], [("\ufeffc",)]]


def blocks_of(content: bytes, columns: int, size: int, layout: Layout | None = None) -> Iterator[Parsed]:
    layout = layout or Layout(columns, ",", _CsvCells)
    yield from parsed(cut(io.BytesIO(content).read, size, ",", header=False), layout)


def test_columns_of_numbers_are_read_at_once_and_others_as_texts() -> None:
    layout = Layout(4, ",", _CsvCells)
    content = b"".join(b"%d,%d.5,%s,\n" % (row, row, b"ab"[row % 2 : row % 2 + 1]) for row in range(200))
    first, *_, last = blocks_of(content, 4, 200, layout)
    assert layout.texts == {2}
    assert [isinstance(cells, NumberCells) for cells in last.columns] == [True, True, False, True]
    numbers = [cells.numbers() for cells in first.columns]
    assert numbers[2] is None
    assert [each is not None for each in numbers] == [True, True, False, True]
    assert np.isnan(np.asarray(numbers[3])).all()


@pytest.mark.parametrize(
    ("cell", "is_text"),
    [("007", True), ("-01", True), ("+00", True), (" 01", True), ("0", False), ("1e-05", False), ("0.05", False)],
)
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("quoted", [False, True])
def test_numbers_with_a_leading_zero_are_codes(cell: str, is_text: bool, place: int, quoted: bool) -> None:
    row = ["1.5", "100"]
    row[place] = f'"{cell}"' if quoted else cell
    content = ("10,2.002\n" * 9 + ",".join(row) + "\n" + "3,400\n" * 9).encode()
    (block,) = blocks_of(content, 2, 1_000)
    assert (block.columns[place].numbers() is None) is is_text
    assert block.columns[1 - place].numbers() is not None
    assert (block.columns[place].texts().distinct[1]).strip() == cell.strip()


def test_a_column_of_codes_does_not_slow_down_the_others() -> None:
    layout = Layout(3, ",", _CsvCells)
    content = b"".join(b"%d,%05d,%d\n" % (row, row, row) for row in range(300))
    for block in blocks_of(content, 3, 500, layout):
        assert [isinstance(cells, NumberCells) for cells in block.columns] == [True, False, True]
    assert layout.texts == {1}


def test_numbers_can_be_had_as_texts_and_are_read_so_from_then_on() -> None:
    layout = Layout(2, ",", _CsvCells)
    first, *_, last = blocks_of(b"1,2\n" * 400, 2, 100, layout)
    assert first.columns[1].texts().distinct == ["2"]
    assert layout.texts == {1}
    del last
    (block,) = blocks_of(b"1,2\n", 2, 100, layout)
    assert [isinstance(cells, NumberCells) for cells in block.columns] == [True, False]


def test_what_is_infinite_is_no_number() -> None:
    (block,) = blocks_of(b"1,2\n1e999,3\n", 2, 100)
    assert block.columns[0].numbers() is None
    assert block.columns[0].texts().distinct == ["1", "1e999"]


def test_records_of_a_wrong_length_are_counted_across_pieces_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "PIECE_BYTES", 16)
    monkeypatch.setattr(csv_blocks, "PIECE_BYTES_OF_A_COLUMN", 1)
    lines = [b"1,2\n"] * 60
    for place in (3, 20, 41, 59):
        lines[place] = b"1,2,3\n"
    records, found = 0, []
    for block in blocks_of(b"".join(lines), 2, 100):
        found += [(records + record, cells) for record, cells in block.ragged]
        records += block.records
    assert (records, found) == (60, [(4, 3), (21, 3), (42, 3), (60, 3)])


def test_a_record_longer_than_a_piece_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_blocks, "PIECE_BYTES", 16)
    monkeypatch.setattr(csv_blocks, "PIECE_BYTES_OF_A_COLUMN", 1)
    (block,) = blocks_of(b"1,2\n1," + b"3" * 40 + b"\n", 2, 100)
    numbers = block.columns[1].numbers()
    assert numbers is not None
    assert numbers.tolist() == [2.0, float("3" * 40)]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(*[st.sampled_from(["1", "2.5", "-3e-05", "", "NA", "007", "red", ' "', "inf", "1e999"])] * 3)
    ),
    size=st.sampled_from([40, 90, 1 << 20]),
)
def test_what_is_read_does_not_depend_on_the_blocks(rows: list[tuple[str, str, str]], size: int) -> None:
    content = "a,b,c\n" + "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)

    class Small(CsvReader):
        block_bytes = size

    texts: list[list[str | None]] = [[], [], []]
    for batch in Small(io.BytesIO(content.encode()), IngestLimits()).batches():
        for column, cells in zip(texts, batch, strict=True):
            found = cells.texts()
            column += [None if code < 0 else found.distinct[code] for code in found.codes.tolist()]
    expected = [[None if cell in ("", "NA") else cell for cell in column] for column in zip(*rows, strict=True)]
    assert texts == (expected or [[], [], []])


def test_whoever_has_enough_ends_the_parsing() -> None:
    blocks = blocks_of(b"1,2\n" * 1_000, 2, 100)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]  # it is a generator
