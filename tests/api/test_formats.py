"""Every format over HTTP: uploaded, read, paged through, fetched again; and the pairs of files."""

import gzip
import io
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from apiflask import APIFlask

from steepest.data.formats.types import MEDIA_TYPES
from tests.api.caller import Caller
from tests.api.workshop import Workshop
from tests.unit.data.formats.mutations import mutated
from tests.unit.data.formats.samples import PACKERS, arrow, idx, npy, npz, parquet, pictures

ROWS = 23
TABLE = pa.table(
    {
        "n": [None if index == 3 else index / 2 for index in range(ROWS)],
        "whole": list(range(ROWS)),
        "label": ["é" if index % 2 else None for index in range(ROWS)],
    }
)
SHOWN = TABLE.to_pylist()
TEXT = "n,whole,label\n" + "".join(
    f"{'' if row['n'] is None else row['n']},{row['whole']},{row['label'] or ''}\n" for row in SHOWN
)
LINES = "".join(
    f'{{"n": {"null" if row["n"] is None else row["n"]}, "whole": {row["whole"]}'
    + (f', "label": "{row["label"]}"}}\n' if row["label"] else "}\n\n")
    for row in SHOWN
)
FILES = {
    "csv": ("text/csv", TEXT.encode()),
    "cp1252": ("text/csv", TEXT.encode("cp1252")),
    "utf-16": ("text/csv", TEXT.encode("utf-16")),
    "tsv": ("text/tab-separated-values", TEXT.replace(",", "\t").encode()),
    "jsonl": ("application/x-ndjson", LINES.encode()),
    "jsonl utf-16": ("application/x-ndjson", LINES.encode("utf-16")),
    "parquet": ("application/vnd.apache.parquet", parquet(TABLE, row_group_size=10)),
    "arrow file": ("application/vnd.apache.arrow.file", arrow(TABLE, rows=6)),
    "arrow stream": ("application/vnd.apache.arrow.stream", arrow(TABLE, stream=True, rows=5)),
    "unknown": ("application/octet-stream", arrow(TABLE, stream=True, compression="zstd")),
}


def pages(call: Caller, path: str, limit: int) -> list[dict[str, Any]]:
    """All rows, page by page."""
    rows: list[dict[str, Any]] = []
    after = ""
    while True:
        page = call.json("GET", f"{path}?limit={limit}{after}")
        rows += page["data"]
        if not page["has_more"]:
            return rows
        assert len(page["data"]) == limit
        after = f"&after={page['next']}"


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize(("content_type", "content"), FILES.values(), ids=FILES)
def test_rows_and_content(call: Caller, workshop: Workshop, content_type: str, content: bytes, packed: str) -> None:
    content = PACKERS[packed](content)
    made = call.upload(content, content_type=content_type)
    workshop.ingest(made)
    found = call.json("GET", f"/v1/datasets/{made}")
    assert (found["status"], found["rows"]) == ("ready", ROWS), found
    assert found["options"]["compression"] == (None if packed == "plain" else packed)
    path = f"/v1/datasets/{made}/rows"
    for limit in (23, 7):
        assert pages(call, path, limit) == SHOWN
    assert call.json("GET", f"{path}?limit=3&after=15")["data"] == SHOWN[15:18]
    for beyond in ("23", "1000", "9" * 15):
        assert call.json("GET", f"{path}?after={beyond}")["data"] == []
    answer = call("GET", f"/v1/datasets/{made}/content")
    assert answer.data == content
    assert answer.content_type.split(";")[0] in MEDIA_TYPES
    assert call("GET", f"/v1/datasets/{made}/content", 206, headers={"Range": "bytes=3-9"}).data == content[3:10]


@pytest.mark.parametrize("packed", PACKERS)
def test_rows_of_arrays(call: Caller, workshop: Workshop, packed: str) -> None:
    X = np.arange(46.0).reshape(ROWS, 2)
    y = np.array(["a", "b"] * 12)[:ROWS]
    for content, columns in ((npy(X), 2), (npz(X=np.asfortranarray(X), y=y), 3), (npz(True, X=X, y=y), 3)):
        made = call.upload(PACKERS[packed](content), content_type="application/octet-stream")
        workshop.ingest(made)
        rows = pages(call, f"/v1/datasets/{made}/rows", 5)
        assert [row["x1"] for row in rows] == list(range(1, 46, 2))
        assert {len(row) for row in rows} == {columns}


