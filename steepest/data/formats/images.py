"""A ZIP of folders of pictures: a folder is a class, a picture a row of its pixels, 0 to 255, line by line.

Colours of a pixel stand side by side: red, green, blue. If one picture has colours, all are read as coloured.
"""

import io
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from steepest.data.formats.archive import BROKEN, open_archive
from steepest.data.formats.arrays import Labels, Numbers
from steepest.data.formats.reader import Cells, Fault
from steepest.data.labels import shorten
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.ingest import IngestOptions
from steepest.spec.problems import pointer_to

MOST_BYTES: Final = 32 << 20
"""Of one picture's file."""
MOST_RATIO: Final = 100
"""Bytes that a packed byte of the archive may become. Pictures are packed already, and hardly shrink."""

_FORMATS: Final = ("PNG", "JPEG")
_GREY: Final = frozenset({"1", "L", "LA", "I", "I;16", "I;16B"})
_DEEP: Final = frozenset({"I", "I;16", "I;16B"})
_DEEP_WHITE: Final = 257.0  # 65,535 becomes 255
_ORIENTATION: Final = 0x0112
_HEAD: Final = 64 << 10
_BATCH_BYTES: Final = 4 << 20
_CHUNK: Final = 1 << 20


class BadPicture(Exception):
    """A member that cannot be read as a picture; says why."""


@dataclass(frozen=True)
class _Picture:
    member: zipfile.ZipInfo
    label: str


