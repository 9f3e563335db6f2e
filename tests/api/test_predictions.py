"""Predictions of tables, in and out in every form, and of whole data sets."""

import io
import struct
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from service.raw_rows import from_arrow
from steepest.data.formats.ipc_messages import messages
from steepest.spec.errors import InvalidRequest, ValidationFailed
from tests.api.caller import Caller
from tests.api.workshop import Workshop

CSV, ARROW = "text/csv", "application/vnd.apache.arrow.stream"
ROWS: list[dict[str, Any]] = [
    {"length": 4.2, "width": 3.1, "colour": "red"},
    {"width": 5.0},
    {"colour": "never seen"},
    {"length": 6.5},
]
TABLE = b"colour,length,width\nred,4.2,3.1\n,,5\nnever seen,NA,\n,6.5,\n"


def arrow(columns: dict[str, Any], **options: Any) -> bytes:
    table, sink = pa.table(columns), io.BytesIO()
    with ipc.new_stream(sink, table.schema, **options) as stream:
        stream.write_table(table)
    return sink.getvalue()


def columns() -> dict[str, Any]:
    return {name: [row.get(name) for row in ROWS] for name in ("length", "width", "colour")}


@pytest.fixture
def path(job: dict[str, Any]) -> str:
    return f"/v1/jobs/{job['id']}/predictions"


@pytest.fixture
def expected(call: Caller, path: str) -> Any:
    return call.json("POST", path, json={"rows": ROWS})


def test_a_csv_table_is_predicted(call: Caller, path: str, expected: Any) -> None:
    assert call.json("POST", path, data=TABLE, content_type=CSV) == expected
    assert call.json("POST", path, data=b"\xef\xbb\xbf" + TABLE, content_type="text/csv; charset=utf-8") == expected


@pytest.mark.parametrize("options", [{}, {"options": ipc.IpcWriteOptions(compression="zstd")}], ids=["plain", "zstd"])
def test_an_arrow_stream_is_predicted(call: Caller, path: str, expected: Any, options: dict[str, Any]) -> None:
    assert call.json("POST", path, data=arrow(columns(), **options), content_type=ARROW) == expected
    coded = columns() | {"colour": pa.array(columns()["colour"]).dictionary_encode()}
    assert call.json("POST", path, data=arrow(coded, **options), content_type=ARROW) == expected
    nan = columns() | {"length": np.array([4.2, np.nan, np.nan, 6.5]), "width": pa.array([3.1, 5, None, None])}
    assert call.json("POST", path, data=arrow(nan), content_type=ARROW) == expected


def test_predictions_go_out_in_the_form_that_is_accepted(call: Caller, path: str, expected: Any) -> None:
    labels = [each["label"] for each in expected["data"]]
    setosa = [each["probabilities"]["setosa"] for each in expected["data"]]
    for sent in ({"data": TABLE, "content_type": CSV}, {"json": {"rows": ROWS}}):
        answer = call("POST", path, headers={"Accept": CSV}, **sent)
        assert answer.content_type == "text/csv; charset=utf-8"
        found = pa.csv.read_csv(io.BytesIO(answer.data))
        assert found["label"].to_pylist() == labels
        np.testing.assert_allclose(found["probability_setosa"], setosa, rtol=1e-6)
        answer = call("POST", path, headers={"Accept": f"{ARROW}, application/json;q=0.5"}, **sent)
        assert answer.content_type == ARROW
        stream = ipc.open_stream(answer.data).read_all()
        assert stream.column_names == [
            "label",
            *(f"probability_{name}" for name in expected["data"][0]["probabilities"]),
        ]
        assert stream["probability_setosa"].to_pylist() == setosa
        for accepted in ("*/*", "text/html", "application/json, text/csv;q=0.9"):
            assert call.json("POST", path, headers={"Accept": accepted}, **sent) == expected


