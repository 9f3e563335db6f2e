"""The queue as its users see it: places in the line, limits of what waits and runs, and jobs too large to train."""

from dataclasses import replace
from typing import Any

import pytest
from apiflask import APIFlask

from service.app import create_app
from store import keys, scheduling, workers
from store.database import Database
from store.models import DEFAULT_ACCOUNT
from store.scheduling import Slot
from store.settings import Limits, Settings
from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue


@pytest.fixture
def limits(limits: Limits) -> Limits:
    return replace(limits, queued_jobs=2)


def test_a_queued_job_knows_its_place(call: Caller, dataset: str) -> None:
    first, second = call.submit(dataset), call.submit(dataset, priority=1)
    assert (first["queue"], second["queue"]) == ({"ahead": 0}, {"ahead": 0})
    listed = {job["id"]: job["queue"] for job in call.json("GET", "/v1/jobs")["data"]}
    assert listed == {first["id"]: {"ahead": 1}, second["id"]: {"ahead": 0}}
    assert call.json("POST", f"/v1/jobs/{first['id']}/cancel")["queue"] is None


def test_a_changed_place_is_another_answer(call: Caller, dataset: str) -> None:
    path = f"/v1/jobs/{call.submit(dataset)['id']}"
    tag = call("GET", path).headers["ETag"]
    call("GET", path, 304, headers={"If-None-Match": tag})
    call.submit(dataset, priority=1)
    moved = call("GET", path, headers={"If-None-Match": tag})
    assert moved.get_json()["queue"] == {"ahead": 1}


def test_more_than_may_wait_are_429_until_some_have_gone(call: Caller, dataset: str) -> None:
    jobs = [call.submit(dataset) for _ in range(2)]
    refused = call("POST", "/v1/jobs", 429, json={"dataset": dataset, "target": "species"})
    assert int(refused.headers["Retry-After"]) > 0
    assert "queued_jobs" in refused.get_json()["detail"]
    call("POST", f"/v1/jobs/{jobs[0]['id']}/cancel")
    call.submit(dataset)


def test_a_refused_job_may_be_sent_again_with_its_key(call: Caller, dataset: str) -> None:
    jobs = [call.submit(dataset) for _ in range(2)]
    body, headers = {"dataset": dataset, "target": "species"}, {"Idempotency-Key": "again"}
    call("POST", "/v1/jobs", 429, json=body, headers=headers)
    call("POST", f"/v1/jobs/{jobs[0]['id']}/cancel")
    call("POST", "/v1/jobs", 201, json=body, headers=headers)


@pytest.mark.parametrize("priority", [-101, 101, "high"])
def test_a_priority_out_of_its_range_is_422(call: Caller, dataset: str, priority: Any) -> None:
    body = {"dataset": dataset, "target": "species", "priority": priority}
    assert call.pointers("POST", "/v1/jobs", json=body) == ["/priority"]


def test_a_job_too_large_for_every_worker_is_422_with_the_estimate(
    call: Caller, dataset: str, database: Database
) -> None:
    with database.write() as session:
        for name, memory in (("a", 1_000), ("b", 2_000)):
            workers.beat(session, name, ["cpu"], 1, memory)
    for query in ("", "?validate_only=true"):
        problem = call.json("POST", f"/v1/jobs{query}", 422, json={"dataset": dataset, "target": "species"})
        assert "2,000" in problem["errors"][0]["detail"]
        assert "estimated to need" in problem["errors"][0]["detail"]
    with database.write() as session:
        workers.beat(session, "large", ["cpu"], 1, 1 << 40)
    call.submit(dataset)


def test_the_setting_bounds_memory_where_no_worker_says_anything(
    settings: Settings, database: Database, queue: RecordingQueue, call: Caller, dataset: str
) -> None:
    small = create_app(replace(settings, worker_memory_bytes=1_000), database, queue)
    caller = Caller(small, None)
    caller.headers = call.headers
    assert "worker_memory_bytes" in caller.submit(dataset, 422)["errors"][0]["detail"]


def test_the_limit_of_a_key_is_shown_and_holds(app: APIFlask, call: Caller, dataset: str, database: Database) -> None:
    with database.write() as session:
        secret = keys.create(session, DEFAULT_ACCOUNT, ["read", "write"], "limited", max_running=1)[1]
    limited = Caller(app, secret)
    assert limited.json("GET", "/v1/me")["limits"]["running_jobs"] == 1
    assert "running_jobs" not in call.json("GET", "/v1/me")["limits"]
    first, _ = (limited.submit(dataset)["id"] for _ in range(2))
    slot = Slot("cpu", "worker:1", "worker:")
    with database.write() as session:
        claim = scheduling.claim(session, slot, 15)
        assert claim is not None
        assert (claim.job_id, scheduling.claim(session, slot, 15)) == (first, None)
