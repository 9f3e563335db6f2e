"""JSON lines: one object a line, its keys the columns; a key that a line lacks is a missing value.

pyarrow reads block after block. A block that it cannot read, because a column mixes numbers and texts or because a line
is broken, is read line by line, which is slower and can say where.
"""

import io
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute as pc
from pyarrow import json as arrow_json

from steepest.data.formats.columns import ArrowCells
from steepest.data.formats.jsonl_blocks import BLANK, blocks, with_new_keys
from steepest.data.formats.names import checked_names
from steepest.data.formats.reader import Cells, Fault, Texts, checked
from steepest.data.formats.sources import batch_rows
from steepest.data.labels import EXACT_BELOW, shorten
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.columns import ColumnKind
from steepest.spec.errors import FieldProblem
from steepest.spec.ingest import IngestOptions
from steepest.spec.labels import number_label
from steepest.spec.problems import first_twice, pointer_to

_NESTED: Final = 64

_EXACT: Final = 16
"""Digits, and a sign, from which on a whole number may be more than a float holds."""
_LONG_WHOLE: Final = re.compile(rb"[:\s]-?\d{16,}[\s,}]")

Value = float | bool | str | None


class _Whole(float):
    """A whole number of many digits as a float, with all of them."""

    def __new__(cls, digits: str) -> "_Whole":
        whole = super().__new__(cls, digits)
        whole.digits = digits
        return whole

    digits: str


class JsonLinesReader:
    """JSON lines as batches of columns. The file is read twice: the columns are known only at its end.

    Raises:
        DataUnusable: a line is broken, or the keys cannot be columns.
    """

    image_shape = None

    def __init__(self, source: BinaryIO, limits: IngestLimits, options: IngestOptions | None = None) -> None:
        self._source = source
        self._encoding = (options and options.encoding) or "utf-8"
        self._most = limits.problems
        self._bad: list[tuple[int, FieldProblem]] = []
        names: dict[str, None] = {}
        for block, keys in with_new_keys(blocks(source, self._encoding)):
            for name in _keys(block, few=keys <= limits.columns):
                names.setdefault(name)
                if len(names) > limits.columns:
                    break
            if len(names) > limits.columns:
                break
        if not names:
            raise unusable(
                [problem for _, problem in _first_problems(blocks(source, self._encoding), self._most)]
                or [FieldProblem(pointer="/rows", detail="a file without rows: no line holds an object with a key")]
            )
        self.names: Sequence[str] = checked_names(names, limits)

    def batches(self) -> Iterator[Sequence[Cells]]:
        """Batches of rows. Lines that cannot be read are left out; the file is given up once there are too many."""
        for block, line in blocks(self._source, self._encoding, batch_rows(len(self.names))):
            table = _table(block)
            if table is not None:
                yield from self._columns(table)
                continue
            rows, bad = _rows(block, line)
            self._bad += bad[: self._most - len(self._bad)]
            if rows:
                yield [_Values([row.get(name) for row in rows]) for name in self.names]
            if len(self._bad) >= self._most:
                return

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """Broken lines and the given faults, by line."""
        faults = sorted(faults)[: self._most]
        lines = self._lines({fault.row for fault in faults})
        found = [*self._bad, *((lines[fault.row], self._place(lines[fault.row], fault)) for fault in faults)]
        return [problem for _, problem in sorted(found, key=lambda item: item[0])][: self._most]

    def _columns(self, table: pa.Table) -> Iterator[Sequence[Cells]]:
        empty = pa.nulls(len(table))
        there = set(table.column_names)
        yield [ArrowCells(table.column(name).combine_chunks() if name in there else empty) for name in self.names]

    def _place(self, line: int, fault: Fault) -> FieldProblem:
        return _problem(line, self.names[fault.column], fault.detail)

    def _lines(self, wanted: set[int]) -> dict[int, int]:
        """The lines of rows."""
        found: dict[int, int] = {}
        row = 0
        bad = {line for line, _ in self._bad}
        for block, first in blocks(self._source, self._encoding):
            if len(found) == len(wanted):
                break
            for line, text in enumerate(block.split(b"\n"), first):
                if text.strip(BLANK) and line not in bad:
                    if row in wanted:
                        found[row] = line
                    row += 1
        return found


def parse_line(text: bytes) -> dict[str, Any]:
    """The object of a line.

    Raises:
        ValueError: it holds none; says why.
    """
    try:
        # Numbers are floats here as everywhere, so a whole number of a thousand digits is an infinite one.
        # A control character in a text is told as what it is.
        found = json.loads(text, object_pairs_hook=_object, parse_int=_whole, strict=False)
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} (character {error.pos + 1})") from None
    except RecursionError:
        raise ValueError("no JSON: nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8; save the file in the encoding UTF-8") from None
    if not isinstance(found, dict):
        raise ValueError('no object; a line is an object such as {"column": 1.5}')
    return found


