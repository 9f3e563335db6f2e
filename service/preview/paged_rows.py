"""Rows of a file that can be read from any row on."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from service.preview.rows import Row, Rows, Value, number, position
from steepest.data.formats.opening import open_paged
from steepest.data.formats.reader import Cells
from steepest.data.formats.types import Format
from steepest.data.labels import read_cell
from steepest.data.limits import IngestLimits
from steepest.spec.columns import Column
from steepest.spec.ingest import IngestOptions
from store.models import DatasetRow


def paged_rows(
    source: BinaryIO, form: Format, dataset: DatasetRow, limits: IngestLimits, limit: int, after: str | None
) -> Rows:
    """Rows of a data set; `next` is their number."""
    passed, _ = position(after)
    first = min(passed, dataset.rows or 0)
    options, columns = dataset.options or IngestOptions(), dataset.columns or []
    rows: list[Row] = []
    with TemporaryDirectory(prefix="steepest-rows-") as folder:
        shape = tuple(dataset.image_shape) if dataset.image_shape else None
        with open_paged(source, form, options, limits, Path(folder) / "unpacked", shape) as reader:
            for batch in reader.batches(first, limit):
                cells = [_values(column, cells) for column, cells in zip(columns, batch, strict=True)]
                names = [column.name for column in columns]
                rows += [Row(dict(zip(names, row, strict=True))) for row in zip(*cells, strict=True)]
                if len(rows) >= limit:
                    break
    end = first + min(len(rows), limit)
    return Rows(rows[:limit], str(end) if rows and end < (dataset.rows or 0) else None)


def _values(column: Column, cells: Cells) -> list[Value]:
    numbers = cells.numbers() if column.is_number else None
    if numbers is not None:
        return [number(value, whole=column.whole) for value in numbers.tolist()]
    texts = cells.texts()
    shown = [shown_text(column, text) for text in texts.distinct]
    return [None if code < 0 else shown[code] for code in texts.codes.tolist()]


def shown_text(column: Column, text: Any) -> Value:
    """A text as it is shown: as a number in a column of numbers, as null where it stands for none."""
    found = read_cell(text)
    if column.is_number and isinstance(found, float):
        return number(found, whole=column.whole)
    return None if found is None else str(text)
