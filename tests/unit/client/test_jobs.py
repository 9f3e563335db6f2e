import json
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import httpx
import pytest

from steepest.client import Unreachable
from steepest.client.jobs import OUTAGE
from steepest.spec.answers import Dataset, Job
from steepest.spec.errors import Conflict, NotFound, Unavailable
from steepest.spec.job import JobSpec
from steepest.spec.states import JobState
from steepest.spec.training import Layer
from tests.unit.client.fake import DATASET, JOB, FakeService, problem


def sent(service: FakeService) -> Any:
    return json.loads(service.requests[-1].content)


def test_keywords_are_sent_as_they_are_and_nothing_else() -> None:
    service = FakeService()
    job = service.client().jobs.create(dataset=DATASET, target="species", epochs=7, layers=[{"units": 3}])
    assert sent(service) == {"dataset": DATASET, "target": "species", "epochs": 7, "layers": [{"units": 3}]}
    assert (job.id, job.status) == (JOB, JobState.QUEUED)


def test_a_spec_sends_what_was_set_and_keywords_count() -> None:
    service = FakeService()
    dataset = Dataset.model_validate(service.dataset("ready"))
    spec = JobSpec(dataset="ds_other", target="species", layers=(Layer(units=3),), epochs=7)
    service.client().jobs.create(spec, dataset=dataset, epochs=9)
    assert sent(service) == {"dataset": DATASET, "target": "species", "layers": [{"units": 3}], "epochs": 9}


def test_a_dict_is_a_spec_too_and_stays_as_it_was() -> None:
    service = FakeService()
    spec = {"dataset": DATASET, "target": "species"}
    service.client().jobs.create(spec, seed=3)
    assert sent(service) == {**spec, "seed": 3}
    assert "seed" not in spec


def test_nan_is_sent_for_the_service_to_name() -> None:
    service = FakeService()
    service.faults = [problem(Conflict("never mind"))]
    with pytest.raises(Conflict):
        service.client().jobs.create(dataset=DATASET, target="species", split={"test": float("nan")})
    assert sent(service)["split"] == {"test": "NaN"}


def test_what_json_cannot_say_is_refused_here() -> None:
    service = FakeService()
    with pytest.raises(ValueError, match="object cannot be sent as JSON"):
        service.client().jobs.create(dataset=DATASET, target="species", metadata={"a": object()})
    assert service.requests == []


def test_validate_creates_nothing() -> None:
    service = FakeService()
    found = service.client().jobs.validate(dataset=DATASET, target="species")
    assert (found.parameters, found.rows.training, found.resolved_spec.task) == (451, 106, "multiclass")
    assert service.requests[-1].url.params["validate_only"] == "true"
    assert "Idempotency-Key" not in service.requests[-1].headers


def test_lists_fetch_a_page_when_it_is_asked_for() -> None:
    service = FakeService()
    service.ids = [f"job_{number}" for number in range(5)]
    jobs = service.client().jobs.list(page_size=2)
    assert service.requests == []
    assert [job.id for job in islice(jobs, 2)] == ["job_0", "job_1"]
    assert len(service.requests) == 1
    assert [job.id for job in jobs] == ["job_2", "job_3", "job_4"]
    assert [request.url.params.get("after") for request in service.requests] == [None, "job_1", "job_3"]


def test_filters_become_the_contracts_parameters() -> None:
    service = FakeService()
    created_after = datetime(2026, 1, 2, tzinfo=UTC)
    list(
        service.client().jobs.list(
            status="running", dataset=DATASET, name="n", metadata={"team": "a b"}, created_after=created_after
        )
    )
    assert dict(service.requests[0].url.params) == {
        "status": "running", "dataset": DATASET, "name": "n", "metadata[team]": "a b",
        "created_after": "2026-01-02T00:00:00+00:00", "limit": "100",
    }  # fmt: skip


