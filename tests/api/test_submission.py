"""`POST /v1/jobs`: what is resolved, what is refused and where, and what is never lost."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select

from store.database import Database
from store.models import JobRow
from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop


def test_the_least_that_works(call: Caller, dataset: str, queue: RecordingQueue) -> None:
    body = {"dataset": dataset, "target": "species"}
    answer = call("POST", "/v1/jobs", 201, json=body)
    job = answer.get_json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert queue.announced[-1] == job["id"]
    assert (job["object"], job["status"], job["is_terminal"], job["attempt"]) == ("job", "queued", False, 0)
    assert (job["dataset"], job["name"], job["metadata"], job["result"]) == (dataset, None, {}, None)
    assert job["spec"]["task"] == "auto"
    resolved = job["resolved_spec"]
    assert (resolved["task"], resolved["output_activation"]) == ("multiclass", "softmax")
    assert resolved["loss"]["name"] == "categorical_crossentropy"
    assert resolved["features"] == ["length", "width", "colour"]
    assert (resolved["batch_size"], resolved["epochs"], resolved["split"]["method"]) == (32, 1000, "stratified")
    assert job["progress"] == {"epoch": 0, "epochs": 1000, "fraction": 0.0, "eta_seconds": None}
    assert [each["status"] for each in job["transitions"]] == ["queued"]
    assert datetime.fromisoformat(job["created_at"]).utcoffset() is not None
    assert call.json("GET", answer.headers["Location"]) == job


def test_features_are_taken_in_the_data_sets_order(call: Caller, dataset: str) -> None:
    assert call.submit(dataset, features=["width", "length"])["resolved_spec"]["features"] == ["length", "width"]


def test_validate_only_says_what_would_be_trained_and_creates_nothing(
    call: Caller, dataset: str, queue: RecordingQueue
) -> None:
    before = list(queue.announced)
    body = {"dataset": dataset, "target": "species", "layers": [{"units": 8}, {"units": 4}]}
    told = call.json("POST", "/v1/jobs?validate_only=true", json=body)
    # Two numbers and two colours in; three classes out.
    assert told["parameters"] == (4 * 8 + 8) + (8 * 4 + 4) + (4 * 3 + 3)
    assert told["rows"] == {"training": 42, "validation": 9, "test": 9}
    assert told["memory_bytes"] > 10 << 20
    assert told["resolved_spec"]["layers"][1]["units"] == 4
    assert told["object"] == "job_validation"
    assert (call.json("GET", "/v1/jobs")["data"], queue.announced) == ([], before)


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"target": None}, ["/target"]),
        ({"target": "specie"}, ["/target"]),
        ({"target": "colour", "features": ["colour", "lenght", "width", "width"]},
         ["/features/0", "/features/1", "/features/3"]),
        ({"epochs": 0, "batch_size": "all", "layer": [], "seed": 1.5},
         ["/batch_size", "/epochs", "/layer", "/seed"]),
        ({"layers": [{"units": "8"}, {"activation": "rleu"}]}, ["/layers/0/units", "/layers/1/activation"]),
        ({"epochs": -1, "target": "specie", "features": ["widht"]}, ["/epochs", "/features/0", "/target"]),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, ["/optimizer/momentum"]),
        ({"loss": {"name": "binary_crossentropy"}}, ["/target"]),
        ({"task": "regression"}, ["/target"]),
        ({"metadata": {"": "x", "k": 3}}, ["/metadata/", "/metadata/k"]),
        ({"layers": [{"units": 65_536}, {"units": 65_536}]}, ["/layers"]),
        ({"epochs": 1_001}, ["/epochs"]),
        ({"epochs": 1_001, "layers": [{"units": 60_000}, {"units": 60_000}]}, ["/epochs", "/layers"]),
        ({"dataset": "ds_" + "0" * 32, "epochs": 0}, ["/dataset", "/epochs"]),
        ({"dataset": 7}, ["/dataset"]),
        ({"split": {"validation": 0.6, "test": 0.6}}, ["/split"]),
    ],
)  # fmt: skip
def test_every_problem_is_named_at_once(
    call: Caller, dataset: str, fields: dict[str, Any], pointers: list[str]
) -> None:
    body = {"dataset": dataset, "target": "species", **fields}
    assert sorted(call.pointers("POST", "/v1/jobs", json=body)) == pointers
    assert sorted(call.pointers("POST", "/v1/jobs?validate_only=true", json=body)) == pointers


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": {"name": "lbfgs"}},
        {"layers": [{"dropout": 0.5}]},
        {"priority": 3},
        {"warm_start": {"job": "job_x"}},
        {"target": ["species", "colour"]},
        {"task": "multilabel"},
    ],
)
def test_what_a_later_release_brings_says_so(call: Caller, dataset: str, fields: dict[str, Any]) -> None:
    assert call.submit(dataset, 422, **fields)["code"] == "not_yet_supported"


def test_the_nearest_name_is_suggested(call: Caller, dataset: str) -> None:
    refused = call.submit(dataset, 422, optimiser={"name": "adam"})
    assert 'did you mean "optimizer"' in refused["errors"][0]["detail"]
    assert 'did you mean "species"' in call.submit(dataset, 422, target="specie")["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [(b"a,b\n1,x\n2,x\n", "one distinct value"), (b"a,b\n1,\n2,\n", "no values"), (b"a,b\n", None)],
)
def test_a_target_that_cannot_be_learned(call: Caller, workshop: Workshop, rows: bytes, says: str | None) -> None:
    made = call.upload(rows)
    workshop.ingest(made)
    if says is None:  # a file without rows
        assert call.json("GET", f"/v1/datasets/{made}")["status"] == "failed"
        call.submit(made, 409, target="b")
        return
    refused = call.submit(made, 422, target="b")
    assert refused["errors"][0]["pointer"] == "/target"
    assert says in refused["detail"]


def test_a_data_set_that_is_still_being_read_is_409(call: Caller, flowers: bytes) -> None:
    assert "wait" in call.submit(call.upload(flowers), 409)["detail"]


def test_a_broker_that_is_away_does_not_fail_the_create(
    call: Caller, dataset: str, database: Database, queue: RecordingQueue
) -> None:
    queue.away = True
    made = call.submit(dataset)
    with database.read() as session:
        row = session.scalars(select(JobRow).where(JobRow.id == made["id"])).one()
        assert row.announce_at is not None, "the reconciler will announce it"


def test_a_job_is_announced_only_once_it_is_committed(
    call: Caller, dataset: str, database: Database, queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def announce(job_id: str, device: str) -> None:
        with database.read() as session:
            seen.append(session.get(JobRow, job_id) is not None)

    monkeypatch.setattr(queue, "announce_job", announce)
    call.submit(dataset)
    assert seen == [True]
