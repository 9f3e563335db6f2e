"""Files packed with gzip or zstd, unpacked piece by piece and never further than a sound file would go."""

import io
import shutil
import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO, Final, cast

from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.ingest import Compression

MOST_RATIO: Final = 250
"""Bytes that a packed byte may become, beyond the first `ALWAYS` of them. Tables become 2 to 50."""
ALWAYS: Final = 64 << 20

LARGEST_WINDOW: Final = 32 << 20
"""Bytes that zstd may look back, which have to be in memory. Only --ultra and --long want more than 8 MiB."""

_PIECE: Final = 256 << 10
_MAGICS: Final[dict[Compression, bytes]] = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
_GZIP: Final = 31  # zlib's window bits for a gzip header


def compression_of(head: bytes) -> Compression | None:
    """What a file is packed with, by its first bytes."""
    return next((name for name, magic in _MAGICS.items() if head.startswith(magic)), None)


def unpacked_head(head: bytes, compression: Compression, most: int) -> bytes:
    """The first bytes of the content, as far as the packed ones reach.

    Raises:
        DataUnusable: they cannot be unpacked.
    """
    pieces, total = [], 0
    try:
        for piece in _pieces(cast(BinaryIO, io.BytesIO(head)), compression):
            pieces.append(piece)
            total += len(piece)
            if total >= most:
                break
    except _CutOff:
        pass
    return b"".join(pieces)[:most]


