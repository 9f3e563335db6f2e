"""Arrow's columns as cells: what Parquet, Arrow IPC and JSON lines are read as."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from steepest.data.formats.arrow import moments
from steepest.data.formats.reader import Texts, checked, number_texts
from steepest.data.formats.text import SUBSTITUTE
from steepest.data.labels import shorten
from steepest.spec.columns import ColumnKind
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import pointer_to

_PER_MILLISECOND: Final = {"s": 1e-3, "ms": 1.0, "us": 1e3, "ns": 1e6}
_TOO_DEEP: Final = (
    (pa.types.is_nested, "nested values; give each of them a column of its own"),
    (pa.types.is_time, "times without a day; write them as numbers or as date-times"),
    (pa.types.is_duration, "durations; write them as numbers"),
    (pa.types.is_interval, "intervals; write them as numbers"),
)


def type_problems(schema: pa.Schema) -> list[FieldProblem]:
    """Columns whose type cannot be a cell."""
    problems = []
    for field in schema:
        for is_such, what in _TOO_DEEP:
            if is_such(bare(field.type)):
                detail = f"column {shorten(field.name)} holds {what}"
                problems.append(FieldProblem(pointer=pointer_to(["columns", field.name]), detail=detail))
                break
    return problems


def bare(kind: pa.DataType) -> pa.DataType:
    """The type below extensions and dictionaries."""
    while isinstance(kind, pa.BaseExtensionType | pa.DictionaryType):
        kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind.value_type
    return kind


class ArrowCells:
    """Cells of one column as Arrow has them, with the type that the file gives them."""

    def __init__(self, cells: pa.Array) -> None:
        while isinstance(cells, pa.ExtensionArray):
            cells = cells.storage
        if pa.types.is_dictionary(cells.type) and not _is_coded(cells.type.value_type):
            cells = cells.dictionary_decode()
        self._cells = cells

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def kind(self) -> ColumnKind | None:
        """What the file's type says; None for texts and for numbers that may be any."""
        kind = self._cells.type
        if pa.types.is_boolean(kind):
            return "boolean"
        if pa.types.is_temporal(kind):
            return "datetime"
        return None

    def numbers(self) -> NDArray[np.float64] | None:
        """Numbers of every width, rounded to 64-bit floats; decimals too."""
        kind = self._cells.type
        if pa.types.is_null(kind):
            return np.full(len(self._cells), np.nan)
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            return None
        cells = self._cells.cast(pa.float64(), safe=False)
        return np.array(cells.to_numpy(zero_copy_only=False), np.float64)

    def datetimes(self) -> NDArray[np.float64] | None:
        """Dates and date-times, and texts that are all such; those without a zone are taken for UTC."""
        kind = self._cells.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return moments(self._cells)
        if pa.types.is_date(kind):
            unit, counts = "ms", self._cells.cast(pa.date64()).view(pa.int64())
        elif pa.types.is_timestamp(kind):
            unit, counts = kind.unit, self._cells.view(pa.int64())
        else:
            return None
        values = np.array(counts.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), np.float64)
        return values / _PER_MILLISECOND[unit]

    def texts(self) -> Texts:
        """Texts; booleans as `true` and `false`, date-times in ISO 8601, numbers by their digits or canonically."""
        kind = self._cells.type
        if pa.types.is_dictionary(kind):
            return _coded(self._cells.indices, self._cells.dictionary)
        cells = self._cells
        if pa.types.is_temporal(kind):
            cells = _dated(cells)
        elif pa.types.is_boolean(kind):
            cells = pc.if_else(cells, "true", "false")
        elif pa.types.is_integer(kind) or pa.types.is_decimal(kind):  # all their digits, which floats may lack
            encoded = cells.dictionary_encode()
            return _coded(encoded.indices, encoded.dictionary.cast(pa.string()))
        elif (numbers := self.numbers()) is not None:
            return number_texts(numbers)
        encoded = cells.dictionary_encode()
        return _coded(encoded.indices, encoded.dictionary)


def is_text(kind: pa.DataType) -> bool:
    """Texts and bytes of any length."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
    )


def _is_coded(kind: pa.DataType) -> bool:
    return is_text(kind) or bool(pa.types.is_fixed_size_binary(kind))


def _dated(cells: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(cells.type):
        cells = cells.view(pa.int64()).view(pa.timestamp(cells.type.unit))  # the instant, in UTC
    try:
        return cells.cast(pa.string())
    except pa.ArrowInvalid:  # a year that no calendar has
        return cells.view(pa.int64() if cells.type.bit_width == 64 else pa.int32()).cast(pa.string())


def _coded(indices: pa.Array, dictionary: pa.Array) -> Texts:
    """Codes into those texts of a dictionary that are in use; one may be null."""
    codes = np.asarray(pc.fill_null(indices, -1).to_numpy(zero_copy_only=False))
    used, codes = np.unique(codes, return_inverse=True)
    codes = codes.astype(np.int32)
    if len(used) and used[0] < 0:
        used, codes = used[1:], codes - np.int32(1)
    # An encoded column has no other texts than those in use; to pick some is not possible in every type.
    distinct = _strings(dictionary if len(used) == len(dictionary) else dictionary.take(pa.array(used)))
    return checked(codes, distinct)


def _strings(texts: pa.Array) -> list[str]:
    """Texts, with a mark in the place of bytes that are not UTF-8. A null is the empty text, which is missing too."""
    if not pa.types.is_binary(texts.type) and not pa.types.is_fixed_size_binary(texts.type):
        try:
            return [text or "" for text in texts.to_pylist()] if not _is_bytes(texts.type) else _decoded(texts)
        except UnicodeDecodeError:
            pass
    return _decoded(texts)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _decoded(texts: pa.Array) -> list[str]:
    if not _is_bytes(texts.type) and not pa.types.is_fixed_size_binary(texts.type):
        texts = texts.cast(pa.binary(), safe=False)
    return [(text or b"").decode("utf-8", SUBSTITUTE) for text in texts.to_pylist()]
