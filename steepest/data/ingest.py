"""Read an upload once, in constant memory: infer its schema and write its columns where they can be memory-mapped."""

import io
import shutil
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

from steepest.data.advice import row_warnings
from steepest.data.built import Builder, BuiltColumn, Site
from steepest.data.categories import LabelBudget
from steepest.data.declared import builder_of
from steepest.data.formats.opening import open_reader
from steepest.data.formats.reader import Cells, Reader
from steepest.data.formats.types import Format
from steepest.data.limits import IngestLimits
from steepest.data.spool import pack
from steepest.data.table import CODES, MANIFEST, NUMBERS, Manifest
from steepest.data.tally import Room
from steepest.data.twins import Twins, with_twins
from steepest.data.unusable import unusable
from steepest.spec.columns import Column, ColumnKind
from steepest.spec.errors import FieldProblem
from steepest.spec.ingest import IngestOptions
from steepest.spec.problems import pointer_to

T = TypeVar("T")


@dataclass(frozen=True)
class Summary:
    """What an ingest learned."""

    rows: int
    columns: list[Column]
    warnings: list[str]
    image_shape: list[int] | None = None


def ingest(
    source: BinaryIO,
    format: Format,  # noqa: A002  # the API's own word
    folder: Path,
    limits: IngestLimits | None = None,
    options: IngestOptions | None = None,
    kinds: Mapping[str, ColumnKind] | None = None,
) -> Summary:
    """Read `source` into `folder`, which `open_table` then maps.

    Args:
        source: Seekable bytes; it stays open.
        format: As `format_of` decided.
        folder: Written aside and renamed into place; one that is there already is kept as it is.
        limits: Upper bounds.
        options: How to read it, as `format_of` found out.
        kinds: What columns are to be read as, by name; the others as they look.

    Raises:
        DataUnusable: the first problems, each with line and column, or part, or member; also when a cell does not fit
            the kind asked for.
    """
    limits = limits or IngestLimits()
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    aside.mkdir(parents=True)
    try:
        with (
            _buffered(source) as buffered,
            open_reader(buffered, format, options or IngestOptions(), limits, aside / "unpacked") as reader,
        ):
            rows, built, twins = _read(reader, aside, limits, kinds or {})
            image_shape = reader.image_shape
        manifest = _write(aside, rows, built, twins, image_shape)
        _put_into_place(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Summary(rows, manifest.columns, manifest.warnings, manifest.image_shape)


def _read(
    reader: Reader, folder: Path, limits: IngestLimits, kinds: Mapping[str, ColumnKind]
) -> tuple[int, list[BuiltColumn], Twins]:
    if unknown := [name for name in kinds if name not in reader.names]:
        raise unusable([_unknown(name) for name in unknown])
    twins = Twins(len(reader.names))
    builders: list[Builder] = []
    rows = 0
    # Closed at once when a problem ends the reading, so that nothing reads on from files that are being removed.
    with closing(_ahead(reader.batches())) as batches:
        for batch in batches:
            rows += len(batch[0])
            if rows > limits.rows:
                raise unusable([FieldProblem(pointer="/rows", detail=f"more rows than the limit of {limits.rows:,}")])
            builders = builders or _builders(reader.names, batch, folder, limits, kinds)
            twins.begin(len(batch[0]))
            for index, (builder, cells) in enumerate(zip(builders, batch, strict=True)):
                twins.add(index, builder.add(cells))
            twins.end()
    built = [builder.finish() for builder in builders]
    problems = reader.problems([fault for column in built for fault in column.faults])
    if problems:
        raise unusable(problems)
    if not rows:
        raise unusable([FieldProblem(pointer="/rows", detail="a file without rows")])
    return rows, built, twins


def _builders(
    names: Sequence[str], batch: Sequence[Cells], folder: Path, limits: IngestLimits, kinds: Mapping[str, ColumnKind]
) -> list[Builder]:
    budget, room = LabelBudget(), Room.of(len(names))
    return [
        builder_of(
            kinds.get(name) or (None if cells.kind == "boolean" else cells.kind),  # two such labels are seen as such
            Site(name, index, folder / f"{index}.numbers", budget, room, limits.problems),
        )
        for index, (name, cells) in enumerate(zip(names, batch, strict=True))
    ]


def _unknown(name: str) -> FieldProblem:
    return FieldProblem(pointer=pointer_to(["columns", name]), detail=f'the file has no column "{name}"')


def _write(
    folder: Path, rows: int, built: list[BuiltColumn], twins: Twins, image_shape: tuple[int, ...] | None
) -> Manifest:
    pack([column.spool for column in built if column.spool and column.labels is None], folder / NUMBERS)
    pack([column.spool for column in built if column.spool and column.labels is not None], folder / CODES)
    manifest = Manifest(
        rows=rows,
        columns=with_twins([column.schema for column in built], twins.first_equals),
        labels=[column.labels if column.spool else None for column in built],
        warnings=[
            *(warning for column in built for warning in column.warnings),
            *row_warnings(rows, len(built), twins),
        ],
        image_shape=None if image_shape is None else list(image_shape),
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(), "utf-8")
    return manifest


def _put_into_place(aside: Path, folder: Path) -> None:
    try:
        aside.rename(folder)
    except OSError:
        if not folder.exists():  # else another ingest of the same bytes was faster
            raise


def _ahead(batches: Iterator[T]) -> Generator[T, None, None]:
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
