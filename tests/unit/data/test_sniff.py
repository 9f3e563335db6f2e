"""Format by declared type and content: 415 for an unknown type, 400 for content of no known format."""

import gzip
import io
import pickle
import zipfile

import numpy as np
import pytest

from steepest.data.formats import HEAD_BYTES, format_of
from steepest.spec.errors import InvalidRequest, UnsupportedMediaType


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, X=np.zeros((2, 2)), y=np.zeros(2))
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def archive(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(name, "x")
    return file.getvalue()


CSV = b"a,b\n1,2\n"


@pytest.mark.parametrize(
    ("content_type", "filename", "head", "expected"),
    [
        ("text/csv", None, CSV, "csv"),
        ("Text/CSV; charset=utf-8; header=present", None, CSV, "csv"),
        ("application/csv", None, CSV, "csv"),
        ("application/octet-stream", None, CSV, "csv"),
        ("application/octet-stream", "data.CSV", CSV, "csv"),
        (None, None, CSV, "csv"),
        (None, None, b"\xef\xbb\xbf" + CSV, "csv"),
        ("text/csv", None, b"name\n" + b"x" * (HEAD_BYTES - 6) + "é".encode()[:1], "csv"),
        ("application/x-npz", None, npz(), "npz"),
        ("application/octet-stream", "data.npz", npz(), "npz"),
        ("", None, npz(), "npz"),
    ],
)
def test_known_formats(content_type: str | None, filename: str | None, head: bytes, expected: str) -> None:
    assert format_of(content_type, filename, head) == expected


@pytest.mark.parametrize("content_type", ["application/pdf", "text/plain", "application/json", "image/png", "csv"])
def test_an_unknown_type_is_415_whatever_the_content(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="send text/csv"):
        format_of(content_type, "data.csv", CSV)


@pytest.mark.parametrize(
    ("content_type", "head", "words"),
    [
        ("text/csv", b"", "empty"),
        (None, b" \n\n", "blank"),
        (None, b"\xef\xbb\xbf", "blank"),
        (None, np.random.default_rng(0).bytes(5_000), "no known format|not UTF-8"),
        ("text/csv", b"a,b\n1,\x002\n", "binary .byte 0x00 at offset 6."),
        ("text/csv", b"a,b\nx,\x1b[31m\n", "binary"),
        ("text/csv", b"a,b\nx,caf\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        ("text/csv", b"a,b\nx,\xc3", "line 2: byte 0xc3 is not UTF-8"),
        (None, "a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (None, gzip.compress(CSV), "gzip"),
        (None, npy(), "numpy.savez"),
        (None, pickle.dumps([1, 2]), "never loaded"),
        (None, b"PAR1....", "Parquet"),
        (None, archive("xl/workbook.xml"), "workbook as CSV"),
        (None, b'{"a": 1}', "JSON"),
        (None, b"<!DOCTYPE html><html>", "markup"),
        (None, b"a;b\n1;2\n", "semicolons"),
        (None, b"a\tb\n1\t2\n", "tabs"),
        ("text/csv", npz(), "declare application/x-npz"),
        ("application/x-npz", CSV, "no zip archive"),
        ("application/x-npz", b"\x80\x04", "never loaded"),
    ],
)
def test_content_of_no_known_format_is_400_with_the_remedy(content_type: str | None, head: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        format_of(content_type, None, head)
