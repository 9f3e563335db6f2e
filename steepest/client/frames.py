"""Tables of pandas, Polars, Arrow and NumPy, on their way to the service. None of them is imported unless it is there.

A table travels as Parquet, which keeps the types of its columns; as CSV where nothing that writes Parquet is installed,
or where columns mix types that Parquet keeps apart. A pair of arrays travels as npz. Equal tables give equal bytes, by
which the service knows them again.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO, Final, cast

PARQUET: Final = "application/vnd.apache.parquet"
NPZ: Final = "application/x-npz"
CSV: Final = "text/csv"

GROUP_ROWS: Final = 1 << 16
"""Rows that a reader has to hold at once."""


@dataclass(frozen=True)
class Packed:
    """A table as a file."""

    file: BinaryIO
    content_type: str


@contextmanager
def packed(source: Any) -> Iterator[Packed | None]:
    """A table or a pair of arrays as a file, which is gone after the block; None when `source` is neither.

    Raises:
        TypeError: it is one whose content no file format of the service can hold.
        ValueError: its parts do not fit together.
    """
    write = _writer(source)
    if write is None:
        yield None
        return
    with tempfile.TemporaryFile() as file:
        content_type = write(cast(BinaryIO, file))
        file.seek(0)
        yield Packed(cast(BinaryIO, file), content_type)


def records(rows: Any) -> Any:
    """The rows of a table as mappings from column to value, missing ones None; anything else as it is."""
    if _is(rows, "pandas", "DataFrame"):
        return rows.astype(object).where(rows.notna(), None).to_dict("records")
    if _is(rows, "polars", "LazyFrame"):
        rows = rows.collect()
    if _is(rows, "polars", "DataFrame"):
        return rows.to_dicts()
    if _is(rows, "pyarrow", "Table", "RecordBatch"):
        return rows.to_pylist()
    if _is(rows, "numpy", "ndarray") and rows.dtype.names:
        return [dict(zip(rows.dtype.names, row, strict=True)) for row in rows.tolist()]
    return rows


def _is(value: Any, library: str, *names: str) -> bool:
    """Whether it is one of a library's objects, which cannot be while nobody has imported that library."""
    module = sys.modules.get(library)
    kinds = tuple(getattr(module, name) for name in names if hasattr(module, name))
    return isinstance(value, kinds)


def _writer(source: Any) -> Callable[[BinaryIO], str] | None:
    if isinstance(source, tuple) and len(source) == 2:
        return _pair(*source)
    if _is(source, "pandas", "DataFrame"):
        return lambda file: _pandas(source, file)
    if _is(source, "polars", "DataFrame", "LazyFrame"):
        return lambda file: _polars(source, file)
    if _is(source, "numpy", "ndarray"):
        raise TypeError("an array alone has no target: give a pair (X, y), or a table with a name for each column")
    if hasattr(source, "__arrow_c_stream__") or _is(source, "pyarrow", "RecordBatch"):
        return lambda file: _arrow(source, file)
    if not isinstance(source, str | os.PathLike) and not hasattr(source, "read"):
        raise TypeError(f"{type(source).__name__} is no file and no table; a path, a DataFrame or a pair (X, y) is")
    return None


def _pair(X: Any, y: Any) -> Callable[[BinaryIO], str]:
    """Features and target, as scikit-learn has them."""
    if _is(X, "pandas", "DataFrame"):
        return lambda file: _pandas(X.assign(**_targets(X, y)), file)
    if _is(X, "polars", "DataFrame"):
        return lambda file: _polars(_with_columns(X, _targets(X, y)), file)
    return lambda file: _arrays(X, y, file)


def _targets(X: Any, y: Any) -> dict[str, Any]:
    """The columns of a target by name, as plain values: rows belong together by their order."""
    if len(X) != len(y):
        raise ValueError(f"X has {len(X):,} rows, y has {len(y):,}: they must be equal")
    if hasattr(y, "columns"):
        columns = {str(name): y[name].to_numpy() for name in y.columns}
    else:
        columns = {str(getattr(y, "name", None) or "y"): y.to_numpy() if hasattr(y, "to_numpy") else y}
    twice = sorted(columns.keys() & set(X.columns))
    if twice:
        raise ValueError(f"X has the target's column {twice[0]!r} too: leave it out, or give the table and no pair")
    return columns


def _with_columns(frame: Any, columns: dict[str, Any]) -> Any:
    series = type(frame[:, 0])
    return frame.with_columns([series(name, values) for name, values in columns.items()])


def _pandas(frame: Any, file: BinaryIO) -> str:
    """A DataFrame without its index."""
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"the column {twice!r} is there twice; every column needs a name of its own")
    if find_spec("pyarrow") is not None:
        import pyarrow as pa

        try:
            table = pa.Table.from_pandas(frame, preserve_index=False)
        except pa.ArrowException:  # a column of several types: what it looks like as text is for the service to judge
            pass
        else:
            return _parquet(table.to_reader(), file)
    frame.to_csv(file, index=False)
    return CSV


def _polars(frame: Any, file: BinaryIO) -> str:
    frame = frame.collect() if hasattr(frame, "collect") else frame
    frame.write_parquet(file, row_group_size=GROUP_ROWS)
    return PARQUET


def _arrow(source: Any, file: BinaryIO) -> str:
    """Whatever speaks Arrow's C stream interface, batch by batch."""
    import pyarrow as pa

    if isinstance(source, pa.RecordBatch):
        return _parquet(pa.Table.from_batches([source]).to_reader(), file)
    return _parquet(pa.RecordBatchReader.from_stream(source), file)


def _parquet(reader: Any, file: BinaryIO) -> str:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(file, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch, row_group_size=GROUP_ROWS)
    return PARQUET


def _arrays(X: Any, y: Any, file: BinaryIO) -> str:
    import numpy as np

    arrays = {"X": np.asarray(X), "y": np.asarray(y)}
    if arrays["y"].dtype == object and all(isinstance(label, str) for label in arrays["y"].flat):
        arrays["y"] = arrays["y"].astype(np.str_)
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise TypeError(f"{name} holds Python objects; give it numbers or text, or give a table")
    np.savez(file, X=arrays["X"], y=arrays["y"])
    return NPZ
