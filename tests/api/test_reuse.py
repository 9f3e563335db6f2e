"""Lineage of a real job, and jobs that need not be trained again."""

from typing import Any

import pytest

from steepest.run import code as code_of_run
from steepest.run.code import Code
from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop

SPEC: dict[str, Any] = {"layers": [{"units": 8}], "epochs": 6}


def test_a_job_shows_what_it_comes_from(call: Caller, workshop: Workshop, dataset: str) -> None:
    made = call.submit(dataset, **SPEC)
    before = made["lineage"]
    assert before["dataset_sha256"] == call.json("GET", f"/v1/datasets/{dataset}")["sha256"]
    assert (before["split_sha256"], before["code_version"], before["code_sha256"]) == (None, None, None)
    workshop.train(made["id"])
    after = call.json("GET", f"/v1/jobs/{made['id']}")["lineage"]
    assert after == before | {key: after[key] for key in ("split_sha256", "code_version", "code_sha256")}
    assert after["code_version"] == call.json("GET", "/healthz")["version"]
    assert after["code_sha256"] == code_of_run.code().sha256
    assert len(after["split_sha256"]) == 64
    assert call.json("GET", "/v1/jobs")["data"][0]["lineage"] == after


def test_the_split_has_the_same_hash_again_and_another_one_with_another_seed(
    call: Caller, workshop: Workshop, dataset: str
) -> None:
    def split(seed: int) -> str:
        made = call.submit(dataset, epochs=1, split={"seed": seed})
        workshop.train(made["id"])
        return str(call.json("GET", f"/v1/jobs/{made['id']}")["lineage"]["split_sha256"])

    assert split(1) == split(1) != split(2)


def test_an_equal_job_is_answered_instead_of_trained(
    call: Caller, job: dict[str, Any], dataset: str, queue: RecordingQueue
) -> None:
    announced = list(queue.announced)
    answer = call(
        "POST", "/v1/jobs", 200, json={"dataset": dataset, "target": "species", **SPEC, "name": "x", "reuse": True}
    )
    assert answer.get_json() == job
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert queue.announced == announced
    assert len(call.json("GET", "/v1/jobs")["data"]) == 1


def test_the_same_file_uploaded_again_is_the_same_data(
    call: Caller, workshop: Workshop, job: dict[str, Any], flowers: bytes
) -> None:
    again = call.upload(flowers)
    workshop.ingest(again)
    assert call.submit(again, 200, **SPEC, reuse=True)["id"] == job["id"]


def test_without_reuse_or_with_another_spec_a_job_is_trained(call: Caller, job: dict[str, Any], dataset: str) -> None:
    assert call.submit(dataset, **SPEC)["id"] != job["id"]
    assert call.submit(dataset, **SPEC, seed=1, reuse=True)["status"] == "queued"


def test_what_is_not_over_is_no_answer(call: Caller, dataset: str) -> None:
    waiting = call.submit(dataset, **SPEC, reuse=True)
    assert call.submit(dataset, **SPEC, reuse=True)["id"] != waiting["id"]


def test_other_code_trains_anew(
    call: Caller, job: dict[str, Any], dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.api.jobs.code", lambda: Code("0.1.0", "0" * 64))
    assert call.submit(dataset, **SPEC, reuse=True)["id"] != job["id"]


def test_validation_says_what_would_be_reused(call: Caller, job: dict[str, Any], dataset: str) -> None:
    def reuses(**fields: Any) -> Any:
        body = {"dataset": dataset, "target": "species", **SPEC, **fields}
        return call.json("POST", "/v1/jobs?validate_only=true", json=body)["reuses"]

    assert reuses(reuse=True) == job["id"]
    assert reuses() is None
    assert reuses(reuse=True, seed=1) is None


def test_a_key_stands_for_its_first_answer(call: Caller, workshop: Workshop, job: dict[str, Any], dataset: str) -> None:
    def submit(key: str, status: int) -> Any:
        body = {"dataset": dataset, "target": "species", **SPEC, "reuse": True}
        return call.json("POST", "/v1/jobs", status, json=body, headers={"Idempotency-Key": key})

    assert submit("a", 200) == job
    newer = call.submit(dataset, **SPEC)["id"]
    workshop.train(newer)
    assert submit("b", 200)["id"] == newer
    assert submit("a", 200) == job  # as it was answered, though a newer one is there


def test_a_created_job_stays_the_answer_of_its_key(call: Caller, workshop: Workshop, dataset: str) -> None:
    body = {"dataset": dataset, "target": "species", **SPEC, "reuse": True}
    headers = {"Idempotency-Key": "a"}
    made = call.json("POST", "/v1/jobs", 201, json=body, headers=headers)
    workshop.train(made["id"])
    assert call.json("POST", "/v1/jobs", 201, json=body, headers=headers)["id"] == made["id"]
    assert call.json("POST", "/v1/jobs", 200, json=body, headers={"Idempotency-Key": "b"})["id"] == made["id"]


def test_another_accounts_jobs_are_no_answer(
    stranger: Caller, workshop: Workshop, job: dict[str, Any], flowers: bytes
) -> None:
    mine = stranger.upload(flowers)
    workshop.ingest(mine)
    assert stranger.submit(mine, **SPEC, reuse=True)["id"] != job["id"]
