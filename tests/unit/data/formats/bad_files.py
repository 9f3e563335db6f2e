# ruff: noqa: E501  (a table)
"""Bad files by hand: what each is, and what is said of it."""

import gzip
import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa

from steepest.data.limits import IngestLimits
from steepest.spec.ingest import IngestOptions
from tests.unit.data.formats.feeding import Outcome
from tests.unit.data.formats.samples import TABLE, arrow, idx, npy, npz, parquet, picture, pictures, zipped, zstd

MIB: Final = 1 << 20
NUMBERS: Final = "".join(f"{index}.5,x\n" for index in range(60))


@dataclass(frozen=True)
class BadFile:
    """A file, how it is declared, and what becomes of it."""

    name: str
    build: Callable[[], bytes]
    outcome: Outcome
    words: str
    pointer: str = ""
    declared: str | None = None
    options: IngestOptions | None = None
    limits: IngestLimits | None = None


def _fixed(content: bytes) -> Callable[[], bytes]:
    return lambda: content


def _failed(name: str, content: bytes | Callable[[], bytes], words: str, pointer: str = "", **more: Any) -> BadFile:
    return BadFile(name, _fixed(content) if isinstance(content, bytes) else content, "failed", words, pointer, **more)


def _refused(name: str, content: bytes | Callable[[], bytes], words: str, **more: Any) -> BadFile:
    return BadFile(name, _fixed(content) if isinstance(content, bytes) else content, "refused", words, **more)


# Texts


def _wide_csv() -> bytes:
    names = ",".join(f"c{index}" for index in range(100_000))
    return f"{names}\n{','.join('1' * 100_000)}\n".encode()


def _lines(*lines: str | bytes) -> bytes:
    return b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in lines)


