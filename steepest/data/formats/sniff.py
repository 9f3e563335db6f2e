"""Which format an upload has: its declared type must be known, and its first bytes must agree."""

import codecs
import re
from dataclasses import dataclass
from typing import Final

from steepest.data.formats import dialect
from steepest.data.formats.encoding import UTF_8, encoding_of, reads_as, text_of
from steepest.data.formats.packed import compression_of, unpacked_head
from steepest.data.formats.types import MEDIA_TYPES, NAMES, SUFFIXES, Format
from steepest.spec.errors import DataUnusable, InvalidRequest, UnsupportedMediaType
from steepest.spec.ingest import IngestOptions

HEAD_BYTES: Final = 256 * 1024
"""How much of an upload decides its format: a packed block of zstd is shorter."""

PAIRED: Final = ("idx", "npy")
"""Formats of which two files make a data set."""

_TEXTS: Final = ("csv", "tsv", "jsonl")
_OTHERS: Final = (
    (b"\x80", "a Python pickle, which is never loaded; save arrays with numpy.savez(file, X=X, y=y)"),
    (b"PARE", "an encrypted Parquet file; write it without encryption"),
    (b"\x89HDF", "an HDF5 file; save the table as Parquet"),
    (b"ORC", "an ORC file; save the table as Parquet"),
    (b"Obj\x01", "an Avro file; save the table as Parquet"),
    (b"BZh", "packed with bzip2; use gzip or zstd"),
    (b"\xfd7zXZ", "packed with xz; use gzip or zstd"),
    (b"7z\xbc\xaf", "a 7z archive; use gzip, zstd or ZIP"),
    (b"%PDF", "a PDF; send the table itself as CSV"),
    (b"\x89PNG", "a single picture; send a ZIP of folders of pictures, a folder for each class"),
    (b"\xff\xd8\xff", "a single picture; send a ZIP of folders of pictures, a folder for each class"),
    (b"\xd0\xcf\x11\xe0", "an old workbook; save it as CSV"),
)
_MARKUP: Final = ("<?xml", "<!doctype", "<html", "[{", "[[", "[\n")
_OFFICE: Final = (b"[Content_Types].xml", b"_rels/", b"xl/", b"word/", b"docProps/", b"mimetype", b"META-INF/")
_PICTURES: Final = (b".png", b".jpg", b".jpeg", b"/")
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_ZIP: Final = b"PK\x03\x04"
_IDX_TYPES: Final = b"\x08\x09\x0b\x0c\x0d\x0e"


@dataclass(frozen=True)
class Recognised:
    """What an upload is, and how it is to be read."""

    format: Format
    options: IngestOptions


def format_of(
    content_type: str | None, filename: str | None, head: bytes, asked: IngestOptions | None = None
) -> Recognised:
    """The format of an upload.

    Args:
        content_type: The declared media type, with or without parameters; None when there is none.
        filename: The file's name if there is one; its ending counts where the type does not decide.
        head: The first `HEAD_BYTES` of the content, or all of it when it is shorter.
        asked: What its sender says of it; what is not said is found out.

    Raises:
        UnsupportedMediaType: the declared type names no known format.
        InvalidRequest: the content is empty, of no known format, or not of the declared one.
    """
    asked = asked or IngestOptions()
    declared = _declared(content_type, filename)
    if not head:
        raise InvalidRequest("the body is empty; send the bytes of the file as the body")
    whole = len(head) < HEAD_BYTES
    compression = compression_of(head)
    if compression:
        head, whole = _unpacked(head, whole=whole)
        asked = asked.model_copy(update={"compression": compression})
    found = _binary(head, declared)
    if found is not None:
        _check_declared(declared, found)
        return Recognised(found, asked)
    return _text(head, declared, content_type or "", asked, whole=whole)


def _declared(content_type: str | None, filename: str | None) -> Format | None:
    media_type = content_type_of(content_type)
    if media_type not in MEDIA_TYPES:
        known = ", ".join(sorted(name for name, form in MEDIA_TYPES.items() if form))
        raise UnsupportedMediaType(
            f'"{media_type}" is no format of a data set; send text/csv or application/x-npz,'
            f" or application/octet-stream to let the content decide. Known: {known}"
        )
    name = (filename or "").lower()
    for packed in (".gz", ".zst"):
        name = name.removesuffix(packed)
    named = next((form for suffix, form in SUFFIXES.items() if name.endswith(suffix)), None)
    return MEDIA_TYPES[media_type] or named


def content_type_of(content_type: str | None) -> str:
    """A media type without its parameters."""
    return (content_type or "").split(";")[0].strip().lower()


def _unpacked(head: bytes, *, whole: bool) -> tuple[bytes, bool]:
    compression = compression_of(head)
    if compression is None:
        return head, whole
    try:
        content = unpacked_head(head, compression, HEAD_BYTES)
    except DataUnusable as error:
        raise InvalidRequest(error.detail) from None
    if not content:
        raise InvalidRequest(f"the content is packed with {compression}, and empty or cut off")
    if compression_of(content):
        raise InvalidRequest("the content is packed twice; unpack it once")
    return content, whole and len(content) < HEAD_BYTES


