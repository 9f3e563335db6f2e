"""Read an upload once, in constant memory: infer its schema and write its columns where they can be memory-mapped."""

import io
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, cast

from steepest.data.builder import BuiltColumn, ColumnBuilder
from steepest.data.categories import LabelBudget
from steepest.data.formats import Format
from steepest.data.formats.reader import Reader
from steepest.data.limits import IngestLimits
from steepest.data.spool import pack
from steepest.data.table import CODES, MANIFEST, NUMBERS, Manifest
from steepest.data.tally import EXACT_DISTINCT, MOST_VALUES
from steepest.data.unusable import unusable
from steepest.spec.answers import Column
from steepest.spec.errors import FieldProblem

T = TypeVar("T")

_DISTINCT_IN_MEMORY: Final = 16_000_000
"""Values of all columns together: beyond 1,600 columns, less than 10,000 distinct ones are counted per column."""


@dataclass(frozen=True)
class Summary:
    """What an ingest learned."""

    rows: int
    columns: list[Column]
    warnings: list[str]


def ingest(
    source: BinaryIO,
    format: Format,  # noqa: A002  # the API's own word
    folder: Path,
    limits: IngestLimits | None = None,
) -> Summary:
    """Read `source` into `folder`, which `open_table` then maps.

    Args:
        source: Seekable bytes; it stays open.
        format: As `format_of` decided.
        folder: Written aside and renamed into place; one that is there already is kept as it is.
        limits: Upper bounds.

    Raises:
        DataUnusable: the first problems, each with line and column.
    """
    limits = limits or IngestLimits()
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    aside.mkdir(parents=True)
    try:
        with _buffered(source) as buffered:
            reader = _reader(buffered, format, aside, limits)
            rows, built = _read(reader, aside, limits)
        manifest = _write(aside, rows, built)
        _put_into_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Summary(rows, manifest.columns, manifest.warnings)


def _reader(source: BinaryIO, form: Format, scratch: Path, limits: IngestLimits) -> Reader:
    """The format's reader. Each is imported when it is needed: a light install has no columnar parser."""
    if form == "npz":
        from steepest.data.formats.npz import NpzReader

        unpacked = scratch / "unpacked"
        unpacked.mkdir()
        return NpzReader(source, limits, unpacked)
    from steepest.data.formats.csv import CsvReader

    return CsvReader(source, limits)


def _read(reader: Reader, folder: Path, limits: IngestLimits) -> tuple[int, list[BuiltColumn]]:
    budget = LabelBudget()
    most_distinct = min(EXACT_DISTINCT, max(MOST_VALUES, _DISTINCT_IN_MEMORY // len(reader.names)))
    builders = [
        ColumnBuilder(
            name,
            index,
            folder / f"{index}.numbers",
            budget,
            most_distinct=most_distinct,
            most_faults=limits.problems,
        )
        for index, name in enumerate(reader.names)
    ]
    rows = 0
    for batch in _ahead(reader.batches()):
        rows += len(batch[0])
        if rows > limits.rows:
            raise unusable([FieldProblem(pointer="/rows", detail=f"more rows than the limit of {limits.rows:,}")])
        for builder, cells in zip(builders, batch, strict=True):
            builder.add(cells)
    built = [builder.finish() for builder in builders]
    problems = reader.problems([fault for column in built for fault in column.faults])
    if problems:
        raise unusable(problems)
    if not rows:
        raise unusable([FieldProblem(pointer="/rows", detail="a file without rows: nothing follows the header line")])
    return rows, built


def _write(folder: Path, rows: int, built: list[BuiltColumn]) -> Manifest:
    shutil.rmtree(folder / "unpacked", ignore_errors=True)
    pack([column.spool for column in built if column.spool and column.labels is None], folder / NUMBERS)
    pack([column.spool for column in built if column.spool and column.labels is not None], folder / CODES)
    manifest = Manifest(
        rows=rows,
        columns=[column.schema for column in built],
        labels=[column.labels for column in built],
        warnings=[warning for column in built for warning in column.warnings],
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(), "utf-8")
    return manifest


def _put_into_place(aside: Path, folder: Path) -> None:
    try:
        aside.rename(folder)
    except OSError:
        if not folder.exists():  # else another ingest of the same bytes was faster
            raise


def _ahead(batches: Iterator[T]) -> Iterator[T]:
    """The same batches; the next one is parsed while one is worked on."""
    with ThreadPoolExecutor(1) as thread:
        upcoming = thread.submit(next, batches, None)
        while (batch := upcoming.result()) is not None:
            upcoming = thread.submit(next, batches, None)
            yield batch


@contextmanager
def _buffered(source: BinaryIO) -> Iterator[BinaryIO]:
    """A raw source with a buffer, which is taken off again so that the source stays open."""
    if not isinstance(source, io.RawIOBase):
        yield source
        return
    buffered = io.BufferedReader(source, 1 << 20)
    try:
        yield cast(BinaryIO, buffered)
    finally:
        buffered.detach()