TEXTS: Final = [
    _refused("nothing", b"", "empty"),
    _refused("blank", b"\n \n\t\n", "blank"),
    _refused("a mark and no text", b"\xef\xbb\xbf\n", "blank"),
    _refused("NUL in a text", b"a,b\n1,\0\n", "byte 0x00 at offset 6"),
    _refused("an escape in a text", b"a,b\n1,\x1b[1m\n", "binary"),
    _failed("NUL far behind the head", b"a,b\n" + b"1,2\n" * 80_000 + b"1,\0\n", "a NUL character", "/rows/80002/b"),
    _failed("bytes that are no UTF-8, far behind", b"a,b\n" + b"1,x\n" * 80_000 + b"1,\xff\n", "not UTF-8", "/rows/80002/b"),
    _refused("half a character of UTF-16", "a,b\n1,xy\n".encode("utf-16") + b"\xd8", "is not UTF-16"),
    _failed("half a character of UTF-16, far behind", "a,b\n".encode("utf-16") + "1,x\n".encode("utf-16-le") * 80_000 + b"\xd8", "the row has 1 cell", "/rows/80002/b"),
    _refused("no text in the asked encoding", "a,b\n1,é\n".encode(), "is not ASCII", options=IngestOptions(encoding="ascii")),
    _refused("UTF-16 that does not tell its byte order", b"a,b\n1,2\n", "is not UTF-16", options=IngestOptions(encoding="utf-16")),
    _failed("100,000 columns", _wide_csv, "the header names 100,000 columns; the limit is 10,000", "/rows/1/10001"),
    _failed("a cell of a megabyte", lambda: b"a,b\n1," + b"x" * MIB + b"\n", "1,048,576 characters|a cell of more than", "/rows/2/b"),
    _failed("a header of a megabyte", lambda: b"a," + b"x" * MIB + b"\n1,2\n", "131,072 characters", "/rows/1/2"),
    _failed("a row of five megabytes", lambda: b"a,b\n" + b"1," + b"x" * (5 * MIB) + b"\n", "5,242,880 characters|a cell of more than", "/rows/2/b"),
    _failed("a quote left open", b'a,b\n1,"2\n3,4\n', "never closed", "/rows/2"),
    _failed("a quote left open for megabytes", lambda: b'a,b\n1,"2\n' + b"3,4\n" * MIB, "quote", "/rows/2/b"),
    _failed("a header and no rows", b"a,b\n", "without rows"),
    _failed("a name that comes twice", b"a,a\n1,2\n", "already in column 1", "/rows/1/2"),
    _failed("a column without a name", b"a,\n1,2\n", "no name", "/rows/1/2"),
    _failed("short and long rows", b"a,b\n1\n1,2,3\n", "the row has 1 cell, the header 2", "/rows/2/b"),
    _failed("rows unlike the first", b"1.5,x\n2.5\n3.5,y\n", "the first 2", "/rows/2/x1", options=IngestOptions(header=False)),
    _failed("texts among numbers", ("n,t\n" + NUMBERS + "oops,x\n").encode(), '"oops" is no number', "/rows/62/n"),
    _failed("texts among numbers, tabs", ("n\tt\n" + NUMBERS.replace(",", "\t") + "oops\tx\n").encode(), "no number", "/rows/62/n"),
    _failed("infinities", b"a\n1\ninf\n", "not finite", "/rows/3/a"),
    _failed("numbers that overflow", b"a\n1\n1e999\n", "not finite", "/rows/3/a"),
    _failed("all cells wrong", ("n,t\n" + NUMBERS + "x,1\n" * 30 + NUMBERS * 20).encode(), "no number", "/rows/62/n"),
    _failed("too many rows", b"a\n" + b"1\n" * 11, "more rows than the limit of 10", "/rows", limits=IngestLimits(rows=10)),
    _failed("one delimiter too few", b"a|b\n1\n", "1 cell", "/rows/2/b", options=IngestOptions(delimiter="|")),
    _refused("markup", b"<!DOCTYPE html><p>", "markup"),
    _refused("a JSON document", b'[{"a": 1}, {"a": 2}]', "JSON document"),
    _refused("JSON declared as CSV", b'{"a": 1}\n', "JSON document", declared="text/csv"),
    _refused("an unknown type", b"a\n1\n", "no format of a data set", declared="application/pdf"),
    _refused("CSV declared as Parquet", b"a\n1\n", "not Parquet", declared="application/vnd.apache.parquet"),
    _refused("CSV declared as Arrow", b"a\n1\n", "not Arrow", declared="application/vnd.apache.arrow.stream"),
    _refused("CSV declared as JSON lines", b"a\n1\n", "no object", declared="application/x-ndjson"),
    _failed("JSON: broken line", _lines('{"a": 1}', '{"a": 2', '{"a": 3}'), "line 2: no JSON", "/rows/2"),
    _failed("JSON: rubbish behind", _lines('{"a": 1}', '{"a": 2} x'), "line 2: no JSON: Extra data", "/rows/2"),
    _failed("JSON: a line that is a list", _lines('{"a": 1}', "", "[1, 2]"), "line 3: no object", "/rows/3"),
    _failed("JSON: a line that is a number", _lines('{"a": 1}', "7"), "line 2: no object", "/rows/2"),
    _failed("JSON: nested", _lines('{"a": 1}', '{"a": {"b": 2}}'), "nested values", "/rows/2/a"),
    _failed("JSON: lists", _lines('{"a": [1, 2]}'), "nested values", "/rows/1/a"),
    _failed("JSON: nested without end", lambda: b'{"a": ' + b"[" * 500_000 + b"\n", "line 1: no JSON", "/rows/1"),
    _failed("JSON: nested objects without end", lambda: b'{"a": ' * 500_000 + b"\n", "line 1: no JSON", "/rows/1"),
    _failed("JSON: a key twice", _lines('{"a": 1, "a": 2}'), 'the key "a" comes twice', "/rows/1"),
    _failed("JSON: no keys", _lines("{}", "{}"), "no line holds an object with a key", "/rows"),
    _failed("JSON: an empty key", _lines('{"": 1}'), "no name", "/columns/1"),
    _failed("JSON: infinities", _lines('{"a": 1}', '{"a": 1e999}'), "not finite", "/rows/2/a"),
    _failed("JSON: Infinity in words", _lines('{"a": 1}', '{"a": -Infinity}'), "not finite", "/rows/2/a"),
    _failed("JSON: not UTF-8", b'{"a": "x"}\n' * 30_000 + b'{"a": "\xff"}\n', "not UTF-8", "/rows/30001/a"),
    _failed("JSON: half a surrogate", _lines('{"a": "\\ud800"}', '{"a": "x"}'), "not UTF-8", "/rows/1/a"),
    _failed("JSON: NUL", _lines('{"a": "x"}', '{"a": "\\u0000"}'), "NUL", "/rows/2/a"),
    _failed("JSON: texts among numbers", _lines(*(f'{{"a": {index}}}' for index in range(60)), '{"a": "oops"}'), "no number", "/rows/61/a"),
    _failed("JSON: a line of five megabytes", lambda: b'{"a": 1}\n{"a": "' + b"x" * (5 * MIB), "a line of more than", "/rows/2"),
    _failed("JSON: a cell of a megabyte", lambda: b'{"a": "' + b"x" * MIB + b'"}\n', "1,048,576 characters", "/rows/1/a"),
    _failed("JSON: a key of a megabyte", lambda: b'{"' + b"x" * MIB + b'": 1}\n', "a name of 1,048,576 characters", "/columns/1"),
    _failed("JSON: 100,000 keys", lambda: json.dumps({f"k{index}": 1 for index in range(100_000)}).encode(), "the limit is 10,000", "/columns"),
    _failed("JSON: only blank lines behind an object cut off", b'{"a": \n\n\n', "line 1: no JSON", "/rows/1"),
]  # fmt: skip