def _binary(head: bytes, declared: Format | None) -> Format | None:
    """The format of bytes that are no text; None for text.

    Raises:
        InvalidRequest: they are of no known format.
    """
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"PK"):
        return _archive(head)
    if head[:2] == b"\0\0" and head[2:3] in _IDX_TYPES and head[3:4] in b"\x01\x02\x03\x04" and len(head) >= 8:
        return "idx"
    for magic, remedy in _OTHERS:
        if head.startswith(magic):
            raise InvalidRequest(f"the content is {remedy}")
    if declared is not None and declared not in _TEXTS:
        what = "no zip archive; write it with numpy.savez" if declared == "npz" else f"not {NAMES[declared]}"
        raise InvalidRequest(f"declared as {declared}, but the content is {what}")
    return None


def _archive(head: bytes) -> Format:
    length = int.from_bytes(head[26:28], "little")  # of the first member's name (ZIP APPNOTE 4.3.7)
    name = head[30 : 30 + length]
    if head.startswith(_ZIP) and name.endswith(b".npy"):
        return "npz"
    if head.startswith(_ZIP) and (b"/" in name or name.lower().endswith(_PICTURES)) and not name.startswith(_OFFICE):
        return "images"
    raise InvalidRequest(
        "the content is a zip archive without NumPy arrays and without folders of pictures; save a workbook as CSV,"
        " pack a single file with gzip, arrays with numpy.savez(file, X=X, y=y)"
    )


def _check_declared(declared: Format | None, found: Format) -> None:
    if declared not in (None, found):
        remedy = "application/x-npz" if found == "npz" else "its own type, or application/octet-stream"
        raise InvalidRequest(
            f"declared as {NAMES[declared] if declared else ''}, but the content is {NAMES[found]}; declare {remedy}"
        )


def _text(head: bytes, declared: Format | None, content_type: str, asked: IngestOptions, *, whole: bool) -> Recognised:
    encoding = asked.encoding or _parameter_encoding(content_type, head, whole=whole) or encoding_of(head, whole=whole)
    if encoding in (None, UTF_8):
        _check_controls(head)
    if encoding is None or not reads_as(head, encoding, whole=whole):
        raise _not_text(head, encoding or UTF_8, whole=whole)
    text = text_of(head, encoding, whole=whole)
    _check_controls(text.encode("utf-8", "replace"))
    if not text.strip():
        raise InvalidRequest("the content is blank; a CSV file begins with a header line that names its columns")
    start = text.lstrip()[:64]
    if start.startswith("{") and declared in (None, "jsonl"):
        return Recognised("jsonl", asked.model_copy(update={"encoding": encoding}))
    if start.lower().startswith((*_MARKUP, '{"', "{\n")):
        raise InvalidRequest(
            "the content looks like a JSON document or markup, of no known format; send CSV, or JSON lines with one"
            " object a line as application/x-ndjson"
        )
    if declared == "jsonl":
        raise InvalidRequest("declared as JSON lines, but the first line is no object")
    return _table(text, declared, content_type, asked.model_copy(update={"encoding": encoding}), whole=whole)


def _table(text: str, declared: Format | None, content_type: str, options: IngestOptions, *, whole: bool) -> Recognised:
    delimiter = options.delimiter or ("\t" if declared == "tsv" else dialect.delimiter_of(text, whole=whole))
    header = options.header
    said = _parameter(content_type, "header")
    if header is None and said in ("present", "absent"):  # RFC 4180, section 3
        header = said == "present"
    if header is None:
        rows = dialect.sample(text, delimiter, whole=whole)
        header = not rows or dialect.has_header(rows)
    form: Format = "tsv" if delimiter == "\t" else "csv"
    return Recognised(form, options.model_copy(update={"delimiter": delimiter, "header": header}))


def _parameter(content_type: str, name: str) -> str | None:
    for parameter in content_type.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"').lower()
    return None


def _parameter_encoding(content_type: str, head: bytes, *, whole: bool) -> str | None:
    """The declared charset, if the content is text in it."""
    said = _parameter(content_type, "charset")
    try:
        encoding = IngestOptions(encoding=said).encoding
    except ValueError:
        return None
    return encoding if encoding and reads_as(head, encoding, whole=whole) else None


def _check_controls(head: bytes) -> None:
    if found := _CONTROL.search(head):
        raise InvalidRequest(
            f"the content is binary (byte {found[0][0]:#04x} at offset {found.start()}), of no known format; send CSV,"
            " Parquet or npz"
        )


def _not_text(head: bytes, encoding: str, *, whole: bool) -> InvalidRequest:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head, final=whole)
        place = 0
    except UnicodeError as error:  # UTF-16 that does not tell its byte order has no place
        place = error.start if isinstance(error, UnicodeDecodeError) else 0
    line = head.count(b"\n", 0, place) + 1
    return InvalidRequest(
        f"line {line}: byte {head[place]:#04x} is not {encoding.upper()}; save the file in the encoding UTF-8, or name"
        " its encoding in the query, as encoding=windows-1252"
    )