class ImagesReader:
    """A ZIP of pictures as batches of columns x0, x1, ... and y.

    Every picture's size is known, and found to be right, before the first one is unpacked.

    Raises:
        DataUnusable: members that are no pictures, or pictures that do not fit together.
    """

    def __init__(
        self,
        source: BinaryIO,
        limits: IngestLimits,
        options: IngestOptions,
        files: ExitStack,
        shape: tuple[int, ...] | None = None,
    ) -> None:
        """`shape`: of all pictures, where they have been looked at before."""
        self._archive = files.enter_context(open_archive(source, limits))
        self._most, self._most_pixels = limits.problems, limits.picture_pixels
        self._bad: list[FieldProblem] = []
        self._left_out: list[int] = []
        self._pictures = _pictures(self._archive.infolist(), limits, source.seek(0, 2))
        if shape is None:
            (width, height), coloured = self._look(options.size)
        else:
            (width, height), coloured = (shape[1], shape[0]), len(shape) > 2
        self._size = (width, height) if options.size else None
        self._coloured = coloured
        self.image_shape = (height, width, 3) if coloured else (height, width)
        pixels = width * height * (3 if coloured else 1)
        if pixels >= limits.columns:
            detail = (
                f"pictures of {width} x {height} pixels have {pixels:,} numbers; the limit is {limits.columns - 1:,}."
                " Send image_size=28x28, or the like, to have them resized"
            )
            raise unusable([FieldProblem(pointer="", detail=detail)])
        if 8 * pixels * len(self._pictures) > limits.unpacked_bytes:
            detail = f"{len(self._pictures):,} pictures of {pixels:,} numbers are more than is allowed"
            raise unusable([FieldProblem(pointer="", detail=detail)])
        self.names: Sequence[str] = [*(f"x{index}" for index in range(pixels)), "y"]

    def batches(self, start: int = 0, most: int | None = None) -> Iterator[Sequence[Cells]]:
        """Batches of rows, in the order of the archive. Pictures that cannot be read are left out."""
        rows = max(1, _BATCH_BYTES // (8 * len(self.names)))
        rows = min(rows, most) if most else rows
        for first in range(start, len(self._pictures), rows):
            values, labels = [], []
            for number, picture in enumerate(self._pictures[first : first + rows], first):
                try:
                    values.append(self._pixels(self._read(picture.member)))
                    labels.append(picture.label)
                except BadPicture as bad:
                    self._note(number, bad)
            if values:
                pixels = np.stack(values).astype(np.float64)
                yield [*(Numbers(column) for column in pixels.T), Labels(np.array(labels))]
            if len(self._bad) >= self._most:
                return

    def problems(self, faults: Sequence[Fault]) -> list[FieldProblem]:
        """Pictures that cannot be read, and the given faults, each with its member."""
        return [*self._bad, *(self._place(fault) for fault in sorted(faults))][: self._most]

    def _place(self, fault: Fault) -> FieldProblem:
        number = fault.row
        for left_out in self._left_out:
            number += left_out <= number
        return _problem(self._pictures[number].member.filename, fault.detail)

    def _note(self, number: int, bad: BadPicture) -> None:
        self._left_out.append(number)
        if len(self._bad) < self._most:
            self._bad.append(_problem(self._pictures[number].member.filename, str(bad)))

    def _look(self, wanted: tuple[int, int] | None) -> tuple[tuple[int, int], bool]:
        """The size of all pictures, and whether one of them has colours, from their heads alone."""
        first: tuple[int, int] | None = None
        coloured = False
        problems: list[FieldProblem] = []
        for picture in self._pictures:
            name = picture.member.filename
            try:
                size, mode = self._head(picture.member)
            except BadPicture as bad:
                problems.append(_problem(name, str(bad)))
                continue
            first = first or size
            coloured = coloured or mode not in _GREY
            if wanted is None and size != first:
                detail = f"{size[0]} x {size[1]} pixels, the first picture {first[0]} x {first[1]}"
                problems.append(_problem(name, f"{detail}; send image_size={first[0]}x{first[1]} to have all resized"))
            if len(problems) >= self._most:
                break
        if problems or first is None:
            raise unusable(problems)
        return wanted or first, coloured

    def _head(self, member: zipfile.ZipInfo) -> tuple[tuple[int, int], str]:
        """A picture's width and height, as it is shown, and its mode."""
        try:
            return _measured(self._read(member, _HEAD), self._most_pixels)
        except BadPicture:
            if member.file_size <= _HEAD:
                raise
        return _measured(self._read(member), self._most_pixels)

    def _read(self, member: zipfile.ZipInfo, most: int = MOST_BYTES) -> bytes:
        try:
            with self._archive.open(member) as file:
                pieces, left = [], most
                while left and (piece := file.read(min(left, _CHUNK))):
                    pieces.append(piece)
                    left -= len(piece)
                return b"".join(pieces)
        except BROKEN as error:
            raise BadPicture(f"cannot be unpacked: {error}") from None

    def _pixels(self, data: bytes) -> NDArray[Any]:
        """The numbers of a picture, as many as the first one has."""
        with _decoding():
            image: Any = Image.open(io.BytesIO(data), formats=_FORMATS)
            _check(image, self._most_pixels)
            if image.format == "JPEG":
                if self._size:
                    image.draft(None, (2 * self._size[0], 2 * self._size[1]))  # unpacks it smaller in the first place
                image = ImageOps.exif_transpose(image)
            deep = image.mode in _DEEP and not self._coloured
            if image.mode in _DEEP:
                image = image.convert("I").convert("F")
                if not deep:
                    image = image.point(lambda value: value / _DEEP_WHITE).convert("RGB")
            else:
                if "transparency" in image.info:
                    image = image.convert("RGBA")
                image = image.convert("RGB" if self._coloured else "L")
            if self._size and image.size != self._size:
                image = image.resize(self._size, Image.Resampling.BICUBIC, reducing_gap=2.0)
            pixels = np.asarray(image)
        pixels = np.clip(pixels / _DEEP_WHITE, 0, 255) if deep else pixels
        expected = self.image_shape
        if pixels.shape != expected:
            raise BadPicture(f"has the shape {pixels.shape}, the first picture {expected}")
        return pixels.ravel()


def _pictures(members: Sequence[zipfile.ZipInfo], limits: IngestLimits, size: int) -> list[_Picture]:
    """The members that are pictures by their place, in the order of the archive."""
    files = [member for member in members if not member.filename.endswith("/") and not _is_hidden(member.filename)]
    if not files:
        raise unusable([FieldProblem(pointer="", detail="the archive holds no pictures")])
    if len(files) > limits.rows:
        detail = f"the archive holds {len(files):,} pictures; the limit is {limits.rows:,}"
        raise unusable([FieldProblem(pointer="", detail=detail)])
    problems = [_problem(member.filename, why) for member in files if (why := _member_objection(member))]
    declared = sum(member.file_size for member in files)
    if not problems and declared > max(MOST_BYTES, MOST_RATIO * size):
        detail = f"the members unpack to {declared:,} bytes, {MOST_RATIO} times as many as the archive has, and more"
        raise unusable([FieldProblem(pointer="", detail=detail)])
    if problems:
        raise unusable(problems[: limits.problems])
    return [_Picture(member, _parts(member.filename)[-2]) for member in files]


def _is_hidden(name: str) -> bool:
    """Whether an operating system left this there."""
    parts = _parts(name)
    return "__MACOSX" in parts or any(part.startswith(".") for part in parts) or parts[-1:] in (["Thumbs.db"], [])


def _parts(name: str) -> list[str]:
    """The folders and the name; "." and empty ones are none."""
    return [part for part in name.split("/") if part not in ("", ".")]


def _member_objection(member: zipfile.ZipInfo) -> str | None:
    if len(_parts(member.filename)) < 2:
        return "lies in no folder; the folder's name is the class"
    if member.flag_bits & 1:
        return "is encrypted"
    if member.file_size > MOST_BYTES:
        return f"unpacks to {member.file_size:,} bytes; the limit is {MOST_BYTES:,}"
    if member.file_size > MOST_RATIO * max(member.compress_size, _HEAD):
        return f"unpacks from {member.compress_size:,} to {member.file_size:,} bytes; the limit is {MOST_RATIO} times"
    return None


def _measured(data: bytes, most_pixels: int) -> tuple[tuple[int, int], str]:
    """A picture's width and height, as it is shown, and its mode; of its pixels, none is unpacked."""
    with _decoding(), Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        _check(image, most_pixels)
        width, height = image.size
        # A PNG would be unpacked to look for its orientation, and no camera writes one.
        turned = image.format == "JPEG" and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        return ((height, width) if turned else (width, height)), image.mode


def _check(image: Any, most_pixels: int) -> None:
    width, height = image.size
    if width * height > most_pixels:
        raise BadPicture(f"has {width} x {height} pixels; the limit is {most_pixels:,}")


@contextmanager
def _decoding() -> Iterator[None]:
    """Whatever a decoder of pictures makes of hostile bytes is the picture's fault."""
    try:
        yield
    except BadPicture:
        raise
    except Exception as error:
        said = "no PNG or JPEG" if "identify" in str(error) else str(error) or type(error).__name__
        raise BadPicture(f"cannot be read as a picture: {said[:200]}") from None


def _problem(member: str, detail: str) -> FieldProblem:
    return FieldProblem(pointer=pointer_to(["members", member]), detail=f"member {shorten(member, 200)}: {detail}")
