"""Whole numbers beyond those that floats hold: as labels they keep all of their digits, whatever brings them."""

import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from service.raw_rows import Columns, from_arrow, from_csv
from steepest.data.formats.jsonl import JsonLinesReader
from steepest.data.labels import in_class_order
from steepest.data.limits import IngestLimits
from steepest.data.raw import RawRows

LONG = st.integers(2**53, 10**30) | st.integers(-(10**30), -(2**53)) | st.integers(2**53 - 4, 2**53 + 4)
SOME = st.lists(LONG, min_size=1, max_size=6)
FITTING = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(2**53, 2**53 + 9), min_size=1, max_size=6)


def labels(values: Sequence[Any]) -> list[str | None]:
    rows = RawRows([{"id": value} for value in values], ["id"])
    read = rows.labels(0, frozenset())
    assert not rows.problems
    return read


@given(SOME)
def test_in_rows_of_json(numbers: list[int]) -> None:
    expected = [str(number) for number in numbers]
    assert labels(numbers) == expected
    assert labels(expected) == expected


@given(SOME, st.sampled_from(["", "1.5", "7"]))
def test_in_rows_of_csv(numbers: list[int], other: str) -> None:
    lines = [*map(str, numbers), other]
    columns = from_csv(("id,n\n" + "".join(f"{line},1\n" for line in lines)).encode(), 100)
    assert labels(columns["id"]) == [*map(str, numbers), other or None]


@given(SOME)
def test_numbers_of_csv_stay_numbers(numbers: list[int]) -> None:
    columns = from_csv(("id,n\n" + "".join(f"{number},1.5\n" for number in numbers)).encode(), 100)
    rows = RawRows([{"id": value} for value in columns["id"]], ["id"])
    assert rows.numbers(0).tolist() == [float(number) for number in numbers]
    assert not rows.problems
    assert columns["n"] == [1.5] * len(numbers)


def arrow(column: pa.Array) -> Columns:
    file = io.BytesIO()
    table = pa.table({"id": column})
    with pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return from_arrow(file.getvalue(), 100)


@given(FITTING)
def test_in_rows_of_arrow(numbers: list[int]) -> None:
    expected = [str(number) for number in numbers]
    decimals = pa.array([Decimal(number) for number in numbers], pa.decimal128(30, 2))
    for column in (pa.array(numbers, pa.int64()), pa.array(numbers, pa.int64()).dictionary_encode(), decimals):
        assert labels(arrow(column)["id"]) == expected


@given(SOME, st.sampled_from(["null", "1.5", '"abc"', "1"]))
def test_in_json_lines(numbers: list[int], other: str) -> None:
    content = "".join(f'{{"id": {number}, "n": 1}}\n' for number in numbers) + f'{{"id": {other}, "n": 2}}\n'
    reader = JsonLinesReader(io.BytesIO(content.encode()), IngestLimits())
    found: list[str | None] = []
    for batch in reader.batches():
        texts = batch[0].texts()
        found += [None if code < 0 else texts.distinct[code] for code in texts.codes.tolist()]
    assert found[:-1] == [str(number) for number in numbers]


@given(st.lists(LONG, min_size=1, max_size=8, unique=True))
def test_they_ascend_by_their_digits(numbers: list[int]) -> None:
    assert in_class_order(map(str, numbers)) == [str(number) for number in sorted(numbers)]
