"""CSV files that cannot be used: each problem with its line and column, the first twenty at once."""

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from steepest.data.formats import csv as reader
from steepest.data.ingest import ingest
from steepest.data.labels import LONGEST_CELL
from steepest.data.limits import IngestLimits
from steepest.spec.errors import DataUnusable

Refuse = Callable[..., list[tuple[str, str]]]

NUMBERS = "".join(f"{index}.5,x\n" for index in range(60))  # lines 2 to 61 of a column of numbers


def with_numbers(*rows: str) -> bytes:
    """Sixty good rows, then `rows`, the first of them on line 62."""
    return ("n,t\n" + NUMBERS + "".join(f"{row}\n" for row in rows)).encode()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # no rows
        (b"", [("/rows", "without a header line")]),
        (b"\n\n", [("/rows", "without a header line")]),
        (b"\xef\xbb\xbf", [("/rows", "without a header line")]),
        (b"a,b", [("/rows", "a file without rows")]),
        (b"a,b\n", [("/rows", "a file without rows")]),
        (b"a,b\r\n\r\n\n", [("/rows", "a file without rows")]),
        (b'"a","b\n"', [("/rows", "a file without rows")]),
        # the header
        (b"a,,c\n1,2,3\n", [("/rows/1/2", "no name")]),
        (b",\n1,2\n", [("/rows/1/1", "no name"), ("/rows/1/2", "no name")]),
        (b"a, \n1,2\n", [("/rows/1/2", "no name")]),
        (b"a,b,a\n1,2,3\n", [("/rows/1/3", '"a" already in column 1')]),
        (b"\n\na,a\n1,2\n", [("/rows/3/2", '"a" already in column 1')]),
        (b"a, a\n1,2\n", [("/rows/1/2", '"a" already in column 1')]),
        (b"a,a,\n1,2,3\n", [("/rows/1/2", "already"), ("/rows/1/3", "no name")]),
        (b"a,\xff\n1,2\n", [("/rows/1/2", "not UTF-8")]),
        (b"a,b\x00\n1,2\n", [("/rows/1/2", "NUL")]),
        (b"a," + b"b" * 1_001 + b"\n1,2\n", [("/rows/1/2", "1,001 characters")]),
        (b"a," + b"b" * (LONGEST_CELL + 1) + b"\n1,2\n", [("/rows/1/2", "131,072 characters")]),
        (b'a,"b\n1,2\n', [("/rows/1", "never closed")]),
        # rows of a wrong length
        (b"a,b\n1\n", [("/rows/2/b", "1 cell, the header 2")]),
        (b"a,b\n1,2,3\n", [("/rows/2/3", "3 cells, the header 2")]),
        (b"a,b,c\n1,2,3\n1\n", [("/rows/3/b", "1 cell, the header 3")]),
        (b"a,b\n1,2\n3\n4,5\n6,7,8\n", [("/rows/3/b", "1 cell"), ("/rows/5/3", "3 cells")]),
        (b"a,b\r\n1,2\r\n\r\n3\r\n", [("/rows/4/b", "1 cell")]),
        (b"\n\na,b\n\n1\n", [("/rows/5/b", "1 cell")]),
        (b"a,b\r1,2\r3\r", [("/rows/3/b", "1 cell")]),
        (b'a,b\n"1\n\n",2\n3\n', [("/rows/5/b", "1 cell")]),
        (b'"a\n\nb",c\n1,2\n3\n', [("/rows/5/c", "1 cell")]),
        (b"\xef\xbb\xbfa,b\n1,2\n3\n", [("/rows/3/b", "1 cell")]),
        (b"a,b/c\n1\n", [("/rows/2/b~1c", "1 cell")]),
        (b"a,b\n1,2\n \n", [("/rows/3/b", "1 cell")]),
        # quotes left open
        (b'a,b\n1,2\n3,"4\n5,6\n', [("/rows/3", "never closed")]),
        (b'a,b\n1,"x ""\n', [("/rows/2", "never closed")]),
        # bytes that are no text
        (b"a,b\n1,x\n2,\xffy\n", [("/rows/3/b", "not UTF-8")]),
        (b"a,b\n1,\xc3\n2,y\n", [("/rows/2/b", "not UTF-8")]),
        (b"a,b\n1\xff,x\n2,y\n", [("/rows/2/a", "not UTF-8")]),
        (b"a,b\n\xed\xa0\x80,x\n", [("/rows/2/a", "not UTF-8")]),
        (b"a,b\n1,x\x00\n2,y\n", [("/rows/2/b", "NUL")]),
        (b"a,b\n1,\xff\n2,\xfe\n", [("/rows/2/b", "not UTF-8"), ("/rows/3/b", "not UTF-8")]),
        (b"a,b\n1\xff\n2,\xc3\n", [("/rows/2/b", "1 cell"), ("/rows/3/b", "not UTF-8")]),
        (b"a\n" + b"x" * 4_093 + "é".encode() * 100 + b"\n\xe9\n", [("/rows/3/a", "not UTF-8")]),
        # infinities
        (b"a,b\n1,2\ninf,3\n", [("/rows/3/a", "not finite")]),
        (b"a,b\n1,2\n3,-Infinity\n", [("/rows/3/b", "not finite")]),
        (b"a,b\n1,1e999\n", [("/rows/2/b", "not finite")]),
        (b"a\n1\n\n+INF\n", [("/rows/4/a", "not finite")]),
        (with_numbers("inf,x"), [("/rows/62/n", "not finite")]),
        # text in a column of numbers
        (with_numbers("oops,x"), [("/rows/62/n", '"oops" is no number')]),
        (with_numbers("", "", "oops,x"), [("/rows/64/n", '"oops" is no number')]),
        (with_numbers('9,"x', 'y"', "oops,x"), [("/rows/64/n", '"oops" is no number')]),
        (with_numbers("1,2 ,x", "a,x"), [("/rows/62/3", "3 cells"), ("/rows/63/n", '"a" is no number')]),
        (
            with_numbers('"1,5",x', "?,x", "1 000,x"),
            [("/rows/62/n", "1,5"), ("/rows/63/n", '"?"'), ("/rows/64/n", "1 000")],
        ),
        (with_numbers("oops,x", "inf,x"), [("/rows/62/n", "no number"), ("/rows/63/n", "not finite")]),
        (with_numbers("oops,\xff".encode("latin-1").decode("latin-1")), [("/rows/62/n", "no number")]),
        (with_numbers("x" * 2_000 + ",x"), [("/rows/62/n", '"' + "x" * 40 + '..."')]),
        (with_numbers("0x1F,x"), [("/rows/62/n", '"0x1F"')]),
    ],
)
def test_a_problem_is_told_with_its_line_and_column(
    refuse: Refuse, content: bytes, expected: list[tuple[str, str]]
) -> None:
    found = refuse(content)
    assert [pointer for pointer, _ in found] == [pointer for pointer, _ in expected]
    for (_, detail), (_, words) in zip(found, expected, strict=True):
        assert words in detail