def test_a_table_may_have_the_target_and_other_columns_of_the_jobs_data_set(
    call: Caller, workshop: Workshop, dataset: str
) -> None:
    made = call.submit(dataset, epochs=2, features=["length"])
    workshop.train(made["id"])
    path = f"/v1/jobs/{made['id']}/predictions"
    table = b"length,width,species\n4.5,1,setosa\n"
    found = call.json("POST", path, data=table, content_type=CSV)
    assert found == call.json("POST", path, json={"rows": [[4.5]]})
    assert call.pointers("POST", path, data=b"length,widht\n1,2\n", content_type=CSV) == ["/columns/widht"]
    call("DELETE", f"/v1/datasets/{dataset}", 204)
    assert call.json("POST", path, data=b"length,species\n4.5,x\n", content_type=CSV) == found
    assert call.pointers("POST", path, data=table, content_type=CSV) == ["/columns/width"]


@pytest.mark.parametrize(
    ("content", "status", "pointers"),
    [
        (b"", 400, []),
        (b"length,width,colour\n", 422, ["/rows"]),
        (b"length,length\n1,2\n", 422, ["/rows/1/2"]),
        (b"length,width\n1,2\n1,2,3\n", 422, ["/rows/3/3"]),
        (b"length,width\n1,2\nlong,3\n", 422, ["/rows/1/length"]),
        (b"length\n" + b"1\n" * 51, 422, ["/rows"]),
        (b"length\n\xff\n", 422, ["/rows/2/length"]),
    ],
)
def test_csv_tables_that_cannot_be_predicted(
    call: Caller, path: str, content: bytes, status: int, pointers: list[str]
) -> None:
    refused = call.json("POST", path, status, data=content, content_type=CSV)
    assert [error["pointer"] for error in refused["errors"]] == pointers


def bomb() -> bytes:
    """A stream of little whose buffers say that they unpack to a gigabyte."""
    content = bytearray(arrow({"length": pa.array(np.zeros(50))}, options=ipc.IpcWriteOptions(compression="zstd")))
    frame = content.index(b"\x28\xb5\x2f\xfd")
    content[frame - 8 : frame] = (1 << 30).to_bytes(8, "little")
    return bytes(content)


def shifted(content: bytes, by: int) -> bytes:
    """A stream of one batch, whose body lies some bytes further on than Arrow would put it."""
    batch = [*messages(io.BytesIO(content), 0)][1]
    length = struct.pack("<I", batch.body - batch.start - 8 + by)
    metadata = content[batch.start + 8 : batch.body] + bytes(by)
    return content[: batch.start + 4] + length + metadata + content[batch.body :]


def test_no_stream_unpacks_to_much_wherever_its_buffers_lie() -> None:
    sound = arrow({"length": pa.array(np.arange(50.0))}, options=ipc.IpcWriteOptions(compression="zstd"))
    content = bomb()
    for shift in range(1, 8):
        assert from_arrow(shifted(sound, shift), 50)["length"] == [*range(50)]
        with pytest.raises(InvalidRequest, match="unpacks to 1,073,741,824 bytes"):
            from_arrow(shifted(content, shift), 50)


def test_a_stream_that_says_it_has_too_many_rows_is_not_unpacked() -> None:
    with pytest.raises(ValidationFailed) as refused:
        from_arrow(arrow({"nothing": pa.nulls(1 << 30)}), 50)
    assert "1,073,741,824 rows" in refused.value.problems[0].detail


def test_a_large_dictionary_is_not_read_for_every_batch() -> None:
    names = [f"name {index}" for index in range(200_000)]
    codes = pa.array([*range(0, 198_000, 2_000), None], pa.int32())
    table, sink = pa.table({"colour": pa.DictionaryArray.from_arrays(codes, names)}), io.BytesIO()
    with ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=1)
    begun = time.process_time()
    assert from_arrow(sink.getvalue(), 100) == {"colour": [*names[:198_000:2_000], None]}
    assert time.process_time() - begun < 1.5


