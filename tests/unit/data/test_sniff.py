# ruff: noqa: RUF001  (texts of many scripts)
"""Format by declared type and content: 415 for an unknown type, 400 for content of no known format."""

import gzip
import io
import pickle
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from steepest.data.formats.packed import compression_of
from steepest.data.formats.sniff import HEAD_BYTES, format_of
from steepest.spec.errors import InvalidRequest, UnsupportedMediaType
from steepest.spec.ingest import IngestOptions


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


def packed(content: bytes) -> bytes:
    """Without the time of the day, which would be part of a test's name."""
    return gzip.compress(content, mtime=0)


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


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
        ("text/tab-separated-values", None, b"a\tb\n1\t2\n", "tsv"),
        ("text/csv", None, b"a\tb\n1\t2\n", "tsv"),
        (None, "data.tsv", b"a\n1\n", "tsv"),
        (None, None, b"a;b\n1;2\n", "csv"),
        (None, None, b'{"a": 1}\n{"a": 2}\n', "jsonl"),
        ("application/x-ndjson", None, b'\n{"a": 1}\n', "jsonl"),
        ("application/jsonl", None, b"\xef\xbb\xbf{}\n", "jsonl"),
        ("application/x-npz", None, npz(), "npz"),
        ("application/octet-stream", "data.npz", npz(), "npz"),
        ("", None, npz(), "npz"),
        ("application/zip", None, npz(), "npz"),
        (None, None, npy(), "npy"),
        (None, None, b"PAR1" + bytes(20), "parquet"),
        ("application/vnd.apache.parquet", "x.csv", b"PAR1" + bytes(20), "parquet"),
        (None, None, b"ARROW1\0\0" + bytes(20), "arrow"),
        (None, None, b"\xff\xff\xff\xff" + bytes(20), "arrow"),
        (None, "train-images-idx3-ubyte", b"\0\0\x08\x03" + bytes(12), "idx"),
        ("application/zip", None, archive("cats/1.png"), "images"),
        (None, None, archive("cats/"), "images"),
        ("text/csv", None, packed(CSV), "csv"),
        (None, "data.csv.gz", packed(CSV), "csv"),
        ("application/gzip", None, packed(npz()), "npz"),
        ("application/zstd", None, zstd(b'{"a": 1}\n'), "jsonl"),
    ],
)
def test_known_formats(content_type: str | None, filename: str | None, head: bytes, expected: str) -> None:
    found = format_of(content_type, filename, head)
    assert found.format == expected
    assert found.options.compression == compression_of(head)


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
        (None, pickle.dumps([1, 2]), "never loaded"),
        (None, archive("xl/workbook.xml"), "workbook as CSV"),
        (None, archive("data.csv"), "gzip"),
        (None, b"PK\x05\x06" + bytes(18), "zip archive without"),
        (None, b'[{"a": 1}]', "JSON"),
        ("text/csv", b'{"a": 1}', "JSON"),
        ("application/x-ndjson", CSV, "no object"),
        (None, b"<!DOCTYPE html><html>", "markup"),
        ("text/csv", npz(), "declare application/x-npz"),
        ("application/x-npz", CSV, "no zip archive"),
        ("application/x-npz", b"\x80\x04", "never loaded"),
        ("application/vnd.apache.parquet", CSV, "not Parquet"),
        ("application/vnd.apache.arrow.file", npy(), "a npy array"),
        ("application/x-idx", CSV, "not an IDX array"),
        (None, b"\x89PNG\r\n", "ZIP of folders"),
        (None, b"\xff\xd8\xff\xe0", "ZIP of folders"),
        (None, b"BZh91AY", "bzip2"),
        (None, packed(packed(CSV)), "packed twice"),
        (None, packed(b""), "empty"),
        (None, packed(CSV)[:10], "empty or cut off"),
        (None, b"\x1f\x8b" + bytes(40), "damaged"),
        (None, b"\x28\xb5\x2f\xfd" + b"\xff" * 40, "damaged|looks back"),
    ],
)
def test_content_of_no_known_format_is_400_with_the_remedy(content_type: str | None, head: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        format_of(content_type, None, head)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("a,b\nx,café\n", "utf-8"),
        ("a,b\nx,café\n", "cp1252"),
        ("name,city\nJosé,München\nAndré,Köln\n" * 30, "cp1252"),
        ("id,price\n1,€5\n2,€6\n" * 50, "cp1252"),
        ("temp,20°C\nx,±5\n" * 20, "cp1252"),
        ("имя,город\nИван,Москва\nПётр,Казань\n" * 5, "cp1251"),
        ("όνομα,πόλη\nΓιώργος,Αθήνα\n" * 5, "cp1253"),
        ("名前,都市\n太郎,東京\n花子,大阪\n" * 5, "cp932"),
        ("姓名,城市\n张三,北京\n李四,上海\n" * 5, "gb18030"),
        ("이름,도시\n김철수,서울\n" * 10, "euc_kr"),
        ("a,b\n1,é\n", "utf-16"),
        ("a,b\n1,é\n", "utf-32"),
    ],
)
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    head = text.encode(encoding)
    found = format_of("text/csv", None, head)
    assert found.options.encoding == encoding
    assert head.decode(found.options.encoding) == text