# Packed


def _gzip_with(content: bytes, **changes: int) -> bytes:
    made = bytearray(gzip.compress(content))
    for place, value in ((int(name.removeprefix("at_").replace("m", "-")), value) for name, value in changes.items()):
        made[place] ^= value
    return bytes(made)


def _digits() -> bytes:
    """A column of numbers that cannot be packed into the head."""
    return b"a\n" + np.random.default_rng(0).integers(48, 58, 900_000, np.uint8).tobytes().replace(b"0", b"\n1")


def _zeros(packer: Callable[[bytes], bytes], head: bytes = b"a\n") -> bytes:
    return packer(head + b"0\n" * (40 * MIB))


PACKED: Final = [
    _failed("gzip cut off", lambda: gzip.compress(b"a\n" + b"1\n2\n" * 50_000)[:-9], "cut off"),
    _refused("gzip with a wrong checksum", lambda: _gzip_with(b"a\n1\n", at_m6=255), "incorrect data check"),
    _refused("gzip with rubbish behind", gzip.compress(b"a\n1\n") + b"rubbish", "something else follows"),
    _failed("gzip with a wrong checksum, far behind", lambda: _gzip_with(_digits(), at_m6=255), "incorrect data check"),
    _failed("gzip with rubbish behind, far behind", lambda: gzip.compress(_digits()) + b"rubbish", "something else follows"),
    _refused("gzip of nothing", gzip.compress(b""), "empty"),
    _refused("gzip of gzip", gzip.compress(gzip.compress(b"a\n1\n")), "packed twice"),
    _refused("gzip of rubbish", gzip.compress(b"\x01\x02\x03"), "binary"),
    _refused("gzip that is none", b"\x1f\x8b" + bytes(50), "damaged"),
    _refused("a gzip header without end", b"\x1f\x8b\x08\x08" + bytes(6) + b"x" * 300_000, "empty or cut off"),
    _failed("a gzip bomb of CSV", partial(_zeros, gzip.compress), "250 times"),
    _failed("a zstd bomb of CSV", partial(_zeros, zstd), "250 times"),
    _failed("a gzip bomb of one long line", lambda: gzip.compress(b"a\n" + b"x" * (80 * MIB)), "a cell of more than", "/rows/2/a"),
    _failed("a gzip bomb of JSON", lambda: gzip.compress(b'{"a":1}\n' * (10 * MIB)), "250 times"),
    _failed("a gzip bomb of an array", lambda: gzip.compress(npy(np.zeros((11 * MIB, 1)))), "250 times"),
    _failed("a zstd bomb of an array", lambda: zstd(npy(np.zeros((11 * MIB, 1)))), "250 times"),
    _failed("zstd cut off", lambda: zstd(_digits())[:-400], "cut off"),
    _refused("zstd that is none", b"\x28\xb5\x2f\xfd" + b"\xff" * 60, "looks back|damaged"),
    _refused("zstd with a later frame that looks back far", lambda: zstd(NUMBERS.encode() * 2_000) + zstd(b"1,x\n") + b"\x50\x2a\x4d\x18\3\0\0\0abc\x28\xb5\x2f\xfd\x00\x88" + bytes(60), "looks back 134,217,728", declared="text/csv"),
    _refused("zstd with something behind it", lambda: zstd(NUMBERS.encode() * 2_000) + b"more of it", "damaged", declared="text/csv"),
    _refused("zstd that looks back too far", b"\x28\xb5\x2f\xfd\x00\xa0" + bytes(60), "looks back 1,073,741,824"),
    _refused("bzip2", b"BZh91AY&SY", "bzip2"),
    _refused("xz", b"\xfd7zXZ\0\0", "xz"),
]  # fmt: skip


