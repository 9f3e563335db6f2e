"""Columns on their way to the table's files: each grows in a file of its own, then all are packed into one."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray


class Spool:
    """Values of one column. The file is open only while it is written, so thousands of columns need no handles."""

    def __init__(self, path: Path, dtype: DTypeLike) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.length = 0
        path.write_bytes(b"")

    def append(self, values: NDArray[Any]) -> None:
        """Add (k,) values at the end."""
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(values, self.dtype).data)
        self.length += len(values)

    def map(self) -> NDArray[Any]:
        """The values so far, mapped for reading and writing."""
        return np.memmap(self.path, self.dtype, "r+", shape=(self.length,)) if self.length else np.empty(0, self.dtype)

    def remove(self) -> None:
        """Delete the file, where there is one."""
        self.path.unlink(missing_ok=True)


def pack(spools: Sequence[Spool], path: Path) -> None:
    """Make one `.npy` file of shape (columns, rows) from spools of one length and dtype, and remove them."""
    if not spools:
        return
    shape = (len(spools), spools[0].length)
    header = {"descr": npy.dtype_to_descr(spools[0].dtype), "fortran_order": False, "shape": shape}
    with path.open("wb") as packed:
        npy.write_array_header_1_0(packed, header)
        for spool in spools:
            with spool.path.open("rb") as file:
                shutil.copyfileobj(file, packed, 1 << 20)
            spool.remove()
