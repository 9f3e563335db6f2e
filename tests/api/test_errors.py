"""Every error has one shape, says the place and the remedy, and nothing about the inside."""

from typing import Any

import pytest
from sqlalchemy import Engine, event

from steepest.spec.errors import Unavailable
from store import jobs
from store.database import Database
from tests.api.caller import Caller

JSON = "application/json"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1//jobs", 404),
        ("GET", "/v1/jobs/", 404),
        ("GET", "/v1/jobs/job_1", 404),
        ("GET", "/v1/jobs/job_%00", 404),
        ("GET", "/v1/jobs/" + "job_" + "f" * 32, 404),
        ("GET", "/v1/datasets/" + "ds_" + "f" * 32, 404),
        ("PUT", "/v1/jobs", 405),
        ("DELETE", "/v1/jobs", 405),
        ("POST", "/healthz", 405),
        ("TRACE", "/v1/jobs", 405),
    ],
)
def test_addresses_and_methods_that_are_not_there(call: Caller, method: str, path: str, status: int) -> None:
    answer = call(method, path, status)
    assert ("Allow" in answer.headers) is (status == 405)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"   ", "empty"),
        (b'{"dataset": ', "line 1, column 13"),
        (b"{'dataset': 1}", "line 1, column 2"),
        (b'{"seed": NaN}', "NaN"),
        (b'{"seed": -Infinity}', "Infinity"),
        (b'{"seed": 1e999}', "too large"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "5,000 digits"),
        (b'{"seed": 1, "seed": 2}', '"seed" twice'),
        (rb'{"\ud800": 1, "\ud800": 2}', "twice"),
        (b'{"dataset": "\xff"}', "UTF-8"),
        (b'{"dataset": "a\0b"}', "line 1"),
        (b"[" * 100_00 + b"]" * 100_00, "nested"),
        (b'{"metadata": ' + b"[" * 70 + b"]" * 70 + b"}", "nested"),
    ],
)
def test_a_body_that_is_not_json_is_400_and_says_where(call: Caller, body: bytes, says: str) -> None:
    assert says in call.json("POST", "/v1/jobs", 400, data=body, content_type=JSON)["detail"]


@pytest.mark.parametrize("body", [b"null", b"1", b'"x"', b"[]", b"true"])
def test_a_body_that_is_no_object_is_422(call: Caller, body: bytes) -> None:
    assert call.pointers("POST", "/v1/jobs", data=body, content_type=JSON) == [""]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (rb'{"name": "a\u0000b"}', ["/name"]),
        (rb'{"metadata": {"k\u0000": "\ud800"}}', ["/metadata"]),
        (rb'{"layers": [{"activation": "\udfff"}]}', ["/layers/0/activation"]),
    ],
)
def test_characters_that_no_database_keeps_are_refused_with_their_place(
    call: Caller, body: bytes, pointers: list[str]
) -> None:
    assert set(call.pointers("POST", "/v1/jobs", data=body, content_type=JSON)) >= set(pointers)


def test_the_body_must_be_declared_as_json(call: Caller) -> None:
    assert "application/json" in call.json("POST", "/v1/jobs", 415, data={"a": "b"})["detail"]
    call("POST", "/v1/jobs", 415, data=b"{}", content_type="text/plain")
    call("POST", "/v1/jobs", 422, data=b"{}")
    call("POST", "/v1/jobs", 422, data=b"\xef\xbb\xbf{}", content_type="application/vnd.x+json; charset=utf-8")


