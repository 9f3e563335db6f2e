# ruff: noqa: RUF001  (texts of many scripts)
"""Files of every format become the same columns, packed or not."""

import gzip
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

from steepest.data.formats.parquet import ParquetReader
from steepest.data.formats.sniff import format_of
from steepest.data.ingest import Summary
from steepest.data.limits import IngestLimits
from steepest.data.table import CategoricalColumn, DateTimeColumn, NumericColumn, Table
from steepest.spec.columns import ColumnKind
from steepest.spec.ingest import IngestOptions
from tests.unit.data.formats.samples import (
    PACKERS,
    TABLE,
    arrow,
    idx,
    npy,
    npz,
    parquet,
    picture,
    pictures,
    zipped,
    zstd,
)

Read = Callable[..., tuple[Summary, Table]]
Take = Callable[..., tuple[Summary, Table]]

CSV = "n,whole,flag,day,label\n1.5,1,true,1970-01-01,a\n,2,false,1970-01-02,b\n-2,,,,a\n4,4,true,1970-01-01,\n"
LINES = (
    '{"n": 1.5, "whole": 1, "flag": true, "day": "1970-01-01", "label": "a"}\n'
    '{"whole": 2, "flag": false, "day": "1970-01-02", "label": "b", "n": null}\n\n'
    '{"n": -2, "label": "a"}\r\n'
    '{"n": 4, "whole": 4, "flag": true, "day": "1970-01-01"}\n'
)


@pytest.fixture
def take(read: Read) -> Take:
    """Recognise and ingest content, as the service and its worker do."""

    def run(content: bytes, asked: IngestOptions | None = None, **more: Any) -> tuple[Summary, Table]:
        found = format_of(None, None, content, asked)
        return read(content, found.format, options=found.options, **more)

    return run


def numbers(table: Table, name: str) -> list[float]:
    column = table[name]
    assert isinstance(column, NumericColumn | DateTimeColumn), column
    return list(column.values)


def labels(table: Table, name: str) -> list[str | None]:
    column = table[name]
    assert isinstance(column, CategoricalColumn), column
    return [None if code < 0 else column.categories[code] for code in column.codes.tolist()]


FILES = {
    "csv": CSV.encode(),
    "tsv": CSV.replace(",", "\t").encode(),
    "semicolons in utf-16": CSV.replace(",", ";").encode("utf-16"),
    "jsonl": LINES.encode(),
    "jsonl in utf-16": LINES.encode("utf-16"),
    "parquet": parquet(),
    "parquet in groups": parquet(row_group_size=3, compression="zstd"),
    "parquet plain": parquet(use_dictionary=False, compression="none", data_page_version="2.0"),
    "parquet by lengths": parquet(use_dictionary=False, column_encoding={"label": "DELTA_LENGTH_BYTE_ARRAY"}),
    "parquet by differences": parquet(use_dictionary=False, column_encoding={"label": "DELTA_BYTE_ARRAY"}),
    "arrow file": arrow(),
    "arrow stream": arrow(stream=True, rows=1),
    "arrow compressed": arrow(compression="lz4"),
    "arrow with dictionaries": arrow(TABLE.set_column(4, "label", TABLE["label"].dictionary_encode()), stream=True),
}


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_equal_tables_in_all_formats(take: Take, content: bytes, packed: str) -> None:
    summary, table = take(PACKERS[packed](content))
    assert (summary.rows, table.names) == (4, ("n", "whole", "flag", "day", "label"))
    assert_array_equal(numbers(table, "n"), [1.5, np.nan, -2, 4])
    assert_array_equal(numbers(table, "whole"), [1, 2, np.nan, 4])
    assert labels(table, "flag") == ["true", "false", None, "true"]
    assert labels(table, "label") == ["a", "b", "a", None]
    assert [column.missing for column in summary.columns] == [1, 1, 1, 1, 1]


