"""Data sets: upload in every way, look, list, fetch, rename, delete; and every upload that is refused."""

import io
from typing import Any

import numpy as np
import pytest

from store.database import Database
from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop

CSV = "text/csv"


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_an_upload_is_validating_then_ready_with_its_schema(
    call: Caller, workshop: Workshop, queue: RecordingQueue, flowers: bytes
) -> None:
    answer = call("POST", "/v1/datasets?name=Flowers", 201, data=flowers, content_type=f"{CSV}; charset=utf-8")
    made = answer.get_json()
    assert answer.headers["Location"] == f"/v1/datasets/{made['id']}"
    assert (made["name"], made["status"], made["format"], made["bytes"]) == (
        "Flowers",
        "validating",
        "csv",
        len(flowers),
    )
    assert (made["rows"], made["columns"]) == (None, None)
    assert queue.announced == [made["id"]]
    workshop.ingest(made["id"])
    ready = call.json("GET", answer.headers["Location"])
    assert (ready["status"], ready["rows"]) == ("ready", 60)
    assert [column["name"] for column in ready["columns"]] == ["length", "width", "colour", "species"]
    assert ready["columns"][2]["missing"] == 1
    assert ready["columns"][3]["values"] == ["setosa", "versicolor", "virginica"]
    assert ready["sha256"] == made["sha256"]


@pytest.mark.parametrize(
    ("query", "filename", "fields", "name"),
    [
        ("", "flowers.csv", {}, "flowers.csv"),
        ("", "data/flowers.csv", {}, "flowers.csv"),
        ("", "flowers.csv", {"name": "Blüten"}, "Blüten"),
        ("?name=asked", "flowers.csv", {"name": "form"}, "asked"),
    ],
)
def test_a_form_with_one_file(
    call: Caller, flowers: bytes, query: str, filename: str, fields: dict[str, str], name: str
) -> None:
    form = {**fields, "file": (io.BytesIO(flowers), filename, CSV)}
    made = call.json("POST", f"/v1/datasets{query}", 201, data=form, content_type="multipart/form-data")
    assert (made["name"], made["bytes"], made["format"]) == (name, len(flowers), "csv")
    assert call("GET", f"/v1/datasets/{made['id']}/content").data == flowers


def test_a_form_whose_fields_come_after_a_large_file(call: Caller) -> None:
    content = b"a,b\n" + b"1,2\n" * 500_000
    body = (
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        + content
        + b'\r\n--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nlate\r\n--B--\r\n'
    )
    made = call.json("POST", "/v1/datasets", 201, data=body, content_type="multipart/form-data; boundary=B")
    assert (made["name"], made["bytes"]) == ("late", len(content))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"--B--\r\n",
        b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--B--\r\n',
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\na,b\n1,2\n',
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\na\n1\n\r\n'
        b'--B\r\nContent-Disposition: form-data; name="g"; filename="b.csv"\r\n\r\na\n1\n\r\n--B--\r\n',
        b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\na\n1\n\r\n--B--\r\n',
    ],
    ids=["empty", "nonsense", "no parts", "no file", "cut short", "two files", "field not UTF-8"],
)
def test_forms_that_cannot_be_read_are_400(call: Caller, body: bytes) -> None:
    call("POST", "/v1/datasets", 400, data=body, content_type="multipart/form-data; boundary=B")


def test_a_form_without_a_boundary_is_400(call: Caller) -> None:
    call("POST", "/v1/datasets", 400, data=b"x", content_type="multipart/form-data")


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"", CSV, 400),
        (b"\x00\x01\x02" * 100, CSV, 400),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "application/octet-stream", 400),
        (b"a,b\n1,2\n", "image/png", 415),
        (b"a,b\n1,2\n", "application/json", 415),
        (b"a,b\n1,2\n", "application/x-npz", 400),
        (b"\xff\xfea\0,\0b", CSV, 400),
        (b"\0\0\x08\x01\0\0\0\x01\0", "application/x-idx", 400),
    ],
)
def test_uploads_that_are_refused_at_once(
    call: Caller, queue: RecordingQueue, content: bytes, content_type: str, status: int
) -> None:
    call("POST", "/v1/datasets?name=x", status, data=content, content_type=content_type)
    assert call.json("GET", "/v1/datasets")["data"] == []
    assert queue.announced == []