def test_a_json_body_over_the_limit_is_413(call: Caller) -> None:
    body = b'{"dataset": "' + b"x" * (64 << 10) + b'"}'
    call("POST", "/v1/jobs", 413, data=body, content_type=JSON)


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ("limit=0", ["/query/limit"]),
        ("limit=1001", ["/query/limit"]),
        ("limit=ten", ["/query/limit"]),
        ("limit=1&limit=2", ["/query/limit"]),
        ("limt=1&status=done", ["/query/limt", "/query/status"]),
        ("created_after=yesterday", ["/query/created_after"]),
        ("created_after=0.5", ["/query/created_after"]),
        ("created_after=2026-01-01T00:00:00", ["/query/created_after"]),
        ("created_after=0001-01-01T00:00:00%2B01:00", ["/query/created_after"]),
        ("created_after=9999-12-31T23:59:59-01:00", ["/query/created_after"]),
        ("metadata=x", ["/query/metadata"]),
        ("Metadata[k]=x", ["/query/Metadata[k]"]),
    ],
)
def test_query_parameters_are_checked_all_at_once(call: Caller, query: str, pointers: list[str]) -> None:
    assert call.pointers("GET", f"/v1/jobs?{query}") == pointers


def test_an_unknown_query_parameter_is_refused_everywhere_with_the_nearest_name(call: Caller) -> None:
    assert 'did you mean "limit"' in call.json("GET", "/v1/jobs?limits=3", 422)["detail"]
    call("GET", "/v1/me?x=1", 422)
    call("GET", "/healthz?x=1", 422)


@pytest.mark.parametrize("query", ["name=%ff", "name=%00", "after=%ed%a0%80"])
def test_a_query_string_that_is_not_text_is_400(call: Caller, query: str) -> None:
    call("GET", f"/v1/jobs?{query}", 400)


@pytest.mark.parametrize("after", ["x", "ds_" + "0" * 32, "job_0"])
def test_an_after_that_no_page_gave_is_400(call: Caller, after: str) -> None:
    call("GET", f"/v1/jobs?after={after}", 400)


def test_the_request_id_is_taken_or_made_and_is_in_the_problem(call: Caller) -> None:
    given = call("GET", "/v1/nothing", 404, headers={"X-Request-Id": "trace-1.a:b"})
    assert given.headers["X-Request-Id"] == given.get_json()["request_id"] == "trace-1.a:b"
    made = {call("GET", "/healthz", headers={"X-Request-Id": bad}).headers["X-Request-Id"] for bad in ("", "a b", "é")}
    assert len(made) == 3
    assert all(len(each) == 32 for each in made)


def test_an_unexpected_error_tells_nothing_of_the_inside(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(jobs, "page", broken)
    answer = call("GET", "/v1/jobs", 500)
    assert "hunter2" not in answer.get_data(as_text=True)
    assert answer.get_json()["code"] == "internal_error"


def test_a_database_that_is_away_is_503_with_retry_after(
    call: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise Unavailable("The database does not answer; the same request may succeed in a moment.")

    monkeypatch.setattr(database, "read", away)
    answer = call("GET", "/v1/jobs", 503)
    assert answer.get_json()["retryable"] is True
    assert int(answer.headers["Retry-After"]) >= 1


def test_bad_input_changes_nothing(call: Caller, dataset: str, database: Database) -> None:
    before = call.json("GET", "/v1/datasets"), call.json("GET", "/v1/jobs")
    written: list[str] = []

    def watch(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement.split()[0] in ("INSERT", "UPDATE", "DELETE"):
            written.append(statement)

    event.listen(Engine, "before_cursor_execute", watch)
    try:
        call.submit(dataset, 422, epochs=-1)
        call.submit(dataset, 422, target="nothing")
        call("POST", "/v1/jobs", 400, data=b"{", content_type=JSON)
        call("POST", "/v1/datasets", 415, data=b"x", content_type="image/png")
        call("POST", "/v1/datasets", 400, data=b"\0\1\2", content_type="text/csv")
        call("PATCH", f"/v1/datasets/{dataset}", 422, json={"name": ""})
    finally:
        event.remove(Engine, "before_cursor_execute", watch)
    assert written == []
    assert (call.json("GET", "/v1/datasets"), call.json("GET", "/v1/jobs")) == before