# Columnar files


def _parquet_with(old: bytes, new: bytes, **options: Any) -> bytes:
    content = parquet(**options)
    assert old in content
    return content.replace(old, new)


def _one_page(megabytes: int) -> bytes:
    """A Parquet file of one page of zeros, which zstd packs to next to nothing."""
    texts = pa.table({"a": pa.array([bytes(MIB)] * megabytes)})
    return parquet(texts, compression="zstd", use_dictionary=False, data_page_size=1 << 30, max_rows_per_page=1 << 30)


def _texts_by_differences() -> bytes:
    """A text of a megabyte with which each of 300 others begins: 300 MB in one page of a megabyte."""
    texts = pa.table({"a": ["x" * MIB + str(row % 7) for row in range(300)], "b": np.arange(300)})
    encoding = {"a": "DELTA_BYTE_ARRAY", "b": "PLAIN"}
    return parquet(texts, use_dictionary=False, column_encoding=encoding, data_page_size=1 << 30)


def _shared_text() -> bytes:
    """A text of a megabyte that 100,000 rows share: 100 GB, if each had its own."""
    text = pa.DictionaryArray.from_arrays(np.zeros(100_000, np.int32), ["x" * MIB])
    return parquet(pa.table({"a": text, "b": np.arange(100_000)}))


def _shared_wide(kind: pa.DataType) -> Callable[[], bytes]:
    """A text of 130,000 bytes that 1,000 rows share, in a type of any width."""

    def build() -> bytes:
        texts = pa.array(["x" * 130_000] * 1_000).cast(kind)
        return parquet(pa.table({"a": texts, "b": [*range(999), 1e400]}), compression="zstd")

    return build


def _wide_bytes(columns: int, width: int) -> bytes:
    """Bytes of a fixed size, the same in every row."""
    cells = pa.array([b"x" * width], pa.binary(width)).take(pa.array(np.zeros(300, np.int32)))
    return parquet(pa.table({f"c{index}": cells for index in range(columns)}), compression="zstd")


def _arrow_lying() -> bytes:
    """A compressed batch whose buffer says that it unpacks to a terabyte."""
    content = bytearray(arrow(pa.table({"a": np.zeros(4_096)}), stream=True, compression="zstd"))
    place = bytes(content).index(struct.pack("<q", 4_096 * 8))
    content[place : place + 8] = struct.pack("<q", 1 << 40)
    return bytes(content)


def _arrow_dictionaries(columns: int, megabytes: int) -> bytes:
    """Dictionaries of one text each, which zstd packs to next to nothing."""
    text = pa.DictionaryArray.from_arrays(np.zeros(3, np.int32), ["x" * (megabytes * MIB)])
    return arrow(pa.table({f"c{index}": text for index in range(columns)}), stream=True, compression="zstd")


NESTED: Final = pa.table({"a": [1, 2], "b": [[1], [2]]})

