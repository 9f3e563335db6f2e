"""The first rows of a data set, or any later ones, read from the uploaded bytes in constant memory."""

from collections.abc import Sequence
from typing import BinaryIO

from service.preview.csv_rows import csv_rows
from service.preview.npz_rows import npz_rows
from service.preview.rows import Row, Rows
from steepest.spec.answers import Column

__all__ = ["Row", "Rows", "read_rows"]


def read_rows(source: BinaryIO, format: str, columns: Sequence[Column], limit: int, after: str | None) -> Rows:  # noqa: A002 (the field's name)
    """`limit` rows of a data set that is ready.

    Args:
        source: The uploaded bytes, seekable.
        format: `csv` or `npz`.
        columns: The schema, in the order of the file.
        limit: How many rows, at most.
        after: A number of rows to pass over, or the `next` of the page before, which finds its place at once.

    Raises:
        InvalidRequest: `after` is neither.
    """
    return (npz_rows if format == "npz" else csv_rows)(source, columns, limit, after)