def _whole(digits: str) -> float:
    return float(digits) if len(digits) < _EXACT else _Whole(digits)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"the key {shorten(first_twice(name for name, _ in pairs) or '')} comes twice")
    return found


def _table(block: bytes) -> pa.Table | None:
    """What pyarrow makes of a block; None when it is to be read line by line."""
    if block.count(b"[") + block.count(b"{") > block.count(b"\n") + 1 + _NESTED:
        return None  # nested so deep, perhaps, that a parser would leave its stack
    try:
        read = arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1)
        table = arrow_json.read_json(io.BytesIO(block), read)
        # Texts that look like date-times stay as they were written.
        names = table.column_names
        texts = [field.name for field in table.schema if pa.types.is_timestamp(field.type)]
        if texts:
            as_text = pa.schema([(name, pa.string()) for name in texts])
            table = arrow_json.read_json(io.BytesIO(block), read, arrow_json.ParseOptions(explicit_schema=as_text))
            table = table.select(names)
        if any(pa.types.is_nested(field.type) for field in table.schema):
            return None
        if any(map(_is_rounded, table.columns)) and _LONG_WHOLE.search(block):
            return None
        table.validate(full=True)
        # Without a column the rows would be lost.
        return table if names and len(set(names)) == len(names) else None
    except (pa.ArrowException, ValueError):
        return None


def _is_rounded(column: pa.ChunkedArray) -> bool:
    """Whether digits of whole numbers may be lost: pyarrow makes floats of them where one is none, or is too long."""
    if not pa.types.is_floating(column.type):
        return False
    return bool(pc.any(pc.greater_equal(pc.abs(column), EXACT_BELOW)).as_py())


def _keys(block: bytes, *, few: bool) -> Iterator[str]:
    """The keys of a block, in order; by pyarrow where they are few, else line by line."""
    table = _table(block) if few else None
    if table is not None:
        yield from table.column_names
        return
    for text in block.split(b"\n"):
        if text.strip(BLANK):
            with suppress(ValueError):  # `batches` will say what is wrong
                yield from parse_line(text)


def _rows(block: bytes, first: int) -> tuple[list[dict[str, Value]], list[tuple[int, FieldProblem]]]:
    """The objects of a block's lines, and what is wrong with the others."""
    rows: list[dict[str, Value]] = []
    bad: list[tuple[int, FieldProblem]] = []
    for line, text in enumerate(block.split(b"\n"), first):
        if not text.strip(BLANK):
            continue
        try:
            row = parse_line(text)
        except ValueError as error:
            bad.append((line, _problem(line, None, str(error))))
            continue
        nested = next((name for name, value in row.items() if isinstance(value, dict | list)), None)
        if nested is None:
            rows.append(row)
        else:
            detail = "nested values; give each of them a column of its own"
            bad.append((line, _problem(line, nested, detail)))
    return rows, bad


def _first_problems(blocks: Iterator[tuple[bytes, int]], most: int) -> list[tuple[int, FieldProblem]]:
    found: list[tuple[int, FieldProblem]] = []
    for block, line in blocks:
        found += _rows(block, line)[1]
        if len(found) >= most:
            break
    return found[:most]


class _Values:
    """Cells as Python has them."""

    def __init__(self, values: list[Value]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    @property
    def kind(self) -> ColumnKind | None:
        there = [value for value in self._values if value is not None]
        return "boolean" if there and all(isinstance(value, bool) for value in there) else None

    def numbers(self) -> NDArray[np.float64] | None:
        if any(isinstance(value, bool | str) for value in self._values):
            return None
        return np.array([np.nan if value is None else value for value in self._values], np.float64)

    def datetimes(self) -> None:
        return None

    def texts(self) -> Texts:
        codes: dict[str, int] = {}
        cells = [-1 if (text := _text(value)) is None else codes.setdefault(text, len(codes)) for value in self._values]
        return checked(np.array(cells, np.int32), list(codes))


def _text(value: Value) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, _Whole):
        return value.digits
    return number_label(value) if isinstance(value, float) else value


def _problem(line: int, column: str | None, detail: str) -> FieldProblem:
    if column is None:
        return FieldProblem(pointer=f"/rows/{line}", detail=f"line {line}: {detail}")
    detail = f"line {line}, column {shorten(column)}: {detail}"
    return FieldProblem(pointer=pointer_to(["rows", line, column]), detail=detail)