COLUMNAR: Final = [
    _failed("Parquet cut off", parquet()[:-10], "cut off"),
    _failed("Parquet cut in two", parquet()[: len(parquet()) // 2], "cut off"),
    _failed("Parquet of four bytes", b"PAR1", "cut off"),
    _failed("Parquet of two marks", b"PAR1PAR1", "cut off"),
    _failed("Parquet with a footer longer than itself", parquet()[:-8] + b"\xff\xff\xff\x7fPAR1", "its footer has"),
    _failed("Parquet with an empty footer", b"PAR1" + bytes(10) + b"\0\0\0\0PAR1", "damaged"),
    _failed("Parquet with a footer of rubbish", b"PAR1" + b"\xff" * 40 + b"\x28\0\0\0PAR1", "damaged"),
    _failed("Parquet whose pages are rubbish", lambda: b"PAR1" + b"\xff" * 400 + parquet()[404:], "damaged"),
    _failed("Parquet with a footer of lists of lists", b"PAR1" + b"\x29" + b"\x19" * 4_000 + struct.pack("<I", 4_001) + b"PAR1", "its footer cannot be read"),
    _refused("encrypted Parquet", b"PARE" + bytes(30) + b"PARE", "encrypted"),
    _failed("Parquet without rows", lambda: parquet(TABLE.slice(0, 0)), "without rows"),
    _failed("Parquet without columns", lambda: parquet(pa.table({})), "without"),
    _failed("Parquet with lists", lambda: parquet(NESTED), "nested values", "/columns/b"),
    _failed("Parquet with structs", lambda: parquet(pa.table({"s": [{"x": 1}]})), "nested values", "/columns/s"),
    _failed("Parquet with times of day", lambda: parquet(pa.table({"t": pa.array([1], pa.time32("s"))})), "without a day", "/columns/t"),
    _failed("Parquet with durations", lambda: parquet(pa.table({"t": pa.array([1], pa.duration("s"))})), "durations", "/columns/t"),
    _failed("Parquet with a name twice", lambda: parquet(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])), "already in column 1", "/columns/2"),
    _failed("Parquet with an empty name", lambda: parquet(pa.table({"": [1]})), "no name", "/columns/1"),
    _failed("Parquet with infinities", lambda: parquet(pa.table({"a": [1.0, float("inf")]})), "not finite", "/rows/1/a"),
    _failed("Parquet with bytes that are no text", lambda: parquet(pa.table({"a": [b"x", b"\xff\xfe"]})), "not UTF-8", "/rows/1/a"),
    _failed("Parquet with texts that begin alike", _texts_by_differences, "the limit is 131,072", "/rows/0/a"),
    _failed("Parquet with 10,001 columns", lambda: parquet(pa.table({f"c{index}": [1] for index in range(10_001)})), "the limit is 10,000", "/columns"),
    _failed("Parquet with more rows than allowed", lambda: parquet(pa.table({"a": range(11)})), "the limit is 10", "/rows", limits=IngestLimits(rows=10)),
    _failed("Parquet with more numbers than allowed", lambda: parquet(pa.table({"a": range(11)})), "more than the 80 bytes", "/rows", limits=IngestLimits(unpacked_bytes=80)),
    _failed("a Parquet page of 300 MiB", lambda: _one_page(300), "smaller pages"),
    _failed("a Parquet page of 60 MiB", lambda: _one_page(60), "smaller pages"),
    _failed("a Parquet text that many rows share", _shared_text, "1,048,576 characters", "/rows/0/a"),
    *(
        _failed(f"a Parquet text that many rows share as {name}", _shared_wide(kind), "not finite", "/rows/999/b")
        for name, kind in {"large_string": pa.large_string(), "string_view": pa.string_view(), "large_binary": pa.large_binary()}.items()
    ),
    _failed("Parquet with bytes of 300 KB", lambda: _wide_bytes(1, 300_000), "300,000 characters", "/rows/0/c0"),
    _failed("Parquet with rows of 5 MB", lambda: _wide_bytes(50, 100_000), "a row has 5,000,000 bytes", "/columns"),
    _failed("Arrow cut off", arrow()[:-20], "end is missing"),
    _failed("an Arrow stream cut off", arrow(stream=True)[:-40], "cut off"),
    _failed("an Arrow stream cut in its schema", arrow(stream=True)[:40], "cut off"),
    _failed("an Arrow stream of one mark", b"\xff\xff\xff\xff", "cut off"),
    _failed("an Arrow stream of nothing", b"\xff\xff\xff\xff\0\0\0\0", "no schema"),
    _failed("Arrow metadata of gigabytes", b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(100), "cut off"),
    _failed("Arrow metadata of rubbish", b"\xff\xff\xff\xff\x40\0\0\0" + b"\xaa" * 64, "damaged"),
    _failed("an Arrow file of marks alone", b"ARROW1\0\0" + bytes(20) + b"ARROW1", "damaged or cut off"),
    _failed("Arrow without rows", lambda: arrow(TABLE.slice(0, 0)), "without rows", "/rows"),
    _failed("Arrow without columns", lambda: arrow(pa.table({})), "without columns", "/columns"),
    _failed("Arrow with lists", lambda: arrow(NESTED), "nested values", "/columns/b"),
    _failed("Arrow with a map", lambda: arrow(pa.table({"m": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8()))})), "nested values", "/columns/m"),
    _failed("Arrow with infinities", lambda: arrow(pa.table({"a": [1.0, float("-inf")]})), "not finite", "/rows/1/a"),
    _failed("Arrow that lies of what it unpacks to", _arrow_lying, "unpacks to 1,099,511,6"),
    _failed("Arrow with dictionaries that unpack to much together", lambda: _arrow_dictionaries(8, 20), "bytes with its dictionaries"),
    _failed("Arrow of zeros", lambda: arrow(pa.table({"a": np.zeros(10 * MIB)}), compression="zstd"), "fewer rows"),
    _failed("Arrow with a name that is no UTF-8", lambda: arrow(pa.table({"abcdefgh": [1]}), stream=True).replace(b"abcdefgh", b"abc\xffefgh"), "damaged or cut off: 'utf-8'"),
    _failed("Arrow with offsets that point outside", lambda: arrow(pa.table({"s": ["ab", "cd"]}), stream=True).replace(struct.pack("<iii", 0, 2, 4), struct.pack("<iii", 0, 1 << 20, 1 << 21)), "damaged"),
    _failed("Arrow with codes that point outside", lambda: arrow(pa.table({"s": pa.DictionaryArray.from_arrays(np.array([0, 99], np.int32), ["ab", "cd"], safe=False)})), "damaged"),
]  # fmt: skip


