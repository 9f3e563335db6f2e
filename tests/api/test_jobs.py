"""Jobs: look, poll cheaply, wait, list, cancel, change, delete; events, epochs and checkpoints of a real one."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from sqlalchemy.orm import Session

from service.context import KEY
from steepest.spec.answers import Epoch
from steepest.spec.errors import Poison
from steepest.spec.outcome import Environment
from store import attempts, history, jobs
from store.database import Database
from store.models import DEFAULT_ACCOUNT
from store.settings import Settings
from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop


def test_a_finished_job(call: Caller, job: dict[str, Any]) -> None:
    assert (job["status"], job["is_terminal"], job["stopped_by"], job["attempt"]) == ("succeeded", True, "epochs", 1)
    assert job["progress"]["fraction"] == 1.0
    assert set(job["result"]) == {
        "epochs", "best_epoch", "parameters", "training_loss", "validation_loss", "test_loss",
        "training_accuracy", "validation_accuracy", "test_accuracy",
    }  # fmt: skip
    assert job["result"]["epochs"] == 6
    assert [each["status"] for each in job["transitions"]] == ["queued", "running", "succeeded"]
    assert job["environment"]["numpy"]
    assert job["bit_exact"] is True
    assert call.json("GET", "/v1/jobs")["data"] == [job]


def test_a_regression_has_its_own_figures(call: Caller, workshop: Workshop, dataset: str) -> None:
    made = call.submit(dataset, target="length", epochs=2)
    workshop.train(made["id"])
    found = call.json("GET", f"/v1/jobs/{made['id']}")
    assert {key for key in found["result"] if "r2" in key or "accuracy" in key} == {
        "training_r2", "validation_r2", "test_r2",
    }  # fmt: skip
    assert list(call.json("GET", "/v1/jobs?limit=1")["data"][0]["result"]) == list(found["result"])
    epoch = call.json("GET", f"/v1/jobs/{made['id']}/epochs")["data"][0]
    assert set(epoch) == {
        "epoch", "training_loss", "validation_loss", "training_r2", "validation_r2", "learning_rate", "seconds",
    }  # fmt: skip


def test_the_loss_history(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}/epochs"
    everything = call.json("GET", path)["data"]
    assert [each["epoch"] for each in everything] == [1, 2, 3, 4, 5, 6]
    assert set(everything[0]) == {
        "epoch", "training_loss", "validation_loss", "training_accuracy", "validation_accuracy",
        "learning_rate", "seconds",
    }  # fmt: skip
    page = call.json("GET", f"{path}?limit=4")
    assert (page["data"], page["has_more"], page["next"]) == (everything[:4], True, "4")
    assert call.json("GET", f"{path}?after=4")["data"] == everything[4:]
    sampled = [each["epoch"] for each in call.json("GET", f"{path}?points=3")["data"]]
    assert (sampled[0], sampled[-1], len(sampled)) == (1, 6, 3)
    assert call.pointers("GET", f"{path}?points=3&limit=2") == ["/query/points"]
    assert call.pointers("GET", f"{path}?points=1") == ["/query/points"]


def test_events_have_no_gaps(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}/events"
    events = call.json("GET", path)["data"]
    assert [each["number"] for each in events] == list(range(1, len(events) + 1))
    assert [each["type"] for each in events if each["type"] in ("job.queued", "job.running", "job.succeeded")] == [
        "job.queued", "job.running", "job.succeeded",
    ]  # fmt: skip
    page = call.json("GET", f"{path}?limit=1")
    assert call.json("GET", f"{path}?after={page['next']}")["data"] == events[1:]
    assert call.pointers("GET", f"{path}?after=-1") == ["/query/after"]


def test_checkpoints(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}/checkpoints"
    saved = call.json("GET", path)["data"]
    assert {kind for each in saved for kind in each["kinds"]} == {"initial", "best", "last"}
    assert [each["epoch"] for each in saved] == sorted(each["epoch"] for each in saved)
    page = call.json("GET", f"{path}?limit=1")
    assert call.json("GET", f"{path}?limit=9&after={page['next']}")["data"] == saved[1:]
    call("GET", f"{path}?after=x", 400)


def test_a_poll_is_cheap(call: Caller, job: dict[str, Any], dataset: str) -> None:
    path = f"/v1/jobs/{job['id']}"
    answer = call("GET", path)
    assert "Retry-After" not in answer.headers
    assert call("GET", path, 304, headers={"If-None-Match": answer.headers["ETag"]}).data == b""
    assert call("GET", path, headers={"If-None-Match": '"other"'}).get_json() == job
    assert call("HEAD", path).headers["ETag"] == answer.headers["ETag"]
    waiting = call.submit(dataset)
    assert int(call("GET", f"/v1/jobs/{waiting['id']}").headers["Retry-After"]) >= 1


def test_the_etag_differs_whenever_the_answer_does(
    call: Caller, dataset: str, database: Database, job: dict[str, Any]
) -> None:
    made = call.submit(dataset)["id"]
    environment = Environment.model_validate(job["environment"])
    record = Epoch(epoch=1, training_loss=1.0, training_accuracy=0.5, learning_rate=0.1, seconds=0.1)
    claims: list[attempts.Claim] = []

    def claim(session: Session) -> None:
        claims[:] = [found for found in [attempts.claim(session, made, "somebody", 60)] if found]

    changes: list[Callable[[Session], object]] = [
        claim,
        lambda session: attempts.renew(session, claims[0], 60),
        lambda session: attempts.start(session, claims[0], environment),
        lambda session: attempts.progress(session, claims[0], attempts.Position(0, 3, 10, 12.5)),
        lambda session: history.append(session, claims[0], [record]),
        lambda session: attempts.tell(session, claims[0], "job.note", {}),
        lambda session: jobs.change(session, DEFAULT_ACCOUNT, made, {"name": "renamed"}),
        lambda session: jobs.change(session, DEFAULT_ACCOUNT, made, {"metadata": {"a": "b"}}),
        lambda session: jobs.cancel(session, DEFAULT_ACCOUNT, made),
        lambda session: attempts.release(session, claims[0]),
    ]
    before, moved = call("GET", f"/v1/jobs/{made}"), 0
    for change in changes:
        with database.write() as session:
            change(session)
        after = call("GET", f"/v1/jobs/{made}")
        if after.data != before.data:
            moved += 1
            assert after.headers["ETag"] != before.headers["ETag"]
            call("GET", f"/v1/jobs/{made}", 200, headers={"If-None-Match": before.headers["ETag"]})
        call("GET", f"/v1/jobs/{made}", 304, headers={"If-None-Match": after.headers["ETag"]})
        before = after
    assert moved == 8


def test_a_change_of_name_or_metadata(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}"
    before = call("GET", path).headers["ETag"]
    assert call.json("PATCH", path, json={"metadata": {"team": "a"}})["name"] == "first"
    changed = call.json("PATCH", path, json={"name": "second"})
    assert (changed["name"], changed["metadata"]) == ("second", {"team": "a"})
    assert call("GET", path, headers={"If-None-Match": before}).get_json() == changed
    assert call.json("PATCH", path, json={"name": None, "metadata": {}})["metadata"] == {}
    assert call.pointers("PATCH", path, json={"status": "failed", "metadata": {"a": 1}}) == ["/metadata/a", "/status"]


def test_lists_filter_and_page(call: Caller, workshop: Workshop, dataset: str, flowers: bytes) -> None:
    other = call.upload(flowers)
    workshop.ingest(other)
    one = call.submit(dataset, name="one", metadata={"team": "a", "run": "1"})
    two = call.submit(dataset, name="two", metadata={"team": "a", "run": "2"})
    three = call.submit(other, name="two", metadata={"team": "b & c"})
    call("POST", f"/v1/jobs/{one['id']}/cancel")

    def listed(query: str) -> list[str]:
        return [each["id"] for each in call.json("GET", f"/v1/jobs?{query}")["data"]]

    assert listed("") == [three["id"], two["id"], one["id"]]
    assert listed("status=cancelled") == [one["id"]]
    assert listed(f"dataset={dataset}") == [two["id"], one["id"]]
    assert listed("name=two") == [three["id"], two["id"]]
    assert listed("metadata[team]=a") == [two["id"], one["id"]]
    assert listed("metadata[team]=a&metadata[run]=2") == [two["id"]]
    assert listed("metadata[team]=b%20%26%20c") == [three["id"]]
    assert listed(f"created_after={two['created_at']}") == [three["id"]]
    assert listed("created_after=2999-01-01T00:00:00%2B02:00") == []
    assert listed("created_after=0001-01-01T00:00:00Z") == [three["id"], two["id"], one["id"]]
    assert listed("created_after=9999-12-31T23:59:59Z") == []
    assert listed(f"name=two&dataset={dataset}&status=queued") == [two["id"]]
    page = call.json("GET", "/v1/jobs?limit=2")
    assert listed(f"limit=2&after={page['next']}") == [one["id"]]


def test_cancelling_a_queued_job(call: Caller, workshop: Workshop, dataset: str) -> None:
    path = f"/v1/jobs/{call.submit(dataset)['id']}"
    assert call.json("POST", f"{path}/cancel")["status"] == "cancelled"
    assert call.json("POST", f"{path}/cancel")["status"] == "cancelled"
    workshop.train(path.rsplit("/", 1)[1])
    assert call.json("GET", path)["attempt"] == 0


def test_pausing_and_resuming_a_queued_job(
    call: Caller, workshop: Workshop, queue: RecordingQueue, dataset: str
) -> None:
    made = call.submit(dataset)["id"]
    path = f"/v1/jobs/{made}"
    for _ in range(2):
        assert call.json("POST", f"{path}/pause")["status"] == "paused"
    workshop.train(made)
    assert call.json("GET", path)["attempt"] == 0
    queue.announced.clear()
    assert call.json("POST", f"{path}/resume")["status"] == "queued"
    assert queue.announced == [made]
    workshop.train(made)
    found = call.json("GET", path)
    assert [move["status"] for move in found["transitions"]] == ["queued", "paused", "queued", "running", "succeeded"]
    refused = call.json("POST", f"{path}/resume", 409)
    assert (refused["state"], refused["possible"]) == ("succeeded", ["delete"])


def test_retrying_a_failed_job(
    call: Caller, workshop: Workshop, queue: RecordingQueue, database: Database, dataset: str
) -> None:
    made = call.submit(dataset)["id"]
    path = f"/v1/jobs/{made}"
    assert "queued" in call.json("POST", f"{path}/resume")["status"]
    with database.write() as session:
        claim = attempts.claim(session, made, "somebody", 60)
        assert claim is not None
        attempts.fail(session, claim, Poison("It ended three times.", failures=3, attempt=3).error())
    assert call.json("GET", path)["error"]["code"] == "poison"
    queue.announced.clear()
    assert call.json("POST", f"{path}/retry")["status"] == "queued"
    assert queue.announced == [made]
    workshop.train(made)
    found = call.json("GET", path)
    assert (found["status"], found["error"], found["attempt"]) == ("succeeded", None, 2)


def test_what_a_state_forbids_is_409_and_says_the_state(call: Caller, job: dict[str, Any], dataset: str) -> None:
    assert "succeeded" in call.json("POST", f"/v1/jobs/{job['id']}/cancel", 409)["detail"]
    waiting = call.submit(dataset)
    assert "queued" in call.json("DELETE", f"/v1/jobs/{waiting['id']}", 409)["detail"]
    call("GET", f"/v1/jobs/{waiting['id']}")


def test_deleting_a_job_takes_all_of_it(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}"
    call("DELETE", path, 204)
    for address in (path, f"{path}/events", f"{path}/epochs", f"{path}/checkpoints", f"{path}/weights"):
        call("GET", address, 404)
    call("DELETE", path, 404)
    assert call.json("GET", "/v1/jobs")["data"] == []


class Waiter(threading.Thread):
    """A long poll in a thread of its own."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        super().__init__()
        self._ask = ask
        self.answer: Any = None
        self.start()

    def run(self) -> None:
        self.answer = self._ask()

    def result(self) -> Any:
        self.join(timeout=20)
        assert not self.is_alive()
        return self.answer


