"""Raw rows that come as CSV or as an Arrow stream: as values in the order of a network's features."""

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from steepest.data.formats.csv import CsvReader
from steepest.data.formats.ipc_messages import RECORDS, BrokenMessage, Live, messages
from steepest.data.formats.reader import Cells, Fault
from steepest.data.formats.sources import most_unpacked
from steepest.data.labels import EXACT_BELOW, LONGEST_CELL
from steepest.data.limits import IngestLimits
from steepest.data.raw import MOST_PROBLEMS
from steepest.spec.errors import DataUnusable, FieldProblem, InvalidRequest
from steepest.spec.problems import Suggestions, first_twice, pointer_to, raised

Columns = dict[str, list[Any]]


def too_many(count: int, most: int) -> Exception:
    """More rows than one request may have."""
    detail = f"{count:,} rows are over the limit of {most:,} (prediction_rows)"
    return raised([FieldProblem(pointer="/rows", detail=detail)])


def in_order(
    columns: Columns, names: Sequence[str], ignored: Callable[[], frozenset[str]], most: int
) -> list[tuple[Any, ...]]:
    """Rows as values in the order of `names`; a column that is not there is missing in every row.

    Args:
        columns: Of one length.
        names: Of the network's features.
        ignored: Columns that may be there without being features; asked for when there are others.
        most: Rows.

    Raises:
        ValidationFailed: there are no rows or too many, or a column is none of the network's.
    """
    known = set(names)
    if strange := [name for name in columns if name not in known]:
        known |= ignored()
        unknown = [name for name in strange if name not in known][:MOST_PROBLEMS]  # before any is compared with all
        if unknown:
            near = Suggestions(names)
            raise raised(
                [
                    FieldProblem(
                        pointer=pointer_to(["columns", name]),
                        detail=f'the model has no feature "{name}"' + near(name),
                    )
                    for name in unknown
                ]
            )
    count = len(next(iter(columns.values()), ()))
    if count > most:
        raise too_many(count, most)
    if not count:
        raise raised([FieldProblem(pointer="/rows", detail="there are no rows")])
    missing = [None] * count
    return list(zip(*(columns.get(name, missing) for name in names), strict=True))


def from_csv(body: bytes, most: int) -> Columns:
    """The columns of a CSV table with a header, its cells read as a data set's are; at most `most` rows and some more.

    Raises:
        ValidationFailed: it cannot be read; pointers as a data set's.
        InvalidRequest: it is empty.
    """
    if not body.strip():
        raise InvalidRequest("the body is empty; send a CSV table whose header names the columns")
    try:
        reader = CsvReader(io.BytesIO(body), IngestLimits())
        columns: Columns = {name: [] for name in reader.names}
        faults: list[Fault] = []
        rows = 0
        for batch in reader.batches():
            for index, (values, cells) in enumerate(zip(columns.values(), batch, strict=True)):
                values += _values(cells, faults, rows, index)
            rows += len(batch[0])
            if rows > most:
                return columns
        if problems := reader.problems(faults):
            raise raised(problems)
    except DataUnusable as error:
        raise raised(error.problems or [FieldProblem(pointer="/rows", detail=error.detail)]) from None
    return columns


def _values(cells: Cells, faults: list[Fault], first: int, column: int) -> list[Any]:
    """Numbers, or texts: also of numbers that floats may not hold, for a label is all of its digits."""
    numbers = cells.numbers()
    if numbers is not None and not (np.abs(numbers) >= EXACT_BELOW).any():
        return list(numbers.tolist())
    texts = cells.texts()
    faults += [Fault(first + index, column, detail) for index, detail in texts.faults]
    distinct = [*texts.distinct, None]  # the last place serves the code -1
    return [distinct[code] for code in texts.codes.tolist()]


def from_arrow(body: bytes, most: int) -> Columns:
    """The columns of an Arrow IPC stream; at most `most` rows.

    Raises:
        InvalidRequest: it is none, or is damaged, or unpacks to too much.
        ValidationFailed: there are more rows; a column is given twice, or is of a type that holds neither numbers,
            texts nor times.
    """
    try:
        _refuse_bombs(body, most)
        with ipc.open_stream(pa.py_buffer(body)) as stream:
            names = stream.schema.names
            if (twice := first_twice(names)) is not None:
                raise raised([FieldProblem(pointer=pointer_to(["columns", twice]), detail="the name comes twice")])
            columns: Columns = {name: [] for name in names}
            for batch in stream:
                batch.validate(full=True)
                for name, array in zip(names, batch.columns, strict=True):
                    columns[name] += _python(name, array)
    except (BrokenMessage, pa.ArrowException, OSError, ValueError, TypeError, MemoryError) as error:
        words = str(error).splitlines()[0][:200] if str(error) else "it cannot be read"
        raise InvalidRequest(f"the body is no Arrow IPC stream: {words}") from None
    return columns


def _python(name: str, array: pa.Array) -> list[Any]:
    """An array's values as JSON would have them: times as ISO 8601."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        codes = array.indices.to_pylist()
        used = sorted({code for code in codes if code is not None})  # a batch may use few of many
        values = dict(zip(used, _python(name, array.dictionary.take(pa.array(used, pa.int64()))), strict=True))
        return [values.get(code) for code in codes]
    if pa.types.is_floating(kind) and not array.null_count:
        return list(np.asarray(array).astype(np.float64).tolist())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts: list[Any] = array.to_pylist()
        if any(text is not None and len(text) > LONGEST_CELL for text in texts):
            detail = f"a text of more than {LONGEST_CELL:,} characters"
            raise raised([FieldProblem(pointer=pointer_to(["columns", name]), detail=detail)])
        return texts
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return list(array.to_pylist())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        if pa.types.is_timestamp(kind) and kind.unit == "ns":
            array = array.cast(pa.timestamp("us", kind.tz), safe=False)
        return [value.isoformat() if isinstance(value, date | datetime) else value for value in array.to_pylist()]
    if pa.types.is_decimal(kind):
        return [None if value is None else _number(value) for value in array.to_pylist()]
    detail = f"the type {str(kind)[:100]} holds neither numbers, texts nor times"
    raise raised([FieldProblem(pointer=pointer_to(["columns", name]), detail=detail)])


def _number(value: Decimal) -> int | float:
    """A whole number with all of its digits."""
    return int(value) if value == value.to_integral_value() else float(value)


def _refuse_bombs(body: bytes, most: int) -> None:
    """Refuse a stream that says it has too many rows, or would unpack to too much, before any of it is unpacked."""
    rows, live, limit = 0, Live(), most_unpacked(len(body))
    for message in messages(io.BytesIO(body), 0):
        unpacked = live.with_next(message, message.unpacked_bytes)
        if unpacked > limit:
            raise InvalidRequest(
                f"the Arrow stream unpacks to {unpacked:,} bytes; the limit is {limit:,} for {len(body):,} bytes"
            )
        if message.kind == RECORDS and not 0 <= message.rows <= most - rows:
            raise too_many(rows + message.rows, most)
        rows += message.rows if message.kind == RECORDS else 0