# Arrays


def _npz_of(**members: bytes) -> bytes:
    return zipped({f"{name}.npy": content for name, content in members.items()})


X: Final = np.arange(12.0).reshape(4, 3)
y: Final = np.arange(4.0)
IMAGES: Final = idx(np.arange(24, dtype=">u1").reshape(4, 3, 2))
LABELS: Final = idx(np.arange(4, dtype=">u1"))


def _pair(features: bytes, labels: bytes) -> dict[str, Any]:
    return {
        "declared": "application/x-idx",
        "options": IngestOptions(parts={"features": len(features), "labels": len(labels)}),
        "content": features + labels,
    }


def _failed_pair(name: str, features: bytes, labels: bytes, words: str, pointer: str) -> BadFile:
    sent = _pair(features, labels)
    return _failed(name, sent.pop("content"), words, pointer, **sent)


HEADER_OF_BILLIONS: Final = b"\0\0\x08\x03" + b"\xff" * 12

ARRAYS: Final = [
    _refused("a pickle", pickle.dumps([1, 2]), "never loaded"),
    _failed("npz with a pickle for X", npz(X=X.astype(object), y=y), "never unpickled", "/X"),
    _failed("npz with a pickle for y", npz(X=X, y=np.array([{}, 1, 2, 3], object)), "never unpickled", "/y"),
    _failed("npy with a pickle", npy(X.astype(object)), "never unpickled"),
    _failed("npz without y", npz(X=X), 'no array "y"', "/y"),
    _failed("npz without X and y", npz(a=X), 'no array "X"', "/X"),
    _failed("npz cut off", npz(X=X, y=y)[:-30], "cannot be read"),
    _failed("npz with unequal rows", npz(X=X, y=y[:3]), "y has 3 values", "/y"),
    _failed("npz with a huge shape", _npz_of(X=npy(X).replace(b"(4, 3), }  ", b"(4, 3000000), }"), y=npy(y)), "cut off|cannot be read"),
    _failed("npz with a negative shape", _npz_of(X=npy(X).replace(b"(4, 3), } ", b"(-4, 3), }"), y=npy(y)), "cannot be read"),
    _failed("npz with a header of code", _npz_of(X=npy(X).replace(b"'fortran_order': False", b"'fortran_order': exit()"), y=npy(y)), "cannot be read"),
    _failed("npz with an open bracket in its header", _npz_of(X=npy(X).replace(b"(4, 3)", b"(4, 3("), y=npy(y)), "cannot be read"),
    _failed("npz with nested brackets in its header", _npz_of(X=b"\x93NUMPY\x01\0\xf0\x20" + b"(" * 8_432, y=npy(y)), "cannot be read"),
    _failed("npz bomb", lambda: npz(True, X=np.zeros((MIB, 8)), y=np.zeros(MIB)), "the limit is 1,048,576", limits=IngestLimits(unpacked_bytes=MIB)),
    _failed("npz with infinities", npz(X=np.array([[1.0], [np.inf]]), y=y[:2]), "not finite", "/rows/1/x0"),
    _failed("npy of one dimension", npy(y), "shape (4,)", "/X"),
    _failed("npy of five dimensions", npy(np.zeros((2, 1, 1, 1, 1))), "shape", "/X"),
    _failed("npy of text", npy(np.array([["a", "b"]])), "text", "/X"),
    _failed("npy cut off", npy(X)[:-8], "cut off"),
    _failed("npy cut in its header", npy(X)[:40], "cannot be read"),
    _failed("npy with dates", npy(X.astype("M8[s]")), "dates", "/X"),
    _failed("npy with complex numbers", npy(X + 1j), "complex", "/X"),
    _failed("npy with too many columns", npy(np.zeros((1, 10_001))), "the limit is 10,000", "/X"),
    _failed_pair("IDX cut off", IMAGES[:-1], LABELS, "part features: cut off", "/features"),
    _failed_pair("IDX with bytes left over", IMAGES + b"x", LABELS, "the file has 41", "/features"),
    _failed_pair("IDX labels cut off", IMAGES, LABELS[:-1], "part labels: cut off", "/labels"),
    _failed_pair("IDX with unequal rows", IMAGES, idx(np.arange(3, dtype=">u1")), "part labels: y has 3 values", "/labels"),
    _failed_pair("IDX turned round", LABELS, IMAGES, "part features: X has the shape (4,)", "/features"),
    _failed_pair("IDX of billions of pictures", HEADER_OF_BILLIONS, LABELS, "cut off", "/features"),
    _failed_pair("IDX with labels of rubbish", IMAGES, b"rubbish", "no IDX file", "/labels"),
    _failed_pair("IDX without pictures", idx(np.zeros((0, 3, 2), ">u1")), idx(np.zeros(0, ">u1")), "no rows", "/features"),
    _failed_pair("IDX with a packed part cut off", gzip.compress(IMAGES)[:-9], LABELS, "part features: the gzip file is cut", "/features"),
    _failed_pair("IDX with infinities", idx(np.array([[1.0], [np.inf]], ">f4")), idx(np.arange(2, dtype=">u1")), "not finite", "/rows/1/x0"),
]  # fmt: skip