def test_an_upload_over_the_limit_is_413_whether_it_says_its_length_or_not(call: Caller) -> None:
    content = b"a,b\n" + b"1,2\n" * (1 << 20)
    said = call.json("POST", "/v1/datasets", 413, data=content, content_type=CSV)
    assert "3,145,728" in said["detail"]
    chunked = {"wsgi.input": io.BytesIO(content), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    said = call.json("POST", "/v1/datasets", 413, environ_overrides=chunked, content_type=CSV)
    assert "3,145,728" in said["detail"]
    assert call.json("GET", "/v1/datasets")["data"] == []


def test_a_chunked_upload_is_whole(call: Caller, flowers: bytes) -> None:
    chunked = {"wsgi.input": io.BytesIO(flowers), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    made = call.json("POST", "/v1/datasets", 201, environ_overrides=chunked, content_type=CSV)
    assert call("GET", f"/v1/datasets/{made['id']}/content").data == flowers


def test_a_body_that_ends_too_early_makes_no_data_set(call: Caller, flowers: bytes) -> None:
    short = {"wsgi.input": io.BytesIO(flowers[:100]), "CONTENT_LENGTH": str(len(flowers))}
    call("POST", "/v1/datasets", 400, environ_overrides=short, content_type=CSV)
    assert call.json("GET", "/v1/datasets")["data"] == []


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_names_have_bounds(call: Caller, flowers: bytes, name: str) -> None:
    assert call.pointers("POST", f"/v1/datasets?name={name}", data=flowers, content_type=CSV) == ["/query/name"]


def test_a_file_that_turns_out_bad_is_a_failed_data_set_that_says_where(call: Caller, workshop: Workshop) -> None:
    made = call.upload(b"a,b\n1,2\n3\n4,5,6\n")
    workshop.ingest(made)
    found = call.json("GET", f"/v1/datasets/{made}")
    assert (found["status"], found["error"]["fault"], found["error"]["code"]) == ("failed", "user", "data_unusable")
    assert [error["pointer"] for error in found["error"]["errors"]] == ["/rows/3/b", "/rows/4/3"]
    call("GET", f"/v1/datasets/{made}/rows", 409)
    refused = call.submit(made, 409, target="b")
    assert "failed" in refused["detail"]


def test_lists_are_newest_first_in_pages_that_stay_put(call: Caller) -> None:
    made = [call.upload(b"a,b\n1,%d\n" % number, f"?name={number}") for number in range(5)]
    first = call.json("GET", "/v1/datasets?limit=2")
    assert [each["id"] for each in first["data"]] == made[:2:-1]
    assert first["has_more"] is True
    call.upload(b"a\n9\n", "?name=later")
    second = call.json("GET", f"/v1/datasets?limit=2&after={first['next']}")
    third = call.json("GET", f"/v1/datasets?limit=2&after={second['next']}")
    assert [each["id"] for each in second["data"] + third["data"]] == [made[2], made[1], made[0]]
    assert (third["has_more"], third["next"]) == (False, None)


def test_looking_again_is_304(call: Caller, dataset: str) -> None:
    path = f"/v1/datasets/{dataset}"
    etag = call("GET", path).headers["ETag"]
    assert call("GET", path, 304, headers={"If-None-Match": etag}).data == b""
    call("PATCH", path, json={"name": "other"})
    assert call("GET", path, headers={"If-None-Match": etag}).headers["ETag"] != etag


def test_renaming(call: Caller, dataset: str) -> None:
    path = f"/v1/datasets/{dataset}"
    assert call.json("PATCH", path, json={"name": "Blüten 🌸"})["name"] == "Blüten 🌸"
    assert call.json("GET", path)["name"] == "Blüten 🌸"
    assert call.pointers("PATCH", path, json={"name": 3, "nam": "x"}) == ["/name", "/nam"]
    assert call.json("PATCH", path, json={})["name"] == "Blüten 🌸"


def test_content_in_ranges(call: Caller, dataset: str, flowers: bytes) -> None:
    path = f"/v1/datasets/{dataset}/content"
    whole = call("GET", path)
    assert (whole.data, whole.content_type) == (flowers, "text/csv; charset=utf-8")
    part = call("GET", path, 206, headers={"Range": "bytes=10-19"})
    assert (part.data, part.headers["Content-Range"]) == (flowers[10:20], f"bytes 10-19/{len(flowers)}")
    assert call("GET", path, 206, headers={"Range": "bytes=-5"}).data == flowers[-5:]


def test_deleting(call: Caller, dataset: str) -> None:
    path = f"/v1/datasets/{dataset}"
    waiting = call.submit(dataset)
    refused = call.json("DELETE", path, 409)
    assert waiting["id"] in refused["detail"]
    call("POST", f"/v1/jobs/{waiting['id']}/cancel")
    gone = call("DELETE", path, 204)
    assert (gone.data, "Content-Type" in gone.headers) == (b"", False)
    call("GET", path, 404)
    call("DELETE", path, 404)
    assert call.json("GET", f"/v1/jobs/{waiting['id']}")["dataset"] == dataset


def test_rows_by_page_and_by_number(call: Caller, dataset: str, flowers: bytes) -> None:
    path = f"/v1/datasets/{dataset}/rows"
    everything = call.json("GET", f"{path}?limit=1000")
    assert (len(everything["data"]), everything["has_more"], everything["next"]) == (60, False, None)
    assert everything["data"][0] == {"length": 4.0, "width": 3.0, "colour": "blue", "species": "setosa"}
    assert everything["data"][59] == {"length": 6.1, "width": 5.2, "colour": None, "species": "virginica"}
    rows, after = [], ""
    while True:
        page = call.json("GET", f"{path}?limit=7{after}")
        rows += page["data"]
        if not page["has_more"]:
            break
        after = f"&after={page['next']}"
    assert rows == everything["data"]
    assert call.json("GET", f"{path}?limit=3&after=50")["data"] == everything["data"][50:53]
    for beyond in ("1000", "9" * 15):
        assert call.json("GET", f"{path}?after={beyond}")["data"] == []
    assert len(call.json("GET", f"{path}?limit=60")["data"]) == 60


@pytest.mark.parametrize("after", ["x", "-1", "1.x", "3.999999999", "3.5", "1" * 16])
def test_an_after_that_points_nowhere_is_an_error_or_an_empty_page(call: Caller, dataset: str, after: str) -> None:
    path = f"/v1/datasets/{dataset}/rows?after={after}"
    if after in ("3.999999999", "3.5"):
        call("GET", path)
    else:
        call("GET", path, 400)


def test_rows_of_a_data_set_that_is_not_ready_are_409(call: Caller, flowers: bytes) -> None:
    call("GET", f"/v1/datasets/{call.upload(flowers)}/rows", 409)


CELLS = 'name,number,whole\r\n"a ""quoted"", cell",1.5,1\r\n\r\n"two\nlines",,2\rNA, 2.50 ,3\n"é",1e3,\n'


def test_rows_of_a_csv_as_spreadsheets_write_it(call: Caller, workshop: Workshop) -> None:
    made = call.upload("\ufeff".encode() + CELLS.encode())
    workshop.ingest(made)
    path = f"/v1/datasets/{made}/rows"
    expected = [
        {"name": 'a "quoted", cell', "number": 1.5, "whole": 1},
        {"name": "two\nlines", "number": None, "whole": 2},
        {"name": None, "number": 2.5, "whole": 3},
        {"name": "é", "number": 1000.0, "whole": None},
    ]
    assert call.json("GET", path)["data"] == expected
    second = call.json("GET", f"{path}?limit=1&after={call.json('GET', f'{path}?limit=1')['next']}")
    assert second["data"] == expected[1:2]
    assert call.json("GET", f"{path}?limit=9&after={second['next']}")["data"] == expected[2:]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressed", [False, True])
def test_rows_of_an_npz(call: Caller, workshop: Workshop, order: Any, compressed: bool) -> None:
    X = np.array([[index, index / 2, -1.0] for index in range(12)], order=order)
    X[3, 1] = np.nan
    y = np.array([f"class {index % 2}" for index in range(12)])
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, X=X, y=y)
    made = call.upload(file.getvalue(), content_type="application/x-npz")
    workshop.ingest(made)
    path = f"/v1/datasets/{made}/rows"
    first = call.json("GET", f"{path}?limit=5")
    assert first["data"][3] == {"x0": 3, "x1": None, "x2": -1, "y": "class 1"}
    assert first["data"][1] == {"x0": 1, "x1": 0.5, "x2": -1, "y": "class 1"}
    rest = call.json("GET", f"{path}?limit=100&after={first['next']}")
    assert [row["x0"] for row in first["data"] + rest["data"]] == list(range(12))
    assert (rest["has_more"], call.json("GET", f"{path}?after=12")["data"]) == (False, [])
    assert call.json("GET", f"{path}?after={'9' * 15}")["data"] == []


def test_equal_bytes_are_two_data_sets_over_one_blob(call: Caller, database: Database, flowers: bytes) -> None:
    one, two = call.upload(flowers), call.upload(flowers)
    assert one != two
    call("DELETE", f"/v1/datasets/{one}", 204)
    assert call("GET", f"/v1/datasets/{two}/content").data == flowers
