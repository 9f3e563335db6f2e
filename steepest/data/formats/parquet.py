"""Parquet: typed columns in row groups, read a batch of rows at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from steepest.data.formats.columns import ArrowCells, bare, is_text, type_problems
from steepest.data.formats.names import checked_names
from steepest.data.formats.parquet_pages import check_pages, longest_text, read_footer
from steepest.data.formats.places import place_by_row
from steepest.data.formats.reader import Cells, Fault
from steepest.data.formats.sources import arrow_file, batch_rows, blamed
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem

MOST_ROW_BYTES: Final = 4 << 20
"""Bytes of a row's cells of fixed sizes; a text is not counted, it may be shared."""

MOST_TEXT_BYTES: Final = 2 << 20
"""Of texts that are told by their differences, as they are read."""

_OPTIONS: Final[dict[str, Any]] = {"buffer_size": 64 << 10, "pre_buffer": False, "arrow_extensions_enabled": False}


class ParquetReader:
    """A Parquet file as batches of columns.

    What the footer and the pages say of their sizes is checked before any of them is unpacked.

    Raises:
        DataUnusable: the file is damaged, or holds what cannot be a column.
    """

    image_shape = None

    def __init__(self, source: BinaryIO, limits: IngestLimits, *, again: bool = False) -> None:
        """`again`: its pages have been looked at before."""
        self._most = limits.problems
        footer = read_footer(source)
        self._rows = footer.rows
        with blamed("the Parquet file"):
            self._file = pq.ParquetFile(arrow_file(source), **_OPTIONS)
            schema = self._file.schema_arrow
            names = list(schema.names)  # they may be no UTF-8
        self.names: Sequence[str] = checked_names(names, limits)
        if problems := type_problems(schema):
            raise unusable(problems[: limits.problems])
        _check_size(sum(footer.rows), len(self.names), limits)
        if not again:
            check_pages(source, footer, limits.page_bytes)
        self._row_bytes = _row_bytes(schema)
        self._longest = longest_text(source, footer)
        with blamed("the Parquet file"):
            # A text that many rows share is kept once: else a small file could become a large column.
            plain = footer.by_differences
            texts = [
                field.name for place, field in enumerate(schema) if is_text(bare(field.type)) and place not in plain
            ]
            self._file = pq.ParquetFile(arrow_file(source), read_dictionary=texts, **_OPTIONS)

    def batches(self, start: int = 0, most: int | None = None) -> Iterator[Sequence[Cells]]:
        """Batches of rows; the row groups before `start` are not touched.

        Raises:
            DataUnusable: a page is damaged.
        """
        rows = batch_rows(self._row_bytes // 8, most)
        for group, there in enumerate(self._rows):
            if start >= there:
                start -= there
                continue
            for batch in self._group(group, rows):
                if start < len(batch):
                    yield [ArrowCells(column) for column in batch.slice(start).columns]
                start = max(0, start - len(batch))

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """The given faults by row, counted from 0."""
        return [place_by_row(fault, self.names) for fault in sorted(faults)[: self._most]]

    def _group(self, group: int, rows: int) -> Iterator[pa.RecordBatch]:
        if not self._longest:
            return self._read(group, rows)
        few = max(1, MOST_TEXT_BYTES // self._longest)
        return _joined(self._read(group, min(rows, few)), rows)

    def _read(self, group: int, rows: int) -> Iterator[pa.RecordBatch]:
        batches = self._file.iter_batches(rows, row_groups=[group], use_threads=False)
        while True:
            with blamed(f"row group {group}"):
                batch = next(batches, None)
                if batch is not None:
                    batch.validate(full=True)
            if batch is None:
                return
            yield batch


def _joined(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Small batches as larger ones of up to about `rows` rows, with one copy of each text."""
    kept: list[pa.RecordBatch] = []
    count = size = 0
    for batch in batches:
        columns = [column.dictionary_encode() if is_text(column.type) else column for column in batch.columns]
        kept.append(pa.RecordBatch.from_arrays(columns, batch.schema.names))
        count, size = count + len(batch), size + kept[-1].nbytes
        if count >= rows or size >= MOST_TEXT_BYTES:
            yield from _whole(kept)
            kept, count, size = [], 0, 0
    if kept:
        yield from _whole(kept)


def _whole(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    return list(pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches())


def _row_bytes(schema: pa.Schema) -> int:
    """Bytes of a row, at least 8 for each of its cells.

    Raises:
        DataUnusable: they are too many.
    """
    kinds = [bare(field.type) for field in schema]
    found = sum(max(8, kind.byte_width) if pa.types.is_fixed_size_binary(kind) else 8 for kind in kinds)
    if found > MOST_ROW_BYTES:
        detail = f"a row has {found:,} bytes, each cell as many as its column says; the limit is {MOST_ROW_BYTES:,}"
        raise unusable([FieldProblem(pointer="/columns", detail=detail)])
    return found


def _check_size(rows: int, columns: int, limits: IngestLimits) -> None:
    if not 0 <= rows <= limits.rows:
        detail = f"the file says it has {rows:,} rows; the limit is {limits.rows:,}"
        raise unusable([FieldProblem(pointer="/rows", detail=detail)])
    if 8 * rows * columns > limits.unpacked_bytes:
        detail = f"{rows:,} rows of {columns:,} columns are more than the {limits.unpacked_bytes:,} bytes allowed"
        raise unusable([FieldProblem(pointer="/rows", detail=detail)])
    if not rows:
        raise unusable([FieldProblem(pointer="/rows", detail="a file without rows")])