# Pictures


def _grey(width: int = 4, height: int = 4) -> bytes:
    return picture(np.full((height, width), 7, np.uint8))


def _png_of(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, and has none."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def _text_bomb() -> bytes:
    """A PNG with a compressed text of 100 MiB."""
    whole = _grey()
    data = b"k\0\0" + zlib.compress(bytes(100 * MIB))
    text = struct.pack(">I", len(data)) + b"zTXt" + data + struct.pack(">I", zlib.crc32(b"zTXt" + data))
    return whole[:33] + text + whole[33:]


def _archive_with(change: Callable[[bytearray], None], content: bytes | None = None) -> bytes:
    made = bytearray(content or pictures())
    change(made)
    return bytes(made)


def _end(made: bytearray) -> int:
    return bytes(made).rindex(b"PK\x05\x06")


def _many_members(made: bytearray) -> None:
    made[_end(made) + 8 : _end(made) + 12] = b"\xff\xff\xff\xff"


def _list_of_gigabytes(made: bytearray) -> None:
    made[_end(made) + 12 : _end(made) + 16] = b"\xff\xff\xff\x7f"


def _encrypted(made: bytearray) -> None:
    for place in (6, bytes(made).index(b"PK\x01\x02") + 8):
        made[place] |= 1


def _nameless(made: bytearray) -> None:
    """The list's only member loses its name, to the comment behind it."""
    place = bytes(made).index(b"PK\x01\x02")
    made[place + 28 : place + 34] = bytes(4) + made[place + 28 : place + 30]


def _crowd() -> bytes:
    """More members than the list may have, in few bytes."""
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 5, 0, 0) + bytes(12) + b"a/1.p"
    first = pictures(1)
    records = entry * 100_001
    end = struct.pack("<4s4xHHIIH", b"PK\x05\x06", 100_001 & 0xFFFF, 100_001 & 0xFFFF, len(records), len(first), 0)
    return first + records + end