def test_a_column_among_many_that_comes_twice_is_found_at_once() -> None:
    table, sink = pa.Table.from_arrays([pa.array([1])] * 20_001, [*map(str, range(20_000)), "19999"]), io.BytesIO()
    with ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    begun = time.process_time()
    with pytest.raises(ValidationFailed) as refused:
        from_arrow(sink.getvalue(), 10)
    assert refused.value.problems[0].pointer == "/columns/19999"
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("content", "status", "pointers"),
    [
        (b"", 400, []),
        (b"length,width\n1,2\n", 400, []),
        (arrow({"length": [1.0]})[:40], 400, []),
        (bomb(), 400, []),
        (arrow({"length": np.zeros(51)}), 422, ["/rows"]),
        (arrow({"length": np.zeros(0)}), 422, ["/rows"]),
        (arrow({"size": [1.0]}), 422, ["/columns/size"]),
        (arrow({"length": ["1.5", "long"]}), 422, ["/rows/1/length"]),
        (arrow({"length": [[1.0]]}), 422, ["/columns/length"]),
        (arrow({"colour": ["x" * 200_000]}), 413, []),
        (arrow({"length": [float("inf")]}), 422, ["/rows/0/length"]),
    ],
)
def test_arrow_streams_that_cannot_be_predicted(
    call: Caller, path: str, content: bytes, status: int, pointers: list[str]
) -> None:
    refused = call.json("POST", path, status, data=content, content_type=ARROW)
    assert [error["pointer"] for error in refused["errors"]] == pointers


def test_times_decimals_and_booleans_are_what_json_would_have() -> None:
    content = arrow(
        {
            "time": pa.array([np.datetime64("2026-01-31T12:00:00", "ns"), None], pa.timestamp("ns")),
            "price": pa.array([Decimal("1.50"), None]),
            "flag": [True, None],
            "nothing": pa.nulls(2),
            "count": pa.array([1, None], pa.int32()),
        }
    )
    assert from_arrow(content, 10) == {
        "time": ["2026-01-31T12:00:00", None],
        "price": [1.5, None],
        "flag": [True, None],
        "nothing": [None, None],
        "count": [1, None],
    }


def test_other_forms_are_415(call: Caller, path: str) -> None:
    call("POST", path, 415, data=TABLE, content_type="application/xml")
    call("POST", path, 413, data=b"length\n" + b"1\n" * 40_000, content_type=CSV)


@pytest.mark.parametrize("body", [{}, {"rows": [{}], "dataset": "ds_"}, {"rows": None, "dataset": None}])
def test_rows_or_a_data_set_and_not_both(call: Caller, path: str, body: Any) -> None:
    assert call.pointers("POST", path, json=body) == [""]


def test_a_whole_data_set_is_predicted_into_a_file(
    call: Caller, path: str, dataset: str, workshop: Workshop, flowers: bytes
) -> None:
    made = call("POST", path, 201, json={"dataset": dataset}, headers={"Idempotency-Key": "one"})
    asked, address = made.get_json(), made.headers["Location"]
    assert (asked["object"], asked["status"], asked["dataset"]) == ("prediction", "queued", dataset)
    assert call("POST", path, 201, json={"dataset": dataset}, headers={"Idempotency-Key": "one"}).get_json() == asked
    assert "queued" in call.json("GET", f"{address}/content", 409)["detail"]
    workshop.compute(asked["id"])
    found = call.json("GET", address)
    assert (found["status"], found["result"]["rows"]) == ("succeeded", 60)
    content = call("GET", f"{address}/content")
    assert content.content_type == "application/vnd.apache.parquet"
    assert content.headers["ETag"] == f'"{found["result"]["sha256"]}"'
    assert call("GET", f"{address}/content", 206, headers={"Range": "bytes=0-3"}).data == b"PAR1"
    table = pq.read_table(io.BytesIO(content.data))
    lines = [line.rsplit(b",", 1)[0] for line in flowers.splitlines()]
    for start in (0, 30):
        some = b"\n".join([lines[0], *lines[1 + start : 31 + start], b""])
        rows = call.json("POST", path, data=some, content_type=CSV)["data"]
        part = table.slice(start, 30)
        assert part["label"].to_pylist() == [row["label"] for row in rows]
        assert part["probability_setosa"].to_pylist() == [row["probabilities"]["setosa"] for row in rows]
    assert call.json("GET", path)["data"] == [found]
    call("GET", f"{path}/cmp_{'0' * 32}", 404)
    call("DELETE", address, 204)
    call("GET", f"{address}/content", 404)
    assert call.json("GET", path)["data"] == []
