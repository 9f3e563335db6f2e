"""Read an upload once, in constant memory: infer its schema and write its columns where they can be memory-mapped."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from steepest.data.formats import Format
from steepest.data.limits import IngestLimits
from steepest.spec.answers import Column


@dataclass(frozen=True)
class Summary:
    """What an ingest learned."""

    rows: int
    columns: list[Column]
    warnings: list[str]


def ingest(source: BinaryIO, format: Format, folder: Path, limits: IngestLimits = IngestLimits()) -> Summary:  # noqa: A002
    """Read `source` into `folder`, which `open_table` then maps.

    Args:
        source: Seekable bytes.
        format: As `format_of` decided.
        folder: Written aside and renamed into place; one that is there already is kept as it is.
        limits: Upper bounds.

    Raises:
        DataUnusable: the first problems, each with line and column.
    """
    raise NotImplementedError
