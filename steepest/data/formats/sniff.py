"""Which format an upload has: its declared type must be known, and its first bytes must agree."""

import codecs
from collections.abc import Mapping
from typing import Final, Literal

from steepest.spec.errors import InvalidRequest, UnsupportedMediaType

Format = Literal["csv", "npz"]

HEAD_BYTES: Final = 64 * 1024
"""How much of an upload decides its format."""

_DECLARED: Final[Mapping[str, Format | None]] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/x-npz": "npz",
    "application/octet-stream": None,
    "": None,
}
_SUFFIXES: Final[Mapping[str, Format]] = {".csv": "csv", ".npz": "npz"}

_OTHERS: Final = (
    (b"\x93NUMPY", "a single .npy array; save X and y together with numpy.savez(file, X=X, y=y)"),
    (b"\x80", "a Python pickle, which is never loaded; save arrays with numpy.savez(file, X=X, y=y)"),
    (b"PAR1", "a Parquet file; convert it to CSV"),
    (b"ARROW1", "an Arrow file; convert it to CSV"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd file; unpack it first"),
    (b"%PDF", "a PDF; send the table itself as CSV"),
    (b"\xff\xfe", "UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text; save it as UTF-8"),
)
_MARKUP: Final = ("<?xml", "<!doctype", "<html", '{"', "{\n", "[{", "[[", "[\n")
_CONTROL: Final = frozenset(range(32)) - frozenset(b"\t\n\v\f\r")
_ZIP: Final = b"PK\x03\x04"


def format_of(content_type: str | None, filename: str | None, head: bytes) -> Format:
    """The format of an upload.

    Args:
        content_type: The declared media type, with or without parameters; None when there is none.
        filename: The file's name if there is one; its ending counts where the type does not decide.
        head: The first `HEAD_BYTES` of the content, or all of it when it is shorter.

    Raises:
        UnsupportedMediaType: the declared type names no known format.
        InvalidRequest: the content is empty, of no known format, or not of the declared one.
    """
    declared = _declared(content_type, filename)
    if not head:
        raise InvalidRequest("the body is empty; send the bytes of the file as the body")
    if _is_npz(head):
        if declared == "csv":
            raise InvalidRequest("declared as CSV, but the content is an npz archive; declare application/x-npz")
        return "npz"
    _check_known(head)
    if declared == "npz":
        raise InvalidRequest("declared as npz, but the content is no zip archive; write it with numpy.savez")
    _check_csv(_text(head))
    return "csv"


def _declared(content_type: str | None, filename: str | None) -> Format | None:
    media_type = (content_type or "").split(";")[0].strip().lower()
    if media_type not in _DECLARED:
        raise UnsupportedMediaType(
            f'"{media_type}" is no format of a data set; send text/csv or application/x-npz,'
            " or application/octet-stream to let the content decide"
        )
    named = next((form for suffix, form in _SUFFIXES.items() if (filename or "").lower().endswith(suffix)), None)
    return _DECLARED[media_type] or named


def _is_npz(head: bytes) -> bool:
    if not head.startswith(_ZIP):
        return False
    name_length = int.from_bytes(head[26:28], "little")  # of the first member (ZIP APPNOTE 4.3.7)
    if not head[30 : 30 + name_length].endswith(b".npy"):
        raise InvalidRequest(
            "the content is a zip archive without NumPy arrays; save a workbook as CSV,"
            " arrays with numpy.savez(file, X=X, y=y)"
        )
    return True


def _check_known(head: bytes) -> None:
    for magic, remedy in _OTHERS:
        if head.startswith(magic):
            raise InvalidRequest(f"the content is {remedy}")
    place = next((index for index, byte in enumerate(head) if byte in _CONTROL), None)
    if place is not None:
        raise InvalidRequest(
            f"the content is binary (byte {head[place]:#04x} at offset {place}), of no known format; send CSV or npz"
        )


def _text(head: bytes) -> str:
    try:
        # A character may be cut in two at the end of the head, but not at the end of the content.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError as error:
        line = head.count(b"\n", 0, error.start) + 1
        raise InvalidRequest(
            f"line {line}: byte {head[error.start]:#04x} is not UTF-8; save the file in the encoding UTF-8"
        ) from None
    return text


def _check_csv(text: str) -> None:
    lines = text.split("\n", 2)
    header = next((line for line in lines if line.strip()), "")
    if not text.strip():
        raise InvalidRequest("the content is blank; a CSV file begins with a header line that names its columns")
    if text.lstrip().lower().startswith(_MARKUP):
        raise InvalidRequest("the content looks like JSON or markup, of no known format; send CSV or npz")
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if separator in header and "," not in header:
            raise InvalidRequest(f"the columns are separated by {name}; save the file with commas")