PICTURES: Final = [
    _refused("an empty archive", zipped({}), "zip archive without"),
    _refused("a workbook", zipped({"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"}), "workbook as CSV"),
    _refused("a zip of one CSV", zipped({"data.csv": b"a\n1\n"}), "with gzip"),
    _refused("a single PNG", _grey(), "ZIP of folders"),
    _refused("a single JPEG", picture(np.zeros((4, 4), np.uint8), "JPEG"), "ZIP of folders"),
    _failed("a picture in no folder", zipped({"a/1.png": _grey(), "2.png": _grey()}), "lies in no folder", "/members/2.png"),
    _failed("a text among pictures", zipped({"a/1.png": _grey(), "a/readme.txt": b"hello"}), "no PNG or JPEG", "/members/a~1readme.txt"),
    _failed("a GIF among pictures", lambda: zipped({"a/1.png": _grey(), "a/2.gif": picture(np.zeros((4, 4), np.uint8), "GIF")}), "no PNG or JPEG", "/members/a~12.gif"),
    _failed("pictures of two sizes", zipped({"a/1.png": _grey(), "b/2.png": _grey(5, 6)}), "5 x 6 pixels, the first picture 4 x 4", "/members/b~12.png"),
    _failed("a PNG cut off", zipped({"a/1.png": _grey(), "b/2.png": _grey()[:-20]}), "cannot be read as a picture", "/members/b~12.png"),
    _failed("a PNG cut in its head", zipped({"a/1.png": _grey()[:20]}), "cannot be read as a picture", "/members/a~11.png"),
    _failed("a JPEG cut off", lambda: zipped({"a/1.jpg": picture(np.zeros((64, 64), np.uint8), "JPEG")[:-60]}), "cannot be read", "/members/a~11.jpg"),
    _failed("an empty picture", zipped({"a/1.png": b""}), "cannot be read as a picture", "/members/a~11.png"),
    _failed("a PNG of a billion pixels", zipped({"a/1.png": _png_of(32_000, 32_000)}), "pixels", "/members/a~11.png"),
    _failed("a PNG of 100 million pixels", zipped({"a/1.png": _png_of(10_000, 10_000)}), "pixels", "/members/a~11.png"),
    _failed("a ZIP of more members than allowed", zipped({"a/1.png": _png_of(1, 1), "a/2.png": _png_of(1, 1)}), "the limit is 1 members", limits=IngestLimits(archive_members=1)),
    _failed("a PNG of more pixels than allowed", zipped({"a/1.png": _png_of(10, 10)}), "the limit is 99", "/members/a~11.png", limits=IngestLimits(picture_pixels=99)),
    _failed("a PNG of 20 million pixels", zipped({"a/1.png": _png_of(5_000, 4_000)}), "the limit is 16,777,216", "/members/a~11.png"),
    _failed("a PNG without pixels", zipped({"a/1.png": _png_of(0, 7)}), "cannot be read", "/members/a~11.png"),
    _failed("a PNG with fewer pixels than it says", zipped({"a/1.png": _png_of(300, 300)}), "cannot be read as a picture|pictures of 300"),
    _failed("a PNG with a text of 100 MiB", lambda: zipped({"a/1.png": _text_bomb()}), "cannot be read", "/members/a~11.png"),
    _failed("pictures too large for the columns", lambda: zipped({"a/1.png": _grey(200, 200)}), "image_size=28x28"),
    _failed("a member that unpacks to 33 MiB", lambda: zipped({"a/1.png": bytes(33 * MIB)}, zipfile.ZIP_DEFLATED), "unpacks to 34,603,008", "/members/a~11.png"),
    _failed("a member that unpacks to a thousand times its bytes", lambda: zipped({"a/1.png": bytes(20 * MIB)}, zipfile.ZIP_DEFLATED), "the limit is 100 times", "/members/a~11.png"),
    _failed("members that unpack to far more together", lambda: zipped({f"a/{index}.png": bytes(4 * MIB) for index in range(20)}, zipfile.ZIP_DEFLATED), "100 times as many"),
    _failed("an archive of more members than it says", _crowd, "100,00"),
    _failed("an archive that says it has a list of gigabytes", lambda: _archive_with(_list_of_gigabytes), "2,147,483,647"),
    _failed("an archive cut off", pictures()[:-30], "cannot be read"),
    _failed("an encrypted member", lambda: _archive_with(_encrypted), "is encrypted"),
    _failed("a member with a wrong checksum", lambda: zipped({"a/1.png": _grey()}).replace(struct.pack("<I", zlib.crc32(_grey())), b"\1\2\3\4"), "cannot be unpacked|CRC", "/members/a~11.png"),
    _failed("a member packed with bzip2", zipped({"a/1.png": _grey()}, zipfile.ZIP_BZIP2), "neither stored as it is nor deflated", "/members/a~11.png"),
    _failed("an npz packed with LZMA", zipped({"X.npy": npy(X), "y.npy": npy(y)}, zipfile.ZIP_LZMA), "neither stored as it is nor deflated", "/members/X.npy"),
    _failed("a member without a name", lambda: _archive_with(_nameless, pictures(1)), "no pictures"),
    _failed("hidden files alone", zipped({"a/.x": b"1", "__MACOSX/a/1.png": b"2"}), "no pictures"),
    _failed("folders alone", zipped({"a/": b"", "b/": b""}), "no pictures"),
    _failed("a gzip of an archive cut off", lambda: gzip.compress(pictures()[:-30]), "cannot be read"),
]  # fmt: skip

BAD_FILES: Final = [*TEXTS, *PACKED, *COLUMNAR, *ARRAYS, *PICTURES]
