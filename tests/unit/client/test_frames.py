"""Tables of other libraries on their way to the service, and histories on their way back."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steepest.client import frames
from tests.unit.client.fake import JOB, FakeService

COLUMNS: dict[str, list[Any]] = {
    "length": [4.5, None, 5.25],
    "colour": ["red", "blue", None],
    "wild": [True, False, None],
    "seen": [datetime.fromisoformat("2026-01-31T12:00:00"), None, datetime.fromisoformat("2025-06-01")],
}
TABLE = pa.table(COLUMNS)


def sent(source: Any, **options: Any) -> tuple[str, bytes]:
    """The content type and the bytes that reach the service."""
    service = FakeService()
    service.client().datasets.upload(source, **options)
    return service.requests[0].headers["Content-Type"], service.uploads[0]


def parquet(content: bytes) -> dict[str, list[Any]]:
    read: dict[str, list[Any]] = pq.read_table(io.BytesIO(content)).to_pydict()
    return read


def pandas_frame() -> pd.DataFrame:
    return pd.DataFrame(COLUMNS, index=[7, 8, 9]).convert_dtypes()


class Stream:
    """A table of a library that nobody has heard of."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


MAKERS: list[Callable[[], Any]] = [
    pandas_frame,
    lambda: pl.DataFrame(COLUMNS),
    lambda: pl.DataFrame(COLUMNS).lazy(),
    lambda: TABLE,
    lambda: TABLE.to_batches()[0],
    lambda: TABLE.to_reader(),
    Stream,
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_table_travels_as_parquet_with_its_types_and_the_same_one_as_the_same_bytes(make: Callable[[], Any]) -> None:
    content_type, content = sent(make(), name="mine")
    assert content_type == frames.PARQUET
    assert parquet(content) == COLUMNS
    assert sent(make())[1] == content


def test_a_name_and_progress_go_with_a_table() -> None:
    service, seen = FakeService(), list[tuple[int, int | None]]()
    service.client().datasets.upload(TABLE, name="mine", on_progress=lambda *counts: seen.append(counts))
    assert service.requests[0].url.params["name"] == "mine"
    size = len(service.uploads[0])
    assert seen == [(0, size), (size, size)]


def test_rows_come_in_groups_that_fit_into_memory() -> None:
    _, content = sent(pa.table({"x": np.arange(frames.GROUP_ROWS + 1)}))
    assert pq.ParquetFile(io.BytesIO(content)).num_row_groups == 2


def test_without_pyarrow_a_pandas_table_travels_as_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "find_spec", lambda name: None)
    content_type, content = sent(pd.DataFrame({"a": [1.5, None], "b": ["x", 'y "z"']}))
    assert (content_type, content) == (frames.CSV, b'a,b\n1.5,x\n,"y ""z"""\n')


def test_a_column_of_several_types_travels_as_csv() -> None:
    assert sent(pd.DataFrame({"a": [1, "x"]})) == (frames.CSV, b"a\n1\nx\n")


def test_two_columns_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'a' is there twice"):
        sent(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize(
    "y", [np.array([0, 1]), ["a", "b"], np.array(["a", "b"], object), np.array([[0, 1], [1, 1]]), [True, False]]
)
def test_a_pair_of_arrays_travels_as_npz_without_a_pickle(y: Any) -> None:
    content_type, content = sent((np.array([[1.0, 2.0], [3.0, np.nan]]), y))
    assert content_type == frames.NPZ
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["X"], [[1.0, 2.0], [3.0, np.nan]])
        np.testing.assert_array_equal(arrays["y"], np.asarray(list(y)))
    assert sent((np.array([[1.0, 2.0], [3.0, np.nan]]), y))[1] == content


@pytest.mark.parametrize("series", [pd.Series([0, 1], index=[5, 6], name="label"), pl.Series("label", [0, 1])])
@pytest.mark.parametrize("frame", [pd.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 2]})])
def test_a_pair_of_tables_is_one_table_whose_rows_belong_together_by_their_order(frame: Any, series: Any) -> None:
    assert parquet(sent((frame, series))[1]) == {"a": [1, 2], "label": [0, 1]}
    assert parquet(sent((frame, np.array([0, 1])))[1]) == {"a": [1, 2], "y": [0, 1]}
    assert parquet(sent((frame, [0, 1]))[1]) == {"a": [1, 2], "y": [0, 1]}
    assert parquet(sent((frame, series.to_frame()))[1]) == {"a": [1, 2], "label": [0, 1]}


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": [1, 2]}), pl.DataFrame({"a": [1, 2]})])
def test_a_pair_that_does_not_fit_together_is_refused(frame: Any) -> None:
    with pytest.raises(ValueError, match="X has 2 rows, y has 3"):
        sent((frame, [1, 2, 3]))
    with pytest.raises(ValueError, match="'a' too"):
        sent((frame, pd.Series([1, 2], name="a")))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (np.zeros((2, 2)), r"pair \(X, y\)"),
        ((np.zeros((2, 1)), np.array([1, "a"], object)), "y holds Python objects"),
        ([1, 2], "list is no file and no table"),
        (object(), "object is no file and no table"),
    ],
)
def test_what_no_file_can_hold_is_refused_in_words(source: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        sent(source)


@pytest.mark.parametrize(
    "rows",
    [
        pandas_frame(),
        pd.DataFrame(COLUMNS),
        pl.DataFrame(COLUMNS),
        pl.DataFrame(COLUMNS).lazy(),
        TABLE,
        TABLE.to_batches()[0],
        [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)],
    ],
)
def test_rows_of_a_table_are_predicted_by_their_columns(rows: Any) -> None:
    service = FakeService()
    assert len(service.client().predictions.create(JOB, rows)) == 3
    assert json.loads(service.requests[0].content)["rows"] == [
        {"length": 4.5, "colour": "red", "wild": True, "seen": "2026-01-31T12:00:00"},
        {"length": None, "colour": "blue", "wild": False, "seen": None},
        {"length": 5.25, "colour": None, "wild": None, "seen": "2025-06-01T00:00:00"},
    ]


def test_rows_of_arrays_are_predicted_by_their_order_or_their_fields() -> None:
    service = FakeService()
    client = service.client()
    client.predictions.create(JOB, np.array([[1.0, np.nan]], np.float32))
    client.predictions.create(JOB, np.array([(1, "red")], [("length", "f4"), ("colour", "U8")]))
    day = datetime(2026, 1, 31, tzinfo=UTC)
    client.predictions.create(JOB, [[np.datetime64("2026-01-31"), day.date(), day]])
    assert [json.loads(request.content)["rows"] for request in service.requests] == [
        [[1.0, None]],
        [{"length": 1.0, "colour": "red"}],
        [["2026-01-31", "2026-01-31", "2026-01-31T00:00:00+00:00"]],
    ]


def test_a_decimal_is_a_number() -> None:
    service = FakeService()
    service.client().predictions.create(JOB, pa.table({"price": [Decimal("1.50")]}))
    assert json.loads(service.requests[0].content)["rows"] == [{"price": 1.5}]


def test_none_of_the_libraries_is_imported_for_others() -> None:
    program = """if True:
        import sys
        from tests.unit.client.fake import JOB, FakeService
        import io
        client = FakeService().client()
        client.datasets.upload(io.BytesIO(b"a\\n1\\n"))
        client.predictions.create(JOB, [[1.0, None]])
        list(client.epochs.list(client.jobs.wait(JOB)))
        print(sorted({"pandas", "polars", "pyarrow", "numpy", "IPython"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
