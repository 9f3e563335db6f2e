"""Laws of the pieces below the formats: files within files, arrays in files, text in any encoding, equal tables."""

import codecs
import gzip
import io
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from steepest.data.formats.jsonl import parse_line
from steepest.data.formats.opening import Section
from steepest.data.formats.packed import Unpacked
from steepest.data.formats.sniff import format_of
from steepest.data.formats.stored import idx_array, npy_array
from steepest.data.formats.text import Utf8Stream
from steepest.data.ingest import ingest
from steepest.data.limits import IngestLimits
from steepest.data.table import CategoricalColumn, NumericColumn, open_table
from steepest.spec.ingest import Compression, IngestOptions
from tests.unit.data.formats.samples import IDX_TYPES, arrow, idx, npy, parquet, zstd

MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 400), st.just(0)),
        st.tuples(st.just("seek"), st.integers(0, 900), st.just(io.SEEK_SET)),
        st.tuples(st.just("seek"), st.integers(0, 300), st.just(io.SEEK_CUR)),
        st.tuples(st.just("seek"), st.just(0), st.just(io.SEEK_END)),
    ),
    max_size=12,
)


def moved(file: BinaryIO, moves: list[tuple[str, int, int]], most: int) -> list[Any]:
    """What a file answers; it is never moved beyond its end, where files differ."""
    seen: list[Any] = []
    for move, amount, whence in moves:
        if move == "read":
            seen.append(file.read(amount))
        else:
            base = {io.SEEK_SET: 0, io.SEEK_CUR: file.tell(), io.SEEK_END: most}[whence]
            seen.append(file.seek(min(base + amount, most)))
        seen.append(file.tell())
    return seen


@given(st.binary(max_size=900), MOVES, st.sampled_from(["gzip", "zstd"]), st.integers(0, 900))
def test_a_packed_file_is_a_file(content: bytes, moves: list[Any], compression: Compression, cut: int) -> None:
    pack = gzip.compress if compression == "gzip" else zstd
    packed = pack(content[:cut]) + pack(content[cut:])
    file = io.BufferedReader(Unpacked(io.BytesIO(packed), compression, IngestLimits()), 64)
    assert moved(cast(BinaryIO, file), moves, len(content)) == moved(io.BytesIO(content), moves, len(content))


@given(st.binary(max_size=900), MOVES, st.integers(0, 900), st.integers(0, 900))
def test_a_section_is_a_file(content: bytes, moves: list[Any], start: int, length: int) -> None:
    part = content[start : start + length]
    file = io.BufferedReader(Section(io.BytesIO(content), min(start, len(content)), len(part)), 64)
    assert moved(cast(BinaryIO, file), moves, len(part)) == moved(io.BytesIO(part), moves, len(part))


SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


@given(
    SHAPES,
    st.sampled_from(["C", "F"]),
    st.sampled_from(["<f8", ">f4", "|u1", "<U3", "|b1"]),
    st.integers(0, 6),
    st.integers(0, 6),
)
def test_rows_of_a_npy_file(shape: tuple[int, ...], order: Any, dtype: str, first: int, count: int) -> None:
    array = np.array(np.arange(math.prod(shape)).reshape(shape), dtype=dtype, order=order)
    stored = npy_array(io.BytesIO(npy(array)))
    assert (stored.shape, stored.dtype) == (array.shape, array.dtype)
    assert_array_equal(stored.rows(first, count), array[first : first + count].reshape(-1, math.prod(shape[1:])))


@given(SHAPES, st.sampled_from([name for name in IDX_TYPES if name != ">u1"]))
def test_rows_of_an_idx_file(shape: tuple[int, ...], dtype: str) -> None:
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    content = idx(array)
    stored = idx_array(io.BytesIO(content))
    assert stored.end == len(content)
    assert_array_equal(stored.rows(0, shape[0]), array.reshape(shape[0], -1))


