"""Predictions as columns: for Arrow, CSV and Parquet. Needs pyarrow.

Classes are `label`, and `probability_<class>` of each; labels `label_<name>`, 1 or 0, and `probability_<name>`; one
value is `value`, several have their columns' names.
"""

import io
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, ipc

from steepest.data.preprocessing import Inputs
from steepest.export.model import Model
from steepest.spec.tasks import CLASSES, HALF

ROWS_PER_GROUP: Final = 1 << 17
"""Of a Parquet file: what a reader has to hold at once."""


def batch(model: Model, outputs: Inputs) -> pa.RecordBatch:
    """What `Model.outputs_of` gives, as columns."""
    names, task = model.target.names, model.target.task
    if task == "regression":
        named = ["value"] if len(names) == 1 else names
        return pa.RecordBatch.from_arrays([pa.array(column) for column in outputs.T], names=list(named))
    columns = {f"probability_{name}": pa.array(outputs[:, index]) for index, name in enumerate(_classes(model))}
    if task in CLASSES:
        codes = pa.array(outputs.argmax(axis=1), pa.int32())
        labels = {"label": pa.array(model.target.labels, pa.string()).take(codes)}
    else:
        given = (outputs > HALF).astype(np.int8)
        labels = {f"label_{name}": pa.array(given[:, index]) for index, name in enumerate(names)}
    return pa.RecordBatch.from_pydict(labels | columns)


def to_csv(batch: pa.RecordBatch) -> bytes:
    """A header and a line for each row."""
    sink = io.BytesIO()
    csv.write_csv(batch, sink)
    return sink.getvalue()


def to_arrow(batch: pa.RecordBatch) -> bytes:
    """An Arrow IPC stream."""
    sink = io.BytesIO()
    with ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue()


def to_parquet(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """A Parquet file, piece by piece, in memory that does not grow with it."""
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _grouped(batches):
            writer.write_table(pa.Table.from_batches(group, schema))
            yield sink.taken()
    yield sink.taken()


def _grouped(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches together that make a group of rows."""
    group: list[pa.RecordBatch] = []
    for each in batches:
        group.append(each)
        if sum(map(len, group)) >= ROWS_PER_GROUP:
            yield group
            group = []
    if group:
        yield group


class _Sink(io.RawIOBase):
    """A file that is written to and emptied in turn."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position

    def write(self, data: bytes) -> int:  # type: ignore[override]  # narrower than a buffer
        """Take in bytes."""
        piece = bytes(data)
        self._pieces.append(piece)
        self._position += len(piece)
        return len(piece)

    def taken(self) -> bytes:
        """What has been written since this was last asked."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


def _classes(model: Model) -> tuple[str, ...]:
    return model.target.labels if model.target.task in CLASSES else model.target.names