def test_waiting_polls_with_the_last_etag_until_the_end() -> None:
    service = FakeService(epochs=3)
    seen: list[tuple[str, int]] = []
    job = service.client().jobs.wait(JOB, on_progress=lambda job: seen.append((job.status, job.progress.epoch)))
    assert job.status is JobState.SUCCEEDED
    assert seen == [("running", 0), ("running", 1), ("running", 2), ("running", 3), ("succeeded", 3)]
    first, second, *_ = service.requests
    assert "wait" not in first.url.params
    assert "If-None-Match" not in first.headers
    assert second.url.params["wait"] == "30"
    assert second.headers["If-None-Match"] == '"running0"'


def test_nothing_new_is_not_told_twice() -> None:
    service = FakeService(epochs=1)
    client, seen = service.client(), list[Job]()
    job = client.jobs.get(JOB)
    service.faults = [lambda request: service.route(request), httpx.Response(304), httpx.Response(304)]
    client.jobs.wait(job, on_progress=seen.append)
    assert [job.status for job in seen] == ["running", "succeeded"]


def test_a_job_that_failed_is_returned_and_says_why() -> None:
    job = FakeService(ends="failed").client().jobs.wait(JOB)
    assert job.error is not None
    assert (job.error.code, job.error.fault) == ("diverged", "user")


def test_waiting_outlives_a_restart_of_the_service() -> None:
    service = FakeService(epochs=1)
    client = service.client()
    away = [httpx.ConnectError("refused")] * 12
    service.faults = [lambda request: service.route(request), *away, problem(Unavailable("starting"))]
    assert client.jobs.wait(JOB).status is JobState.SUCCEEDED


def test_waiting_gives_up_a_service_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    service = FakeService()
    service.faults = [lambda request: service.route(request), *[httpx.ConnectError("refused")] * 10_000]
    now = 0.0

    def tick() -> float:
        nonlocal now
        now += OUTAGE / 20
        return now

    monkeypatch.setattr("steepest.client.jobs.time.monotonic", tick)
    with pytest.raises(Unreachable):
        service.client().jobs.wait(JOB)


def test_a_service_that_was_never_there_is_an_error_at_once() -> None:
    service = FakeService()
    service.faults = [httpx.ConnectError("refused")] * 5
    with pytest.raises(Unreachable):
        service.client().jobs.wait(JOB)
    assert len(service.requests) == 2


def test_waiting_has_an_end_of_its_own() -> None:
    with pytest.raises(TimeoutError, match="it goes on"):
        FakeService().client().jobs.wait(JOB, timeout=0)


def test_pause_resume_and_retry() -> None:
    service = FakeService()
    client = service.client()
    job = client.jobs.create(dataset=DATASET, target="species")
    assert job.pause().status is JobState.PAUSED
    assert client.jobs.resume(JOB).status is JobState.QUEUED
    with pytest.raises(Conflict, match="is queued"):
        job.retry()
    service.status = "failed"
    assert client.jobs.retry(job).status is JobState.QUEUED


def test_cancel_and_delete() -> None:
    service = FakeService()
    client = service.client()
    assert client.jobs.cancel(JOB).status is JobState.CANCELLED
    with pytest.raises(Conflict, match="is cancelled"):
        client.jobs.cancel(JOB)
    client.jobs.delete(JOB)
    with pytest.raises(NotFound, match="job_x"):
        client.jobs.get("job_x")


def test_histories_are_typed_and_may_begin_in_the_middle() -> None:
    service = FakeService()
    client = service.client()
    client.jobs.wait(JOB)
    assert [epoch.epoch for epoch in client.jobs.epochs(JOB)] == [1, 2, 3, 4]
    assert [epoch.validation_loss for epoch in client.epochs.list(JOB, after=2)] == [2 / 3, 2 / 4]
    assert [event.type for event in client.jobs.events(JOB)] == ["job.queued", "job.running"]
    assert [checkpoint.kinds for checkpoint in client.checkpoints.list(JOB)] == [["best"]]


def test_update_sends_only_what_changes() -> None:
    service = FakeService()
    service.client().jobs.update(JOB, name="better")
    assert (service.requests[-1].method, sent(service)) == ("PATCH", {"name": "better"})
    service.client().jobs.update(JOB, metadata={})
    assert sent(service) == {"metadata": {}}