def waiting_in(app: APIFlask, threads: int = 1) -> None:
    """Until so many wait."""
    while app.extensions[KEY].watcher.waiting < threads:
        time.sleep(0.005)


def test_a_long_poll_ends_with_the_job(app: APIFlask, call: Caller, dataset: str) -> None:
    path = f"/v1/jobs/{call.submit(dataset)['id']}"
    waiter = Waiter(lambda: call.json("GET", f"{path}?wait=30"))
    waiting_in(app)
    call("PATCH", path, json={"name": "changed"})  # no end yet
    call("POST", f"{path}/cancel")
    assert waiter.result()["status"] == "cancelled"


def test_with_an_etag_a_long_poll_ends_with_any_change(
    app: APIFlask, call: Caller, dataset: str, database: Database, settings: Settings
) -> None:
    made = call.submit(dataset)
    path = f"/v1/jobs/{made['id']}"
    etag = call("GET", path).headers["ETag"]
    waiter = Waiter(lambda: call.json("GET", f"{path}?wait=30", headers={"If-None-Match": etag}))
    waiting_in(app)
    with database.write() as session:
        attempts.claim(session, made["id"], "somebody", 60)
    assert waiter.result()["status"] == "running"
    assert call("GET", f"{path}?wait=30", headers={"If-None-Match": etag}).get_json()["status"] == "running"


