"""The first rows of a data set, or any later ones, read from the uploaded bytes in constant memory."""

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
from steepest.spec.ingest import IngestOptions
from store.models import DatasetRow

__all__ = ["Row", "Rows", "read_rows"]

_FORMAT: Final[TypeAdapter[Format]] = TypeAdapter(Format)
_KNOWN: Final = IngestLimits(rows=1 << 62, columns=1 << 31, unpacked_bytes=1 << 62)
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
    """
    form, options = _FORMAT.validate_python(dataset.format), dataset.options or IngestOptions()
    columns = dataset.columns or []
    if form in ("csv", "tsv"):
        return csv_rows(open_text(source, _KNOWN), columns, options, limit, after)
    if form == "jsonl":
        return jsonl_rows(open_text(source, _KNOWN), columns, options, limit, after)
    if form == "npz" and options.compression is None:
        return npz_rows(source, columns, limit, after)
    return paged_rows(source, form, dataset, _KNOWN, limit, after)
