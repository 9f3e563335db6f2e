"""Keys: none, wrong, revoked; scopes; and what belongs to another account."""

import re
from typing import Any

import pytest
from apiflask import APIFlask

from store import keys
from store.database import Database
from store.models import DEFAULT_ACCOUNT
from tests.api.caller import Caller
from tests.api.conftest import MakeKey

PREFIXES = {"dataset": "ds", "job": "job", "evaluation": "cmp", "prediction": "cmp"}
OPEN = {"/healthz", "/readyz", "/openapi.json", "/docs"}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer sk_unknown", "Basic dTpw", "sk_x"])
def test_without_a_valid_key_everything_is_401(app: APIFlask, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = Caller(app, None)("GET", "/v1/me", 401, headers=headers)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_stops_working_when_it_is_revoked(app: APIFlask, database: Database) -> None:
    with database.write() as session:
        row, secret = keys.create(session, DEFAULT_ACCOUNT, ["read"], "test")
    Caller(app, secret)("GET", "/v1/me")
    with database.write() as session:
        keys.revoke(session, DEFAULT_ACCOUNT, row.id)
    Caller(app, secret)("GET", "/v1/me", 401)


def test_every_operation_under_v1_needs_a_key(app: APIFlask) -> None:
    nobody = Caller(app, None)
    document = nobody.json("GET", "/openapi.json")
    tried = 0
    for path, methods in document["paths"].items():
        if path in OPEN:
            continue
        for method in methods:
            address = re.sub(r"\{(\w+)_id\}", lambda found: f"{PREFIXES[found[1]]}_{'0' * 32}", path)
            nobody(method.upper(), address, 401)
            tried += 1
    assert tried >= 18


def test_scopes(app: APIFlask, make_key: MakeKey, dataset: str) -> None:
    reader, writer, admin = (Caller(app, make_key(scope)) for scope in ("read", "write", "admin"))
    reader("GET", "/v1/datasets")
    assert "write" in reader.json("POST", "/v1/datasets", 403, data=b"a\n1\n", content_type="text/csv")["detail"]
    reader("DELETE", f"/v1/datasets/{dataset}", 403)
    writer("GET", "/v1/datasets")
    writer("PATCH", f"/v1/datasets/{dataset}", json={"name": "other"})
    admin("PATCH", f"/v1/datasets/{dataset}", json={"name": "again"})
    refused = reader.json("POST", f"/v1/jobs/job_{'0' * 32}/predictions", 403, json={"dataset": dataset})
    assert "write" in refused["detail"]
    assert reader.json("GET", "/v1/me")["scopes"] == ["read"]


def test_what_belongs_to_another_account_does_not_exist(call: Caller, stranger: Caller, job: dict[str, Any]) -> None:
    dataset, path = job["dataset"], f"/v1/jobs/{job['id']}"
    assert stranger.json("GET", "/v1/datasets")["data"] == []
    assert stranger.json("GET", "/v1/jobs")["data"] == []
    for method, address, body in [
        ("GET", f"/v1/datasets/{dataset}", None),
        ("GET", f"/v1/datasets/{dataset}/rows", None),
        ("GET", f"/v1/datasets/{dataset}/content", None),
        ("PATCH", f"/v1/datasets/{dataset}", {"name": "mine"}),
        ("DELETE", f"/v1/datasets/{dataset}", None),
        ("GET", path, None),
        ("PATCH", path, {"name": "mine"}),
        ("POST", f"{path}/pause", None),
        ("POST", f"{path}/resume", None),
        ("POST", f"{path}/retry", None),
        ("POST", f"{path}/cancel", None),
        ("DELETE", path, None),
        ("GET", f"{path}/events", None),
        ("GET", f"{path}/epochs", None),
        ("GET", f"{path}/checkpoints", None),
        ("GET", f"{path}/weights", None),
        ("POST", f"{path}/predictions", {"rows": [{"length": 1.0}]}),
        ("POST", f"{path}/predictions", {"dataset": dataset}),
        ("GET", f"{path}/predictions", None),
        ("POST", f"{path}/evaluations", {"dataset": dataset}),
        ("GET", f"{path}/evaluations", None),
        ("GET", f"{path}/evaluations/held_out", None),
    ]:
        stranger(method, address, 404, json=body)
    refused = stranger.submit(dataset, 422)
    assert [error["pointer"] for error in refused["errors"]] == ["/dataset"]
    assert call.json("GET", path) == job