def test_a_long_poll_that_sees_no_change_ends_in_time(call: Caller, dataset: str) -> None:
    path = f"/v1/jobs/{call.submit(dataset)['id']}"
    etag = call("GET", path).headers["ETag"]
    call("GET", f"{path}?wait=0.2", 304, headers={"If-None-Match": etag})
    assert call.json("GET", f"{path}?wait=0.2")["status"] == "queued"


def test_waiting_for_a_finished_job_answers_at_once(call: Caller, job: dict[str, Any]) -> None:
    assert call.json("GET", f"/v1/jobs/{job['id']}?wait=30") == job


def test_a_job_that_is_deleted_while_somebody_waits_is_404(
    app: APIFlask, call: Caller, dataset: str, database: Database
) -> None:
    made = call.submit(dataset)["id"]
    waiter = Waiter(lambda: call("GET", f"/v1/jobs/{made}?wait=30", 404))
    waiting_in(app)
    with database.write() as session:
        jobs.cancel(session, DEFAULT_ACCOUNT, made)
        jobs.delete(session, DEFAULT_ACCOUNT, made)
    assert waiter.result().status_code == 404


def test_too_many_long_polls_answer_at_once_and_a_stop_frees_all(
    app: APIFlask, call: Caller, dataset: str, settings: Settings
) -> None:
    path = f"/v1/jobs/{call.submit(dataset)['id']}?wait=30"
    waiters = [Waiter(lambda: call.json("GET", path)) for _ in range(settings.streams)]
    waiting_in(app, settings.streams)
    assert call.json("GET", path)["status"] == "queued"
    assert app.extensions[KEY].watcher.waiting == settings.streams
    app.extensions[KEY].watcher.close()
    assert [waiter.result()["status"] for waiter in waiters] == ["queued"] * settings.streams
    assert call.json("GET", path)["status"] == "queued"


@pytest.mark.parametrize("wait", ["-1", "31", "soon", "nan"])
def test_wait_has_bounds(call: Caller, dataset: str, wait: str) -> None:
    path = f"/v1/jobs/{call.submit(dataset)['id']}"
    assert call.pointers("GET", f"{path}?wait={wait}") == ["/query/wait"]
