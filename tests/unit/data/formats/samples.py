"""Small good files of every format, and what packs them."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

TABLE = pa.table(
    {
        "n": pa.array([1.5, None, -2.0, 4.0]),
        "whole": pa.array([1, 2, None, 4], pa.int32()),
        "flag": pa.array([True, False, None, True]),
        "day": pa.array([0, 86_400_000, None, 1], pa.timestamp("ms")),
        "label": pa.array(["a", "b", "a", None]),
    }
)


def parquet(table: pa.Table = TABLE, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def arrow(table: pa.Table = TABLE, *, stream: bool = False, rows: int | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    opened = pa.ipc.new_stream if stream else pa.ipc.new_file
    with opened(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(compressed: bool = False, **arrays: Any) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


IDX_TYPES = {"|u1": 8, ">u1": 8, "|i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def idx(array: NDArray[Any]) -> bytes:
    code = IDX_TYPES[array.dtype.str]
    return bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def picture(array: NDArray[Any], form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(array).save(file, form, **options)
    return file.getvalue()


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def pictures(count: int = 6, shape: Sequence[int] = (4, 3), form: str = "PNG") -> bytes:
    """Folders `cat` and `dog`, in turns."""
    draw = np.random.default_rng(0)
    suffix = form.lower().replace("jpeg", "jpg")
    return zipped(
        {
            f"pets/{('cat', 'dog')[number % 2]}/{number}.{suffix}": picture(
                draw.integers(0, 256, tuple(shape), np.uint8), form
            )
            for number in range(count)
        }
    )


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


PACKERS: dict[str, Callable[[bytes], bytes]] = {"plain": bytes, "gzip": gzip.compress, "zstd": zstd}