class Unpacked(io.RawIOBase):
    """The content of a packed file as a file of its own. Going back begins anew.

    Raises:
        DataUnusable: on reading, when the file is damaged, cut off, or unpacks to far more than it should.
    """

    def __init__(self, source: BinaryIO, compression: Compression, limits: IngestLimits) -> None:
        super().__init__()
        self._source = source
        self._compression: Compression = compression
        self._limit = limits.unpacked_bytes
        self._piece = memoryview(b"")
        self._packed_bytes = source.seek(0, io.SEEK_END)
        self._begin()

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position in the content."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place; what lies before it is unpacked and thrown away."""
        if whence == io.SEEK_END:
            while self._next():
                self._position += len(self._piece)
                self._piece = memoryview(b"")
        target = offset if whence == io.SEEK_SET else self._position + offset
        if target < 0:
            raise ValueError("a position before the start")
        if target < self._position:
            self._begin()
        while self._position < target and self._next():
            step = min(len(self._piece), target - self._position)
            self._piece = self._piece[step:]
            self._position += step
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than WriteableBuffer
        """Fill `buffer` as far as the current piece reaches."""
        if not len(buffer) or not self._next():
            return 0
        size = min(len(buffer), len(self._piece))
        buffer[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        self._position += size
        return size

    def _begin(self) -> None:
        self._position = self._made = 0
        self._piece = memoryview(b"")
        self._pieces = _pieces(self._source, self._compression)

    def _next(self) -> bool:
        """Have a piece at hand; False at the end."""
        while not self._piece:
            try:
                piece = next(self._pieces, b"")
            except _CutOff as error:
                raise _problem(f"the {self._compression} file is cut off after {self._made:,} bytes") from error
            if not piece:
                return False
            self._made += len(piece)
            if self._made > min(self._limit, max(ALWAYS, MOST_RATIO * self._packed_bytes)):
                raise _problem(
                    f"{self._packed_bytes:,} bytes of {self._compression} unpack to more than {self._made:,}; the limit"
                    f" is {MOST_RATIO} times as many, and {self._limit:,} in all"
                )
            self._piece = memoryview(piece)
        return True


def unpack(source: BinaryIO, compression: Compression, file: BinaryIO, limits: IngestLimits) -> BinaryIO:
    """The content, written to `file`, for formats that are read here and there.

    Raises:
        DataUnusable: as `Unpacked`.
    """
    shutil.copyfileobj(Unpacked(source, compression, limits), file, _PIECE)
    file.flush()
    return file


class _CutOff(Exception):
    """The packed bytes ended too early."""


def _pieces(source: BinaryIO, compression: Compression) -> Iterator[bytes]:
    return _gunzip(source) if compression == "gzip" else _unzstd(source)


def _gunzip(source: BinaryIO) -> Iterator[bytes]:
    """All members, one behind the other (RFC 1952, 2.2); zeros may follow."""
    source.seek(0)
    packed = source.read(_PIECE)
    while packed:
        member = zlib.decompressobj(_GZIP)
        while not member.eof:
            try:
                piece = member.decompress(packed, _PIECE)
            except zlib.error as error:
                raise _problem(f"the gzip file is damaged: {error}") from None
            packed = member.unconsumed_tail
            if piece:
                yield piece
            elif not member.eof:
                packed = packed or source.read(_PIECE)
                if not packed:
                    raise _CutOff
        packed = member.unused_data or source.read(_PIECE)
        while packed and not packed.strip(b"\0"):
            packed = source.read(_PIECE)
        if packed and not packed.startswith(_MAGICS["gzip"][:1]):
            raise _problem("the gzip file is damaged: something else follows its end")


def _unzstd(source: BinaryIO) -> Iterator[bytes]:
    import pyarrow as pa

    from steepest.data.formats.sources import arrow_file, came_from_the_source

    source.seek(0)
    stream = pa.CompressedInputStream(arrow_file(cast(BinaryIO, _CheckedFrames(source))), "zstd")
    while True:
        try:
            piece = stream.read(_PIECE)
        except (pa.ArrowException, OSError) as error:
            if came_from_the_source(error):
                raise
            if "runcated" in str(error):
                raise _CutOff from None
            raise _problem(f"the zstd file is damaged: {str(error)[:200]}") from None
        if not piece:
            return
        yield piece


class _CheckedFrames(io.RawIOBase):
    """The bytes of zstd's frames, handed on once none of those that begin in them looks back too far."""

    def __init__(self, source: BinaryIO) -> None:
        super().__init__()
        self._source = source
        self._steps = _frame_steps()
        self._wanted = next(self._steps)
        self._found = b""

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        place = 0
        while place < len(piece):
            step = min(abs(self._wanted) - len(self._found), len(piece) - place)
            if self._wanted > 0:
                self._found += piece[place : place + step]
                if len(self._found) == self._wanted:
                    self._wanted, self._found = self._steps.send(self._found), b""
            else:
                self._wanted += step
            if not self._wanted:
                self._wanted = next(self._steps)
            place += step
        return piece


def _frame_steps() -> Generator[int, bytes, None]:
    """Walks over frames (RFC 8878, 3.1): asks for bytes that it is then sent, or, below 0, for as many to be passed."""
    while True:
        head = yield 5
        if head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5:  # to be skipped
            yield -int.from_bytes(head[4:] + (yield 3), "little")
            continue
        if head[:4] != _MAGICS["zstd"]:
            raise _problem("the zstd file is damaged: something else follows a frame's end")
        descriptor = head[4]
        single = bool(descriptor & 0x20)
        width = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
        place = (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3]
        _check_window((yield place + width), place if single else None)
        last = 0
        while not last:
            block = int.from_bytes((yield 3), "little")
            last = block & 1
            yield -(1 if block >> 1 & 3 == 1 else block >> 3)  # one byte is repeated
        if descriptor & 4:
            yield -4


def _check_window(header: bytes, place: int | None) -> None:
    """Refuse a frame that looks back too far; at `place` is the content's length, which is the window then."""
    if place is not None:
        window = int.from_bytes(header[place:], "little") + (256 if len(header) - place == 2 else 0)
    else:
        base = 1 << (10 + (header[0] >> 3))
        window = base + (base // 8) * (header[0] & 7)
    if window > LARGEST_WINDOW:
        raise _problem(
            f"the zstd file looks back {window:,} bytes; the limit is {LARGEST_WINDOW:,}. Pack it without --ultra and"
            " --long"
        )


def _problem(detail: str) -> Exception:
    return unusable([FieldProblem(pointer="", detail=detail)])