def test_texts_by_their_differences_are_joined_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows are read at a time, and of each text one copy is kept."""
    monkeypatch.setattr("steepest.data.formats.parquet.MOST_TEXT_BYTES", 4_000)
    texts = [f"user-{number * 7919 % 97:04d}" for number in range(3_000)]
    table = pa.table({"text": texts, "number": np.arange(3_000)})
    encoding = {"text": "DELTA_BYTE_ARRAY", "number": "PLAIN"}
    content = parquet(table, use_dictionary=False, column_encoding=encoding, row_group_size=1_100)
    reader = ParquetReader(io.BytesIO(content), IngestLimits())
    batches = list(reader.batches(start=1_500))
    assert len(batches) < 60
    read = [batch[0].texts() for batch in batches]
    assert [each.distinct[code] for each in read for code in each.codes.tolist()] == texts[1_500:]


def test_a_text_table_without_a_header(take: Take) -> None:
    _, table = take(b"5.1,setosa\n4.9,virginica\n,setosa\n")
    assert table.names == ("x0", "x1")
    assert_array_equal(numbers(table, "x0"), [5.1, 4.9, np.nan])
    assert labels(table, "x1") == ["setosa", "virginica", "setosa"]


def test_options_outrule_what_is_seen(take: Take) -> None:
    asked = IngestOptions(delimiter=" ", encoding="cp1251", header=False)
    _, table = take("а,б 1\nв,г 2\n".encode("cp1251"), asked)
    assert labels(table, "x0") == ["а,б", "в,г"]
    assert numbers(table, "x1") == [1, 2]


def test_keys_that_come_late_and_values_of_mixed_types(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.data.formats.jsonl_blocks._BLOCK", 40)
    rows: list[dict[str, Any]] = [{"a": 1, "m": 1}, {"a": 2.5, "m": "x"}, {"a": None, "m": True}, {"b": "late"}]
    _, table = take("".join(json.dumps(row) + "\n" for row in rows).encode())
    assert_array_equal(numbers(table, "a"), [1, 2.5, np.nan, np.nan])
    assert labels(table, "m") == ["1", "x", "true", None]
    assert labels(table, "b") == [None, None, None, "late"]


@pytest.mark.parametrize("value", ["2026-01-31", "2026-01-31 12:00:00", "2026-01-31T12:00:00Z"])
def test_dates_in_json_lines_stay_as_they_were_written(take: Take, value: str) -> None:
    _, table = take(f'{{"d": "{value}"}}\n{{"d": "x"}}\n'.encode())
    assert labels(table, "d") == [value, "x"]


TYPES: list[tuple[Any, list[Any], list[Any]]] = [
    (pa.int64(), [2**60, -1], [2.0**60, -1]),
    (pa.uint8(), [255, 0], [255, 0]),
    (pa.float32(), [0.5, None], [0.5, np.nan]),
    (pa.float16(), [np.float16(0.5), None], [0.5, np.nan]),
    (pa.decimal128(10, 2), [None, 3], [np.nan, 3]),
    (pa.null(), [None, None], [np.nan, np.nan]),
    (pa.string(), ["x", ""], ["x", None]),
    (pa.large_string(), ["x", "NA"], ["x", None]),
    (pa.binary(), [b"x", "é".encode()], ["x", "é"]),
    (pa.binary(2), [b"xy", b"zz"], ["xy", "zz"]),
    (pa.string_view(), ["x", None], ["x", None]),
    (pa.bool_(), [True, None], ["true", None]),
    (pa.date32(), [0, 1], [0, 86_400_000]),
    (pa.timestamp("ns", "America/New_York"), [0, None], [0, np.nan]),
    (pa.dictionary(pa.int8(), pa.string()), ["x", None], ["x", None]),
    (pa.dictionary(pa.int8(), pa.int64()), [7, None], [7, np.nan]),
]


@pytest.mark.parametrize("write", [parquet, arrow])
@pytest.mark.parametrize(("kind", "cells", "expected"), TYPES, ids=[str(kind) for kind, _, _ in TYPES])
def test_arrow_s_types(take: Take, write: Any, kind: Any, cells: list[Any], expected: list[Any]) -> None:
    if write is parquet and pa.types.is_string_view(kind):
        pytest.skip("Parquet has none")
    if pa.types.is_dictionary(kind):
        column = pa.array(cells, kind.value_type).dictionary_encode()
    else:
        column = pa.array(cells, kind)
    _, table = take(write(pa.table({"c": column, "row": [0, 1]})))
    if any(isinstance(value, str) for value in expected):
        assert labels(table, "c") == expected
    else:
        assert_array_equal(numbers(table, "c"), expected)


@pytest.mark.parametrize(
    ("kind", "expected"), [(pa.bool_(), "boolean"), (pa.date32(), "datetime"), (pa.int8(), None), (pa.string(), None)]
)
def test_typed_formats_say_what_cells_are(kind: Any, expected: ColumnKind | None) -> None:
    from steepest.data.formats.columns import ArrowCells

    assert ArrowCells(pa.nulls(2, kind)).kind == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_moments_are_milliseconds_in_utc(unit: str) -> None:
    from steepest.data.formats.columns import ArrowCells

    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    cells = pa.array([-per_second, None, 86_400 * per_second], pa.timestamp(unit, "Asia/Tokyo"))
    assert_array_equal(ArrowCells(cells).datetimes(), [-1_000, np.nan, 86_400_000])
    texts = pa.array(["1970-01-01T01:00:00+01:00", None, "1970-01-02T00:00:00Z"])
    assert_array_equal(ArrowCells(texts).datetimes(), [0, np.nan, 86_400_000])
    assert ArrowCells(pa.array(["1970-01-01", "x"])).datetimes() is None


X = np.arange(24.0).reshape(4, 6)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("packed", PACKERS)
def test_one_array_alone(take: Take, packed: str, order: Any) -> None:
    summary, table = take(PACKERS[packed](npy(np.array(X, order=order))))
    assert table.names == ("x0", "x1", "x2", "x3", "x4", "x5")
    assert_array_equal(table.numbers(np.arange(4), table.names), X)
    assert summary.rows == 4


@pytest.mark.parametrize("order", ["C", "F"])
def test_pictures_in_an_array_are_rows_of_pixels(take: Take, order: Any) -> None:
    summary, table = take(npz(X=np.array(X.reshape(4, 2, 3), order=order), y=np.arange(4)))
    assert_array_equal(table.numbers(np.arange(4), [f"x{index}" for index in range(6)]), X)
    assert summary.image_shape == [2, 3]


@pytest.mark.parametrize("dtype", ["|u1", "|i1", ">i2", ">i4", ">f4", ">f8"])
@pytest.mark.parametrize("packed", [("plain", "plain"), ("gzip", "gzip"), ("gzip", "zstd")])
@pytest.mark.parametrize("turned", [False, True])
def test_an_idx_pair(read: Read, dtype: str, packed: tuple[str, str], turned: bool) -> None:
    sent = {
        "features": PACKERS[packed[0]](idx(X.reshape(4, 2, 3).astype(dtype))),
        "labels": PACKERS[packed[1]](idx(np.array([7, 0, 7, 1], ">u1"))),
    }
    order = ["labels", "features"] if turned else ["features", "labels"]
    options = IngestOptions(parts={name: len(sent[name]) for name in order})
    summary, table = read(b"".join(sent[name] for name in order), "idx", options=options)
    assert table.names == ("x0", "x1", "x2", "x3", "x4", "x5", "y")
    assert_array_equal(table.numbers(np.arange(4), table.names[:6]), X)
    assert numbers(table, "y") == [7, 0, 7, 1]
    assert summary.image_shape == [2, 3]


def test_a_pair_of_npy_files(read: Read) -> None:
    features, target = npy(X), npy(np.array(["b", "a", "b", "a"]))
    options = IngestOptions(parts={"features": len(features), "labels": len(target)})
    summary, table = read(features + target, "npy", options=options)
    assert labels(table, "y") == ["b", "a", "b", "a"]
    assert summary.image_shape is None


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 3)])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_zip_of_folders_of_pictures(take: Take, form: str, shape: tuple[int, ...]) -> None:
    summary, table = take(pictures(6, shape, form))
    width = int(np.prod(shape))
    assert table.names == (*(f"x{index}" for index in range(width)), "y")
    assert labels(table, "y") == ["cat", "dog", "cat", "dog", "cat", "dog"]
    assert summary.image_shape == list(shape)
    values = table.numbers(np.arange(6), table.names[:-1])
    assert values.min() >= 0
    assert values.max() <= 255
    if form == "PNG":
        expected = np.random.default_rng(0).integers(0, 256, (4, 3) if len(shape) == 2 else shape, np.uint8)
        assert_array_equal(values[0], expected.ravel())


def test_pictures_of_all_sizes_and_modes_are_resized(take: Take) -> None:
    draw = np.random.default_rng(0)

    def noise(*shape: int) -> Any:
        return draw.integers(0, 256, shape, np.uint8)

    content = zipped(
        {
            "a/grey.png": picture(noise(5, 9)),
            "a/colour.jpg": picture(noise(20, 11, 3), "JPEG"),
            "a/alpha.png": picture(noise(6, 6, 4)),
            "b/deep.png": picture(noise(8, 8).astype(np.uint16) * 257),
            "b/large.jpg": picture(np.full((200, 300, 3), 90, np.uint8), "JPEG"),
            "b/.hidden": b"x",
            "__MACOSX/b/large.jpg": b"x",
            "b/Thumbs.db": b"x",
            "b/": b"",
        }
    )
    summary, table = take(content, IngestOptions(image_size="4x2"))
    assert summary.image_shape == [2, 4, 3]
    assert labels(table, "y") == ["a", "a", "a", "b", "b"]
    values = table.numbers(np.arange(5), table.names[:-1])
    assert_array_equal(values[0].reshape(-1, 3)[:, 0], values[0].reshape(-1, 3)[:, 2])  # grey stays grey
    np.testing.assert_allclose(values[4], 90, atol=2)


def test_deep_greys_keep_their_values(take: Take) -> None:
    values = (np.arange(12).reshape(4, 3) * 5_461).astype(np.uint16)
    summary, table = take(zipped({"a/1.png": picture(values), "b/2.png": picture(values)}))
    assert summary.image_shape == [4, 3]
    np.testing.assert_allclose(table.numbers(np.arange(2), table.names[:-1])[0], values.ravel() / 257, rtol=1e-6)


def test_a_turned_photograph_is_read_as_it_is_shown(take: Take) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    turned = picture(np.repeat(np.array([[0], [255]], np.uint8), 8, 1).repeat(4, 0), "JPEG", exif=exif.tobytes())
    summary, table = take(zipped({"a/1.jpg": turned, "b/2.jpg": turned}))
    assert summary.image_shape == [8, 8]
    row = table.numbers(np.arange(1), table.names[:-1]).reshape(8, 8)
    assert row[:, :3].mean() > 240  # the lower half is now on the left
    assert row[:, 5:].mean() < 15


def test_members_of_gzip_and_frames_of_zstd_lie_one_behind_the_other(take: Take) -> None:
    for pack in (gzip.compress, zstd):
        _, table = take(pack(b"a\n1\n") + pack(b"2\n3\n"))
        assert numbers(table, "a") == [1, 2, 3]
    _, table = take(gzip.compress(b"a\n1\n") + bytes(700))
    assert numbers(table, "a") == [1]


def test_a_large_batch_is_mapped(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.data.formats.ipc._MAPPED", 100)
    for stream in (False, True):
        _, table = take(arrow(pa.table({"a": np.arange(100.0), "b": ["x", "y"] * 50}), stream=stream))
        assert_array_equal(numbers(table, "a"), np.arange(100))
        assert labels(table, "b") == ["x", "y"] * 50


def test_many_batches(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.data.formats.sources._BATCH_BYTES", 64)
    table = pa.table({"a": np.arange(50.0), "b": [f"t{index % 7}" for index in range(50)]})
    for content in (parquet(table, row_group_size=20), arrow(table, rows=13), arrow(table, rows=13, stream=True)):
        _, found = take(content, limits=IngestLimits(rows=50))
        assert_array_equal(numbers(found, "a"), np.arange(50))
        assert labels(found, "b") == table["b"].to_pylist()
