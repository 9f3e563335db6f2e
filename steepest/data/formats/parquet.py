"""Parquet: typed columns in row groups, read a batch of rows at a time."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from steepest.data.formats.columns import ArrowCells, type_problems
from steepest.data.formats.names import checked_names
from steepest.data.formats.parquet_pages import check_pages, read_footer
from steepest.data.formats.places import place_by_row
from steepest.data.formats.reader import Cells, Fault
from steepest.data.formats.sources import arrow_file, batch_rows, blamed
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem

_BUFFER: Final = 64 << 10


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
            self._file = pq.ParquetFile(arrow_file(source), buffer_size=_BUFFER, pre_buffer=False)
            schema = self._file.schema_arrow
            names = list(schema.names)  # they may be no UTF-8
        self.names: Sequence[str] = checked_names(names, limits)
        if problems := type_problems(schema):
            raise unusable(problems[: limits.problems])
        _check_size(sum(footer.rows), len(self.names), limits)
        if not again:
            check_pages(source, footer)
        texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_binary(field.type)]
        with blamed("the Parquet file"):
            # A text that many rows share is kept once: else a small file could become a large column.
            self._file = pq.ParquetFile(
                arrow_file(source), read_dictionary=texts, buffer_size=_BUFFER, pre_buffer=False
            )

    def batches(self, start: int = 0, most: int | None = None) -> Iterator[Sequence[Cells]]:
        """Batches of rows; the row groups before `start` are not touched.

        Raises:
            DataUnusable: a page is damaged.
        """
        rows = batch_rows(len(self.names), most)
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
        batches = self._file.iter_batches(rows, row_groups=[group], use_threads=False)
        while True:
            with blamed(f"row group {group}"):
                batch = next(batches, None)
                if batch is not None:
                    batch.validate(full=True)
            if batch is None:
                return
            yield batch


def _check_size(rows: int, columns: int, limits: IngestLimits) -> None:
    if not 0 <= rows <= limits.rows:
        detail = f"the file says it has {rows:,} rows; the limit is {limits.rows:,}"
        raise unusable([FieldProblem(pointer="/rows", detail=detail)])
    if 8 * rows * columns > limits.unpacked_bytes:
        detail = f"{rows:,} rows of {columns:,} columns are more than the {limits.unpacked_bytes:,} bytes allowed"
        raise unusable([FieldProblem(pointer="/rows", detail=detail)])
    if not rows:
        raise unusable([FieldProblem(pointer="/rows", detail="a file without rows")])