def test_the_declared_charset_counts_where_the_content_agrees() -> None:
    head = "a,b\nx,caf\xe9\n".encode("latin-1")
    assert format_of("text/csv; charset=iso-8859-15", None, head).options.encoding == "iso8859-15"
    assert format_of("text/csv; charset=utf-8", None, head).options.encoding == "cp1252"
    assert format_of("text/csv; charset=nonsense", None, CSV).options.encoding == "utf-8"


def test_an_encoding_that_was_asked_for_must_read_the_content() -> None:
    head = "a,b\nx,café\n".encode()
    assert format_of(None, None, head, IngestOptions(encoding="cp1252")).options.encoding == "cp1252"
    with pytest.raises(InvalidRequest, match="is not ASCII"):
        format_of(None, None, head, IngestOptions(encoding="ascii"))


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a\tb\n1\t2\n", "\t"),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ";"),
        ("a|b\n1|2\n", "|"),
        ("a\n1\n", ","),
        ('text;n\n"x, y; z";1\n"p, q";2\n', ";"),
        ("a,b;c\n1,2;3\n4,5;6\n", ","),
        ("name,note\nx,a|b\ny,c|d|e\n", ","),
    ],
)
def test_the_delimiter_is_found_or_asked_for(text: str, delimiter: str) -> None:
    assert format_of("text/csv", None, text.encode()).options.delimiter == delimiter
    assert format_of("text/csv", None, text.encode(), IngestOptions(delimiter="pipe")).options.delimiter == "|"


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("a,b\n1,2\n", True),
        ("a,b\nx,y\n", True),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", False),
        ("5,0,0\n1,0,255\n", False),
        ("0,1,2\n5,6,7\n", True),
        ("name,2019,2020\nx,1,2\n", True),
        ("name,2019\nx,1\n", True),
        ("5,hello\n6,world\n", False),
        ("id,5\n1,6\n", True),
        ("1,2\n", True),
        ("7,,x\n8,3,y\n", False),
        ("x,1.5\ny,\n", False),
    ],
)
def test_the_header_is_found_declared_or_asked_for(text: str, header: bool) -> None:
    head = text.encode()
    assert format_of("text/csv", None, head).options.header is header
    assert format_of("text/csv; header=absent", None, head).options.header is False
    assert format_of("text/csv; header=present", None, head).options.header is True
    assert format_of("text/csv; header=absent", None, head, IngestOptions(header=True)).options.header is True


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"delimiter": "ab"}, "delimiter"),
        ({"delimiter": "a"}, "delimiter"),
        ({"delimiter": '"'}, "delimiter"),
        ({"delimiter": "\n"}, "delimiter"),
        ({"delimiter": "é"}, "delimiter"),
        ({"encoding": "nonsense"}, "encoding"),
        ({"encoding": "base64"}, "encoding"),
        ({"encoding": "idna"}, "encoding"),
        ({"image_size": "0x3"}, "image_size"),
        ({"image_size": "28"}, "image_size"),
        ({"image_size": "99999x1"}, "image_size"),
    ],
)
def test_options_that_make_no_sense(asked: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        IngestOptions.model_validate(asked)
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


def test_options_have_a_key_that_tells_them_apart() -> None:
    assert IngestOptions().key == ""
    assert IngestOptions(delimiter="tab").key == IngestOptions(delimiter="\t").key != IngestOptions(header=True).key
    assert IngestOptions(image_size="28X14").size == (28, 14)
