"""The first rows of a data set, or any later ones, read from the uploaded bytes in constant memory."""

from dataclasses import replace
from typing import BinaryIO, Final

from pydantic import TypeAdapter

from service.preview.csv_rows import csv_rows
from service.preview.jsonl_rows import jsonl_rows
from service.preview.npz_rows import npz_rows
from service.preview.paged_rows import paged_rows
from service.preview.rows import Row, Rows
from steepest.data.formats.opening import open_text
from steepest.data.formats.types import Format
from steepest.data.limits import IngestLimits
from steepest.spec.errors import Conflict, DataUnusable
from steepest.spec.ingest import IngestOptions
from store.models import DatasetRow

__all__ = ["Row", "Rows", "read_rows"]

_FORMAT: Final[TypeAdapter[Format]] = TypeAdapter(Format)
MOST_SPREAD: Final = 1 << 30
"""Bytes that a packed file may take on this machine's disk, for each page anew."""

_KNOWN: Final = IngestLimits(
    rows=1 << 62,
    columns=1 << 31,
    unpacked_bytes=1 << 62,
    archive_members=1 << 31,
    picture_pixels=1 << 62,
    page_bytes=1 << 62,
)
"""What was within the limits when it was read stays readable."""


def read_rows(source: BinaryIO, dataset: DatasetRow, limit: int, after: str | None) -> Rows:
    """`limit` rows of a data set that is ready.

    Args:
        source: The uploaded bytes, seekable.
        dataset: The data set.
        limit: How many rows, at most.
        after: A number of rows to pass over, or the `next` of the page before, which finds its place at once.

    Raises:
        InvalidRequest: `after` is neither.
        Conflict: the file is packed, and too large to be unpacked for a page.
    """
    form, options = _FORMAT.validate_python(dataset.format), dataset.options or IngestOptions()
    columns = dataset.columns or []
    if form in ("csv", "tsv"):
        return csv_rows(open_text(source, _KNOWN), columns, options, limit, after)
    if form == "jsonl":
        return jsonl_rows(open_text(source, _KNOWN), columns, options, limit, after)
    if form == "npz" and options.compression is None:
        return npz_rows(source, columns, limit, after)
    try:
        return paged_rows(source, form, dataset, replace(_KNOWN, spread_bytes=MOST_SPREAD), limit, after)
    except DataUnusable as error:  # it was read before: what can be wrong now is how much it unpacks to
        raise Conflict(
            f"the rows cannot be shown: {error.problems[0].detail if error.problems else error.detail}. A packed file"
            f" of this format is shown up to {MOST_SPREAD:,} bytes; send it without gzip or zstd to see its rows"
        ) from None
