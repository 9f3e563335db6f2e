"""ZIP archives from strangers: how many members there are and what they unpack to is known before one is opened."""

import errno
import lzma
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from steepest.data.labels import shorten
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import pointer_to

_LONGEST_LIST: Final = 16 << 20
"""Bytes of a list of members that is always accepted; where more members are allowed, so are as many bytes."""
_ENTRY_BYTES: Final = 168
"""Of a member in the list, for that."""
_SIGNATURE: Final = b"PK\x05\x06"
_END: Final = struct.Struct("<4s4xHHIIH")
"""End of central directory record (APPNOTE 4.3.16)."""
_END_64: Final = struct.Struct("<4s20xQQQQ")
_LOCATOR_64: Final = struct.Struct("<4s4xQ4x")
_LONGEST_COMMENT: Final = 1 << 16
_DEFLATED_MOST: Final = 1032
"""Bytes that a deflated byte can become (zlib's FAQ: 258 bytes of a match take two bits)."""
_DEFLATED_SLACK: Final = 258

BROKEN: Final = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(tokenize.TokenError, SyntaxError, MemoryError),  # a npy header is a Python literal
    *(ArithmeticError, LookupError, RuntimeError, TypeError, ValueError),  # what the parsers make of hostile bytes
)


def open_archive(source: BinaryIO, limits: IngestLimits) -> zipfile.ZipFile:
    """An archive whose list of members is neither too long nor impossible; its end leaves the source open.

    Raises:
        DataUnusable: it is, or the archive is damaged.
    """
    longest = max(_LONGEST_LIST, _ENTRY_BYTES * limits.archive_members)
    members, list_bytes = _announced(source, longest)
    if members > limits.archive_members or list_bytes > longest:
        detail = (
            f"the archive has {members:,} members or more, and their list {list_bytes:,} bytes; the limit is"
            f" {limits.archive_members:,} members and {longest:,} bytes"
        )
        raise unusable([FieldProblem(pointer="", detail=detail)])
    with hostile_archive():
        opened = zipfile.ZipFile(source)
    _check_packing(opened)
    _check_sizes(opened, source.seek(0, 2))
    return opened


@contextmanager
def hostile_archive() -> Iterator[None]:
    """Whatever reading makes of hostile bytes is the archive's fault.

    Raises:
        DataUnusable: the archive is damaged.
    """
    try:
        yield
    except BROKEN as error:
        raise _unreadable(error) from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # else a place before the start, where no file can be read
            raise
        raise _unreadable(error) from None


def _check_packing(opened: zipfile.ZipFile) -> None:
    """Refuse what hardly a program writes: some of its decoders' errors look like those of a broken disk."""
    for member in opened.infolist():
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            pointer = pointer_to(["members", member.filename])
            detail = f"member {shorten(member.filename, 200)}: neither stored as it is nor deflated"
            raise unusable([FieldProblem(pointer=pointer, detail=detail)])


def _check_sizes(opened: zipfile.ZipFile, size: int) -> None:
    """Refuse a list that says of a member what its bytes cannot be, so that the sizes in it may be gone by."""
    for member in opened.infolist():
        if why := _impossible(member, size):
            pointer = pointer_to(["members", member.filename])
            detail = f"member {shorten(member.filename, 200)}: {why}; the archive is damaged, write it anew"
            raise unusable([FieldProblem(pointer=pointer, detail=detail)])


def _impossible(member: zipfile.ZipInfo, size: int) -> str | None:
    """Why the list cannot be right about a member of an archive of `size` bytes."""
    packed, unpacked = member.compress_size, member.file_size
    if packed > size - member.header_offset:
        return f"the archive's list gives it {packed:,} bytes, more than the archive has from its place on"
    if member.flag_bits & 1:  # encrypted: some bytes longer, and refused where it is opened
        return None
    if member.compress_type == zipfile.ZIP_STORED and packed != unpacked:
        return f"{packed:,} bytes are stored as they are, and the archive's list says that they unpack to {unpacked:,}"
    if unpacked > _DEFLATED_MOST * packed + _DEFLATED_SLACK:
        return f"the archive's list says that {packed:,} bytes unpack to {unpacked:,}, which no deflated bytes can"
    return None


def _unreadable(error: Exception) -> Exception:
    detail = f"the archive cannot be read: {str(error) or type(error).__name__}"
    return unusable([FieldProblem(pointer="", detail=detail)])


def _announced(source: BinaryIO, longest: int) -> tuple[int, int]:
    """Members, as far as their list is looked at, and the bytes of the list; zeros where zipfile will object."""
    size = source.seek(0, 2)
    start = max(0, size - _LONGEST_COMMENT - _END.size)
    source.seek(start)
    tail = source.read()
    place = len(tail) - _END.size
    if not (tail[place:].startswith(_SIGNATURE) and tail.endswith(b"\0\0")):
        place = tail.rfind(_SIGNATURE)
    if not 0 <= place <= len(tail) - _END.size:
        return 0, 0
    members, list_bytes = _END.unpack_from(tail, place)[2:4]
    end = start + place
    locator = tail[max(0, place - _LOCATOR_64.size) : place]
    if locator.startswith(b"PK\x06\x07") and len(locator) == _LOCATOR_64.size:
        source.seek(min(size, _LOCATOR_64.unpack(locator)[1]))
        end = source.tell()
        record = source.read(_END_64.size)
        if len(record) == _END_64.size and record.startswith(b"PK\x06\x06"):
            members, list_bytes = _END_64.unpack(record)[2:4]
    if list_bytes > longest:
        return members, list_bytes
    # zipfile goes by the length of the list, whatever number is written beside it.
    source.seek(max(0, end - list_bytes))
    return max(members, source.read(min(list_bytes, end)).count(b"PK\x01\x02")), list_bytes
