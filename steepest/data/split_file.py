"""A split as a file: an npz archive of the row numbers of each part, written and read in constant memory."""

import zipfile
from collections.abc import Iterator
from dataclasses import fields
from typing import BinaryIO, Final

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from steepest.data.split import Parts

_FAST: Final = 1
_CHUNK: Final = 1 << 16
_DTYPE: Final = np.dtype("<i8")


def dump(parts: Parts, file: BinaryIO) -> None:
    """Write arrays `training`, `validation` and `test` of int64, ascending; the same parts give the same bytes.

    Deflated, for sorted numbers repeat their upper bytes: about 1.5 bytes a row.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as archive:
        for part in fields(parts):
            rows = getattr(parts, part.name)
            with archive.open(f"{part.name}.npy", "w", force_zip64=True) as member:
                header = {"descr": npy.dtype_to_descr(_DTYPE), "fortran_order": False, "shape": rows.shape}
                npy.write_array_header_1_0(member, header)
                for start in range(0, len(rows), _CHUNK):
                    member.write(rows[start : start + _CHUNK].astype(_DTYPE).data)


def read(file: BinaryIO) -> Iterator[tuple[str, Iterator[NDArray[np.int64]]]]:
    """Each part's name with its row numbers in pieces, from what `dump` wrote; a part is to be read before the next."""
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            yield name.removesuffix(".npy"), _pieces(archive, name)


def _pieces(archive: zipfile.ZipFile, name: str) -> Iterator[NDArray[np.int64]]:
    with archive.open(name) as member:
        npy.read_magic(member)
        npy.read_array_header_1_0(member)
        while data := member.read(_CHUNK * _DTYPE.itemsize):
            yield np.frombuffer(data, _DTYPE)
