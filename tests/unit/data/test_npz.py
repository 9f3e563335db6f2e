"""npz files: arrays to columns; what cannot be used is named by array, row and column; nothing is unpickled."""

import io
import random
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.data.formats import arrays as reader
from steepest.data.ingest import Summary, ingest
from steepest.data.limits import IngestLimits
from steepest.data.table import CategoricalColumn, NumericColumn, Table
from steepest.spec.errors import DataUnusable

Read = Callable[..., tuple[Summary, Table]]
Refuse = Callable[..., list[tuple[str, str]]]

X = np.arange(12.0).reshape(4, 3)
y = np.array([0.5, 1.5, 2.5, 0.5])


def npz(compressed: bool = False, **arrays: Any) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def npy(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("dtype", ["f8", "f4", ">f8", "f2", "i8", "u1", "?", ">i2"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_become_columns(
    read: Read, monkeypatch: pytest.MonkeyPatch, compressed: bool, dtype: str, order: Any
) -> None:
    monkeypatch.setattr(reader, "_BATCH_BYTES", 64)
    features = np.array(X, dtype, order=order)
    summary, table = read(npz(compressed, X=features, y=y), "npz")
    assert table.names == ("x0", "x1", "x2", "y")
    columns = [column.values for column in table.columns if isinstance(column, NumericColumn)]
    np.testing.assert_array_equal(np.stack(columns[:3], axis=1), features.astype(float))
    np.testing.assert_array_equal(columns[3], y)
    assert (summary.rows, summary.columns[3].values, summary.columns[3].value_counts) == (
        4,
        ["0.5", "1.5", "2.5"],
        [2, 1, 1],
    )


@pytest.mark.parametrize(
    ("target", "categories", "codes"),
    [
        (np.array(["b", "a", "", "b"]), ("a", "b"), [1, 0, -1, 1]),
        (np.array([True, False, True, True]), ("False", "True"), [1, 0, 1, 1]),
        (np.array([["b"], ["a"], ["NA"], ["b"]]), ("a", "b"), [1, 0, -1, 1]),
    ],
)
def test_labels(read: Read, target: Any, categories: tuple[str, ...], codes: list[int]) -> None:
    column = read(npz(X=X, y=target), "npz")[1]["y"]
    assert isinstance(column, CategoricalColumn)
    assert (column.categories, column.codes.tolist()) == (categories, codes)


@pytest.mark.parametrize("several", [X[:, :2], X[:, :2] > 4, X[:, :2].astype(np.int8)])
def test_several_targets_are_columns_of_numbers(read: Read, several: Any) -> None:
    summary, table = read(npz(X=X, y=several), "npz")
    assert table.names == ("x0", "x1", "x2", "y0", "y1")
    assert [column.kind for column in summary.columns] == ["integer"] * 5
    np.testing.assert_array_equal(table.numbers(np.arange(4), ["y0", "y1"]), several.astype(float))


def test_numbers_written_as_text_are_numbers(read: Read) -> None:
    column = read(npz(X=X, y=np.array(["10", "2", "1.0", ""])), "npz")[1]["y"]
    assert isinstance(column, NumericColumn)
    np.testing.assert_array_equal(column.values, [10, 2, 1, np.nan])


def test_missing_values_and_other_arrays(read: Read) -> None:
    summary, _ = read(npz(X=np.where(X == 4, np.nan, X), y=y, other=np.zeros(3)), "npz")
    assert [column.missing for column in summary.columns] == [0, 1, 0, 0]


def infinite(row: int, column: int) -> Any:
    array = X.copy()
    array[row, column] = -np.inf
    return array


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (npz(X=X), [("/y", 'no array "y"; the archive holds X.npy')]),
        (npz(a=X, b=y), [("/X", 'no array "X"'), ("/y", 'no array "y"')]),
        (npz(X=X, y=y[:3]), [("/y", "y has 3 values, X has 4 rows")]),
        (npz(X=y, y=y), [("/X", "shape (4,)")]),
        (npz(X=X.reshape(2, 2, 3, 1, 1), y=y[:2]), [("/X", "X.reshape(len(X), -1)")]),
        (npz(X=X[:, :0], y=y), [("/X", "shape (4, 0)")]),
        (npz(X=np.float64(3), y=np.float64(1)), [("/X", "shape ()"), ("/y", "shape ()")]),
        (npz(X=X[:0], y=y[:0]), [("/X", "no rows")]),
        (npz(X=X, y=X.reshape(4, 3, 1)), [("/y", "shape (4, 3, 1)")]),
        (npz(X=X, y=X[:, :0]), [("/y", "shape (4, 0)")]),
        (npz(X=X, y=X.astype(str)), [("/y", "several targets must hold numbers")]),
        (npz(X=X, y=infinite(2, 1)), [("/rows/2/y1", "y[2, 1]: -inf is not finite")]),
        (npz(X=X + 1j, y=y), [("/X", "complex numbers")]),
        (npz(X=X, y=y + 1j), [("/y", "complex numbers")]),
        (npz(X=X.astype(str), y=y), [("/X", "text")]),
        (npz(X=X, y=y.astype("S3")), [("/y", "bytes")]),
        (npz(X=X.astype("M8[s]"), y=y), [("/X", "dates")]),
        (npz(X=np.zeros(4, [("a", "f8")]).reshape(2, 2), y=y), [("/X", "values of type")]),
        (npz(X=X.astype(object), y=y), [("/X", "never unpickled")]),
        (npz(X=X, y=np.array([{}, None, 1, "a"], object)), [("/y", "never unpickled")]),
        (npz(X=infinite(2, 1), y=y), [("/rows/2/x1", "X[2, 1]: -inf is not finite")]),
        (npz(X=X, y=np.array([1, np.inf, 2, np.inf])), [("/rows/1/y", "y[1]"), ("/rows/3/y", "y[3]")]),
        (npz(X=X, y=np.array(["a", "b\0c", "d", "e"])), [("/rows/1/y", "y[1]: a NUL")]),
        (npz(X=X, y=np.array(["a", "b", "\ud800", "e"])), [("/rows/2/y", "y[2]: not UTF-8")]),
        (npz(X=X, y=np.full(4, 0x110000, np.uint32).view("U1")), [("/y", "Unicode")]),
        (npz(X=X, y=y)[:100], [("", "cannot be read")]),
        (b"PK\x03\x04" + bytes(200), [("", "cannot be read")]),
        (zipped(X=b"rubbish", y=npy(y)), [("", "cannot be read")]),
        (zipped(X=npy(X)[:-8], y=npy(y)), [("/X", "X is cut off")]),
        (zipped(X=npy(X)[:20], y=npy(y)), [("", "cannot be read")]),
        (zipped(X=npy(X).replace(b"(4, 3)", b"(9, 9)"), y=npy(y)), [("/X", "X is cut off")]),
        (zipped(X=npy(X).replace(b"'<f8'", b"'|O8'"), y=npy(y)), [("/X", "never unpickled")]),
        (zipped(X=npy(X).replace(b"\x01\x00", b"\x09\x00", 1), y=npy(y)), [("", "version")]),
    ],
)
def test_a_problem_is_told_with_its_place(refuse: Refuse, content: bytes, expected: list[tuple[str, str]]) -> None:
    found = refuse(content, "npz")
    assert [pointer for pointer, _ in found] == [pointer for pointer, _ in expected]
    for (_, detail), (_, words) in zip(found, expected, strict=True):
        assert words in detail


def test_declared_sizes_are_checked_before_unpacking(refuse: Refuse) -> None:
    bomb = npz(compressed=True, X=np.zeros((1_000, 1_000)), y=np.zeros(1_000))
    assert len(bomb) < 20_000
    ((pointer, detail),) = refuse(bomb, "npz", IngestLimits(unpacked_bytes=1_000_000))
    assert (pointer, detail) == ("", "X and y unpack to 8,008,256 bytes; the limit is 1,000,000")


PACKED, UNPACKED = 20, 24
"""Places of the sizes in an entry of the list of members (APPNOTE 4.3.12)."""


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize(
    ("compressed", "fields", "value", "words"),
    [
        (False, [UNPACKED], 0xFFFFFFFE, "say.* that they unpack to 4,294,967,294"),
        (False, [PACKED], 0xFFFFFFFE, "gives it 4,294,967,294 bytes, more than the archive has"),
        (False, [PACKED, UNPACKED], 0xFFFFFFFE, "gives it 4,294,967,294 bytes, more than the archive has"),
        (False, [UNPACKED], 8, "unpack to 8"),
        (True, [UNPACKED], 0xFFFFFFFE, "unpack to 4,294,967,294, which no deflated bytes can"),
        (True, [UNPACKED], 10_000, "bytes; the archive's list says 10,000"),
        (True, [UNPACKED], 8, "cannot be read|cut off"),
        (True, [PACKED, UNPACKED], 0x7FFFFFFF, "gives it 2,147,483,647 bytes"),
    ],
)
def test_a_list_of_members_that_lies_about_sizes_is_refused(
    refuse: Refuse, number: int, compressed: bool, fields: list[int], value: int, words: str
) -> None:
    made = bytearray(npz(compressed, X=X, y=y))
    entry = -1
    for _ in range(number + 1):
        entry = made.index(b"PK\x01\x02", entry + 1)
    for field in fields:
        made[entry + field : entry + field + 4] = value.to_bytes(4, "little")
    tracemalloc.start()
    try:
        ((_, detail),) = refuse(bytes(made), "npz")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert re.search(words, detail), detail
    assert peak < 8 << 20


def test_a_header_said_to_be_gigabytes_is_refused_before_memory_is_taken(refuse: Refuse) -> None:
    long = npy(X).replace(b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00", 1)
    long = long[:8] + (0xFFFFFFF0).to_bytes(4, "little") + long[10:]
    ((_, detail),) = refuse(zipped(X=long, y=npy(y)), "npz")
    assert "a header of 4,294,967,280 bytes" in detail


def test_small_numbers_are_measured_as_the_columns_they_become(refuse: Refuse) -> None:
    ((pointer, detail),) = refuse(
        npz(X=np.zeros((500, 100), bool), y=np.zeros(500)), "npz", IngestLimits(unpacked_bytes=100_000)
    )
    assert pointer == "/X"
    assert "50,000 numbers" in detail


def test_too_many_columns(refuse: Refuse) -> None:
    assert refuse(npz(X=X, y=y), "npz", IngestLimits(columns=3)) == [("/X", "X has 3 columns; the limit is 2")]


def test_hostile_archives_are_read_or_refused_but_never_break(tmp_path: Path) -> None:
    good = npz(compressed=True, X=X, y=np.array(["a", "b", "a", "c"]))
    draw = random.Random(0)
    outcomes = set()
    for number in range(120):
        content = bytearray(good)
        for _ in range(draw.randint(1, 3)):
            content[draw.randrange(len(content))] = draw.randrange(256)
        try:
            ingest(io.BytesIO(bytes(content)), "npz", tmp_path / str(number))
            outcomes.add("read")
        except DataUnusable:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}