@given(
    st.text(st.characters(codec="utf-8"), max_size=200),
    st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-16-le", "gb18030", "utf-8-sig"]),
    st.lists(st.integers(1, 50), min_size=1, max_size=5),
)
def test_text_becomes_utf_8_in_pieces_of_the_asked_size(text: str, encoding: str, sizes: list[int]) -> None:
    stream = Utf8Stream(io.BytesIO(text.encode(encoding)), encoding)
    pieces: list[bytes] = []
    while True:
        size = sizes[len(pieces) % len(sizes)]
        piece = stream.read(size)
        pieces.append(piece)
        if len(piece) < size:
            break
    assert b"".join(pieces).decode() == text
    assert stream.quotes == text.count('"')


@given(st.binary(max_size=60), st.sampled_from(["utf-8", "utf-16-le", "cp1252", "shift_jis", "gb18030"]))
def test_no_bytes_stop_the_stream(content: bytes, encoding: str) -> None:
    read = Utf8Stream(io.BytesIO(content), encoding).read().decode()
    try:
        expected = codecs.decode(content, encoding)
    except UnicodeDecodeError:
        assert "\x1a" in read
    else:
        assert read == expected


NUMBERS = st.one_of(st.none(), st.floats(-1e6, 1e6).filter(lambda value: value == float(repr(value))))
NAMES = st.text("abcé", min_size=1, max_size=4)
CELLS = st.one_of(st.none(), st.text('xyz "\t,;é', min_size=1, max_size=5).map(lambda text: f"t{text}t"))
TABLES = st.integers(1, 12).flatmap(
    lambda rows: st.tuples(
        st.lists(NUMBERS, min_size=rows, max_size=rows),
        st.lists(CELLS, min_size=rows, max_size=rows).filter(lambda cells: any(cells)),
    )
)


def written(table: pa.Table) -> dict[str, bytes]:
    """A table in all formats that hold one."""
    rows = table.to_pylist()

    def text(delimiter: str) -> str:
        lines = [delimiter.join(table.column_names)]
        for row in rows:
            cells = [
                "" if value is None else value if isinstance(value, str) else repr(value) for value in row.values()
            ]
            lines.append(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells))
        return "\n".join(lines) + "\n"

    return {
        "csv": text(",").encode(),
        "tsv": text("\t").encode("utf-16"),
        "semicolon": text(";").encode(),
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows).encode(),
        "parquet": parquet(table),
        "file": arrow(table, rows=3),
        "stream": arrow(table, stream=True),
        "gzip": gzip.compress(parquet(table)),
    }


@given(TABLES)
def test_equal_tables_are_read_equally_from_every_format(columns: tuple[list[Any], list[Any]]) -> None:
    numbers, texts = columns
    table = pa.table({"n": pa.array(numbers, pa.float64()), "t": pa.array(texts, pa.string())})
    for name, content in written(table).items():
        delimiter = {"csv": ",", "tsv": "\t", "semicolon": ";"}.get(name)
        found = format_of(None, None, content, IngestOptions(delimiter=delimiter, header=True if delimiter else None))
        with tempfile.TemporaryDirectory() as folder:
            ingest(io.BytesIO(content), found.format, Path(folder) / "table", None, found.options)
            read = open_table(Path(folder) / "table")
            first, second = read["n"], read["t"]
            assert isinstance(first, NumericColumn)
            assert isinstance(second, CategoricalColumn)
            assert_array_equal(first.values, np.array(numbers, float), name)
            assert [None if code < 0 else second.categories[code] for code in second.codes.tolist()] == texts, name


def test_a_key_among_many_that_comes_twice_is_found_at_once() -> None:
    keys = ",".join(f'"{index}":1' for index in range(40_000))
    begun = time.process_time()
    with pytest.raises(ValueError, match=r"39999.* comes twice"):
        parse_line(f'{{{keys},"39999":1}}'.encode())
    assert time.process_time() - begun < 2