@pytest.mark.parametrize("size", [None, "3x2"])
def test_pictures(call: Caller, workshop: Workshop, size: str | None) -> None:
    query = f"?image_size={size}" if size else ""
    made = call.upload(pictures(7, (4, 3, 3)), query, "application/zip")
    workshop.ingest(made)
    found = call.json("GET", f"/v1/datasets/{made}")
    shape = [2, 3, 3] if size else [4, 3, 3]
    assert (found["format"], found["image_shape"], found["options"]["image_size"]) == ("images", shape, size)
    rows = pages(call, f"/v1/datasets/{made}/rows", 3)
    assert [row["y"] for row in rows] == ["cat", "dog", "cat", "dog", "cat", "dog", "cat"]
    assert {len(row) for row in rows} == {int(np.prod(shape)) + 1}
    assert call("GET", f"/v1/datasets/{made}/content").headers["Content-Disposition"].endswith(".zip")


PICTURES = np.arange(60, dtype=">u1").reshape(5, 4, 3)
TARGETS = np.array([3, 1, 3, 1, 1], ">u1")


def form(**files: bytes) -> dict[str, Any]:
    return {
        "data": {
            name: (io.BytesIO(content), f"{name}-ubyte", "application/octet-stream") for name, content in files.items()
        },
        "content_type": "multipart/form-data",
    }


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("turned", [False, True])
def test_an_idx_pair(call: Caller, workshop: Workshop, turned: bool, packed: str) -> None:
    files = {"features": PACKERS[packed](idx(PICTURES)), "labels": idx(TARGETS)}
    if turned:
        files = dict(reversed(files.items()))
    made = call.json("POST", "/v1/datasets", 201, **form(**files))
    assert (made["format"], made["name"]) == ("idx", f"{next(iter(files))}-ubyte")
    assert made["options"]["parts"] == {name: len(content) for name, content in files.items()}
    workshop.ingest(made["id"])
    path = f"/v1/datasets/{made['id']}"
    found = call.json("GET", path)
    assert (found["status"], found["image_shape"], found["rows"]) == ("ready", [4, 3], 5), found
    rows = pages(call, f"{path}/rows", 2)
    assert [row["y"] for row in rows] == [3, 1, 3, 1, 1]
    assert [row["x11"] for row in rows] == [11, 23, 35, 47, 59]
    assert call("GET", f"{path}/content").data == b"".join(files.values())
    for name, content in files.items():
        assert call("GET", f"{path}/content?part={name}").data == content
        assert call("GET", f"{path}/content?part={name}", 206, headers={"Range": "bytes=-3"}).data == content[-3:]


def test_a_pair_of_npy_files(call: Caller, workshop: Workshop) -> None:
    made = call.json("POST", "/v1/datasets", 201, **form(features=npy(np.eye(4)), labels=npy(np.arange(4.0))))
    workshop.ingest(made["id"])
    assert [row["y"] for row in call.json("GET", f"/v1/datasets/{made['id']}/rows")["data"]] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"features": idx(PICTURES)}, 'the part "labels" is missing'),
        ({"labels": idx(TARGETS)}, 'the part "features" is missing'),
        ({"file": idx(PICTURES)}, "in the parts features and labels"),
        ({"features": idx(PICTURES), "file": b"x"}, 'in the part "file"'),
        ({"features": b"a,b\n1,2\n", "labels": b"a\n1\n"}, "only IDX and npy"),
        ({"features": idx(PICTURES), "labels": npy(TARGETS)}, 'the part "labels" is a npy'),
        ({"features": idx(PICTURES), "labels": b""}, "empty"),
        ({"features": idx(PICTURES), "labels": b"rubbish \x00"}, "binary"),
    ],
)
def test_pairs_that_are_none(call: Caller, files: dict[str, bytes], words: str) -> None:
    assert words in call.json("POST", "/v1/datasets", 400, **form(**files))["detail"]
    assert call.json("GET", "/v1/datasets")["data"] == []


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"features": idx(PICTURES)[:-1], "labels": idx(TARGETS)}, "part features: cut off"),
        ({"features": idx(PICTURES) + b"x", "labels": idx(TARGETS)}, "part features: the shape (5, 4, 3)"),
        ({"features": idx(PICTURES), "labels": idx(TARGETS)[:-1]}, "part labels: cut off"),
        ({"features": idx(PICTURES), "labels": idx(TARGETS[:4])}, "part labels: y has 4 values, X has 5 rows"),
        ({"features": idx(TARGETS), "labels": idx(PICTURES)}, "part features: X has the shape (5,)"),
        (
            {"features": gzip.compress(idx(PICTURES))[:-9], "labels": idx(TARGETS)},
            "part features: the gzip file is cut",
        ),
    ],
)
def test_a_pair_that_turns_out_bad_names_the_part(
    call: Caller, workshop: Workshop, files: dict[str, bytes], words: str
) -> None:
    made = call.json("POST", "/v1/datasets", 201, **form(**files))
    workshop.ingest(made["id"])
    found = call.json("GET", f"/v1/datasets/{made['id']}")
    assert found["status"] == "failed"
    assert words in found["error"]["detail"]