def test_the_detail_names_line_and_column(refuse: Refuse) -> None:
    assert refuse(with_numbers("oops,x")) == [
        ("/rows/62/n", 'line 62, column "n": "oops" is no number, and the column is one of numbers')
    ]


def test_too_many_columns_and_rows(refuse: Refuse) -> None:
    assert refuse(b"a,b,c\n1,2,3\n", limits=IngestLimits(columns=2)) == [
        ("/rows/1/3", "line 1, column 3: the header names 3 columns; the limit is 2")
    ]
    assert refuse(b"a\n1\n2\n3\n", limits=IngestLimits(rows=2)) == [("/rows", "more rows than the limit of 2")]


def test_a_long_cell_is_a_problem(refuse: Refuse) -> None:
    content = b"a,b\n1,x\n2," + b"y" * (LONGEST_CELL + 1) + b"\n3,z\n"
    assert refuse(content) == [("/rows/3/b", 'line 3, column "b": a cell of 131,073 characters; the limit is 131,072')]


def test_a_record_that_hides_the_lines_after_it_is_told_itself(refuse: Refuse) -> None:
    content = b"a,b\n1.5,2\n1." + b"0" * LONGEST_CELL + b",2\n3\n"
    assert refuse(content) == [
        ("/rows/3/a", 'line 3, column "a": a cell of more than 131,072 characters; is a quote left open?')
    ]


def test_a_source_that_fails_is_not_the_data_s_fault(tmp_path: Path) -> None:
    class Lost(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 1 << 20:
                raise ConnectionError("the database is gone")
            return super().read(1 << 20)

    with pytest.raises(ConnectionError, match="the database is gone"):
        ingest(Lost(b"a,b\n" + b"1,2\n" * 500_000), "csv", tmp_path / "table")
    assert list(tmp_path.iterdir()) == []


def test_a_row_longer_than_a_block_is_a_problem(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", 100)
    monkeypatch.setattr(reader, "LONGEST_RECORD", 100)
    assert refuse(b"a,b\n" + b"1,x\n" * 100 + b"2," + b"y" * 300 + b"\n3,z\n") == [
        ("/rows/102", "line 102: a row of more than 100 characters")
    ]


def test_the_first_problems_come_at_once_in_the_order_of_the_file(refuse: Refuse) -> None:
    content = with_numbers(*("oops,x" if index % 2 else "1" for index in range(12)))
    expected = [f"/rows/{62 + index}/{'n' if index % 2 else 't'}" for index in range(12)]
    assert [pointer for pointer, _ in refuse(content)] == expected
    assert [pointer for pointer, _ in refuse(content, limits=IngestLimits(problems=5))] == expected[:5]


def test_reading_stops_at_twenty_rows_of_a_wrong_length(refuse: Refuse) -> None:
    found = refuse(b"a,b\n" + b"1\n" * 10_000)
    assert [pointer for pointer, _ in found] == [f"/rows/{line}/b" for line in range(2, 22)]


@pytest.mark.parametrize("block", [32, 256])
def test_lines_are_right_whatever_the_blocks(refuse: Refuse, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(reader.CsvReader, "block_bytes", block)
    rows = ['1,"x\ny"', "", "2,z", "3", '4,"a ""b"""'] * 40
    found = refuse(("n,t\n" + NUMBERS + "\n".join(rows) + "\noops,x\n").encode(), limits=IngestLimits(problems=100))
    expected = [f"/rows/{62 + 6 * index + 4}/t" for index in range(40)] + [f"/rows/{62 + 6 * 40}/n"]
    assert [pointer for pointer, _ in found] == expected


def test_hostile_files_are_read_or_refused_but_never_break(tmp_path: Path) -> None:
    good = with_numbers('1,"a ""b"""', "2,é", '3,"x\ny"')
    draw = random.Random(0)
    outcomes = set()
    for number in range(150):
        content = bytearray(good)
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(content))
            content[place : place + draw.randint(0, 3)] = draw.choice(
                [b'"', b",", b"\n", b"\r", b"\0", b"\xff", b"", b"e9"]
            )
        try:
            ingest(io.BytesIO(bytes(content)), "csv", tmp_path / str(number))
            outcomes.add("read")
        except DataUnusable:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
