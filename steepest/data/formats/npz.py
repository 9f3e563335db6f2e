"""npz: a zip archive of NumPy arrays, X (n, d) and y (n,) or (n, targets). Nothing in it is ever unpickled."""

import shutil
import zipfile
from typing import BinaryIO, Final

from steepest.data.formats.archive import hostile_archive, open_archive
from steepest.data.formats.arrays import ArraysReader, check_whole
from steepest.data.formats.scratch import Scratch
from steepest.data.formats.stored import StoredArray, npy_array
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem

_MEMBERS: Final = {"X": "X.npy", "y": "y.npy"}


def open_npz(source: BinaryIO, limits: IngestLimits, scratch: Scratch) -> ArraysReader:
    """The reader of an npz file: its columns are x0, x1, ... and y, or y0, y1, ....

    The members are unpacked into `scratch`, once their declared sizes are within the limit.

    Raises:
        DataUnusable: the archive, or an array in it, cannot be used.
    """
    with open_archive(source, limits) as opened, hostile_archive():
        members = {info.filename: info for info in opened.infolist()}
        _check_members(members, limits)
        arrays = {name: _array(opened, members[_MEMBERS[name]], scratch) for name in _MEMBERS}
        return ArraysReader(arrays["X"], arrays["y"], limits)


def _check_members(members: dict[str, zipfile.ZipInfo], limits: IngestLimits) -> None:
    missing = [name for name, member in _MEMBERS.items() if member not in members]
    if missing:
        there = ", ".join(sorted(members)[:10]) or "nothing"
        raise unusable(
            [
                FieldProblem(pointer=f"/{name}", detail=f'there is no array "{name}"; the archive holds {there}')
                for name in missing
            ]
        )
    declared = sum(members[member].file_size for member in _MEMBERS.values())
    if declared > (most := min(limits.unpacked_bytes, limits.spread_bytes)):
        raise _problem("", f"X and y unpack to {declared:,} bytes; the limit is {most:,}")


def _array(opened: zipfile.ZipFile, member: zipfile.ZipInfo, scratch: Scratch) -> StoredArray:
    """Unpack a member, never more than it declares, nor less."""
    file = scratch.file(member.filename)
    with opened.open(member) as packed:
        shutil.copyfileobj(packed, file, 1 << 20)
    size = file.tell()
    file.seek(0)
    name = member.filename.removesuffix(".npy")
    if size != member.file_size:
        raise _problem(
            f"/{name}", f"{name} unpacks to {size:,} bytes; the archive's list says {member.file_size:,}: it is damaged"
        )
    array = npy_array(file)
    check_whole(array, size, f"/{name}", f"{name} holds " if array.dtype.hasobject else f"{name} is ")
    return array


def _problem(pointer: str, detail: str) -> Exception:
    return unusable([FieldProblem(pointer=pointer, detail=detail)])