def test_a_part_of_a_data_set_that_is_one_file(call: Caller, dataset: str) -> None:
    assert call.pointers("GET", f"/v1/datasets/{dataset}/content?part=labels") == ["/query/part"]


def test_options_are_kept_and_shown(call: Caller, workshop: Workshop) -> None:
    made = call.upload(b"a b\nc d\n", "?delimiter=space&encoding=latin-1&header=false")
    workshop.ingest(made)
    found = call.json("GET", f"/v1/datasets/{made}")
    asked = {"delimiter": " ", "encoding": "iso8859-1", "header": False}
    assert {name: found["options"][name] for name in asked} == asked
    assert [column["name"] for column in found["columns"]] == ["x0", "x1"]
    assert call("GET", f"/v1/datasets/{made}/content").content_type == "text/csv; charset=iso8859-1"
    other = call.upload(b"a b\nc d\n", "?delimiter=space")
    workshop.ingest(other)
    assert call.json("GET", f"/v1/datasets/{other}")["rows"] == 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("delimiter=ab", "delimiter"),
        ("encoding=klingon", "encoding"),
        ("header=perhaps", "header"),
        ("image_size=big", "image_size"),
        ("delimeter=,", "delimeter"),
    ],
)
def test_options_that_make_no_sense(call: Caller, query: str, pointer: str) -> None:
    found = call.pointers("POST", f"/v1/datasets?{query}", data=b"a\n1\n", content_type="text/csv")
    assert found == [f"/query/{pointer}"]


def test_other_options_are_another_request(call: Caller) -> None:
    headers = {"Idempotency-Key": "k"}
    sent: dict[str, Any] = {"data": b"a\n1\n", "content_type": "text/csv", "headers": headers}
    first = call.json("POST", "/v1/datasets?header=true", 201, **sent)
    assert call.json("POST", "/v1/datasets?header=true", 201, **sent)["id"] == first["id"]
    call("POST", "/v1/datasets?header=false", 422, **sent)


def test_a_pair_sent_again_is_answered_again(call: Caller) -> None:
    headers = {"Idempotency-Key": "k"}
    first = call.json(
        "POST", "/v1/datasets", 201, headers=headers, **form(features=npy(np.eye(4)), labels=npy(TARGETS[:4]))
    )
    again = call.json(
        "POST", "/v1/datasets", 201, headers=headers, **form(features=npy(np.eye(4)), labels=npy(TARGETS[:4]))
    )
    assert again["id"] == first["id"]
    call("POST", "/v1/datasets", 422, headers=headers, **form(labels=npy(TARGETS[:4]), features=npy(np.eye(4))))


def test_mutated_forms_make_a_data_set_or_are_refused(call: Caller, app: APIFlask) -> None:
    part = '--B\r\nContent-Disposition: form-data; name="{}"; filename="{}"\r\nContent-Type: {}\r\n\r\n'
    good = b"".join(
        (
            b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\ncalled\r\n',
            part.format("features", "x-ubyte", "application/x-idx").encode() + idx(PICTURES) + b"\r\n",
            part.format("labels", "y-ubyte", "application/x-idx").encode() + idx(TARGETS) + b"\r\n--B--\r\n",
        )
    )
    call("POST", "/v1/datasets", 201, data=good, content_type="multipart/form-data; boundary=B")
    seen = set()
    for number in range(150):
        body = mutated(good, random.Random(number))
        sent = {"data": body, "content_type": "multipart/form-data; boundary=B", "headers": call.headers}
        answer = app.test_client().post("/v1/datasets", buffered=True, **sent)
        seen.add(answer.status_code)
        assert answer.status_code in (201, 400, 415, 422), (number, answer.get_data(as_text=True))
    assert seen >= {201, 400}


@pytest.mark.parametrize("packed", ["gzip", "zstd"])
def test_no_packed_file_fills_the_disk_for_a_page(
    call: Caller, workshop: Workshop, packed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"features": PACKERS[packed](idx(PICTURES)), "labels": idx(TARGETS)}
    made = call.json("POST", "/v1/datasets", 201, **form(**files))
    workshop.ingest(made["id"])
    path = f"/v1/datasets/{made['id']}/rows"
    assert len(call.json("GET", path)["data"]) == 5
    monkeypatch.setattr("service.preview.MOST_SPREAD", 50)
    assert "50 bytes; send it without gzip or zstd" in call.json("GET", path, 409)["detail"]
