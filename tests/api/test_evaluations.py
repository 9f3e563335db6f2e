"""Evaluations: the one that comes with a job, and those that are asked for."""

from typing import Any

import pytest

from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop


def test_the_held_out_rows_are_evaluated_with_the_job(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}/evaluations"
    found = call.json("GET", f"{path}/held_out")
    assert (found["id"], found["object"], found["held_out"], found["status"]) == (
        "held_out", "evaluation", True, "succeeded",
    )  # fmt: skip
    assert (found["job"], found["dataset"], found["is_terminal"]) == (job["id"], job["dataset"], True)
    result = found["result"]
    assert result["figures"]["accuracy"] == job["result"]["test_accuracy"]
    assert [each["label"] for each in result["figures"]["classes"]] == ["setosa", "versicolor", "virginica"]
    assert len(result["worst_rows"]) == min(20, result["rows"])
    for worst in result["worst_rows"]:
        (row,) = call.json("GET", f"/v1/datasets/{job['dataset']}/rows?limit=1&after={worst['row']}")["data"]
        assert row["species"] == worst["target"]
    assert result["figures"]["curves"][0]["roc"]["thresholds"][0] == "Infinity"
    del found["result"]  # of which there may be megabytes
    assert call.json("GET", path)["data"] == [found]


def test_another_data_set_is_evaluated_as_a_long_computation(
    call: Caller, job: dict[str, Any], flowers: bytes, workshop: Workshop, queue: RecordingQueue
) -> None:
    other = call.upload(b"\n".join(flowers.splitlines()[:31]))
    workshop.ingest(other)
    path = f"/v1/jobs/{job['id']}/evaluations"
    made = call("POST", path, 201, json={"dataset": other, "permutation_importance": {"repeats": 2}})
    asked = made.get_json()
    address = made.headers["Location"]
    assert address == f"{path}/{asked['id']}"
    assert (asked["status"], asked["is_terminal"], asked["result"], asked["held_out"]) == ("queued", False, None, False)
    assert queue.announced[-1] == asked["id"]
    look = call("GET", address)
    assert look.headers["Retry-After"] == "1"
    workshop.compute(asked["id"])
    changed = call("GET", address, headers={"If-None-Match": look.headers["ETag"]})
    found = changed.get_json()
    assert "Retry-After" not in changed.headers
    assert (found["status"], found["is_terminal"], found["dataset"]) == ("succeeded", True, other)
    assert (found["result"]["rows"], found["result"]["left_out_rows"]) == (30, 0)
    importance = found["result"]["permutation_importance"]
    assert {each["column"] for each in importance["columns"]} == {"length", "width", "colour"}
    assert [len(each["drops"]) for each in importance["columns"]] == [2, 2, 2]
    call("GET", address, 304, headers={"If-None-Match": changed.headers["ETag"]})
    assert [each["id"] for each in call.json("GET", path)["data"]] == [asked["id"], "held_out"]
    first = call.json("GET", f"{path}?limit=1")
    assert [each["id"] for each in call.json("GET", f"{path}?limit=1&after={first['next']}")["data"]] == ["held_out"]


def test_one_evaluation_is_deleted_and_the_jobs_own_is_not(
    call: Caller, job: dict[str, Any], workshop: Workshop, stranger: Caller
) -> None:
    path = f"/v1/jobs/{job['id']}/evaluations"
    done, queued = (call.json("POST", path, 201, json={})["id"] for _ in range(2))
    workshop.compute(done)
    stranger("DELETE", f"{path}/{done}", 404)
    for each in (done, queued):
        call("DELETE", f"{path}/{each}", 204)
        call("DELETE", f"{path}/{each}", 404)
    workshop.compute(queued)  # of which the message is on its way
    assert "come with the job" in call.json("DELETE", f"{path}/held_out", 409)["detail"]
    assert [each["id"] for each in call.json("GET", path)["data"]] == ["held_out"]


def test_without_a_data_set_the_held_out_rows_are_evaluated_once_more(
    call: Caller, job: dict[str, Any], workshop: Workshop
) -> None:
    path = f"/v1/jobs/{job['id']}/evaluations"
    asked = call.json("POST", path, 201, json={"permutation_importance": {"repeats": 1, "seed": 4}})
    workshop.compute(asked["id"])
    found, held_out = call.json("GET", f"{path}/{asked['id']}"), call.json("GET", f"{path}/held_out")
    assert (found["held_out"], found["dataset"]) == (True, job["dataset"])
    assert found["result"]["figures"] == held_out["result"]["figures"]
    assert found["result"]["permutation_importance"]["seed"] == 4


def test_a_repeated_request_is_one_evaluation(call: Caller, job: dict[str, Any], queue: RecordingQueue) -> None:
    path, headers = f"/v1/jobs/{job['id']}/evaluations", {"Idempotency-Key": "one"}
    made = call("POST", path, 201, json={"dataset": job["dataset"]}, headers=headers)
    again = call("POST", path, 201, json={"dataset": job["dataset"]}, headers=headers)
    assert (again.get_json(), again.headers["Location"]) == (made.get_json(), made.headers["Location"])
    assert len(call.json("GET", path)["data"]) == 2
    call("POST", path, 422, json={}, headers=headers)


@pytest.mark.parametrize("kind", ["evaluations", "predictions"])
def test_a_data_set_that_cannot_serve_is_refused_at_once(
    call: Caller, job: dict[str, Any], workshop: Workshop, kind: str
) -> None:
    path = f"/v1/jobs/{job['id']}/{kind}"
    refused = call.json("POST", path, 422, json={"dataset": "ds_" + "f" * 32})
    assert [error["pointer"] for error in refused["errors"]] == ["/dataset"]
    waiting = call.upload(b"length,width,colour,species\n1,2,red,setosa\n")
    assert "validating" in call.json("POST", path, 409, json={"dataset": waiting})["detail"]
    odd = call.upload(b"length,colour,species\nlong,red,setosa\nshort,blue,setosa\n")
    workshop.ingest(odd)
    refused = call.json("POST", path, 422, json={"dataset": odd})
    assert [error["detail"] for error in refused["errors"]] == [
        'column "length" holds no numbers, and the network learned from numbers',
        'it has no column "width", a feature of the network',
    ]
    untold = call.upload(b"length,width,colour\n1,2,red\n2,3,blue\n")
    workshop.ingest(untold)
    call("POST", path, 201 if kind == "predictions" else 422, json={"dataset": untold})


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ({"dataset": 3}, ["/dataset"]),
        ({"data": "ds_"}, ["/data"]),
        ({"permutation_importance": {"repeats": 0}}, ["/permutation_importance/repeats"]),
        ({"permutation_importance": {"seeds": 1}}, ["/permutation_importance/seeds"]),
        ({"permutation_importance": 5}, ["/permutation_importance"]),
    ],
)
def test_bodies_that_are_none(call: Caller, job: dict[str, Any], body: Any, pointers: list[str]) -> None:
    assert call.pointers("POST", f"/v1/jobs/{job['id']}/evaluations", json=body) == pointers


def test_more_shuffles_than_the_limit_are_refused_with_the_number_that_fits(
    call: Caller, job: dict[str, Any], flowers: bytes, workshop: Workshop
) -> None:
    """Three features of each row are three predictions for each repeat, of a thousand allowed."""
    path = f"/v1/jobs/{job['id']}/evaluations"
    rows = call.json("GET", f"/v1/datasets/{job['dataset']}")["rows"]
    fits = 1_000 // (3 * rows)
    asked = {"dataset": job["dataset"], "permutation_importance": {"repeats": fits + 1}}
    (problem,) = call.json("POST", path, 422, json=asked)["errors"]
    assert problem["pointer"] == "/permutation_importance/repeats"
    assert f"the limit is 1,000. {fits} repeats would fit" in problem["detail"]
    asked["permutation_importance"]["repeats"] = fits
    call("POST", path, 201, json=asked)
    held_out = call.json("GET", f"{path}/held_out")["result"]["rows"]
    fits = 1_000 // (3 * held_out)
    call("POST", path, 201, json={"permutation_importance": {"repeats": fits}})
    refused = call.json("POST", path, 422, json={"permutation_importance": {"repeats": fits + 1}})
    assert f"{held_out} rows" in refused["errors"][0]["detail"]
    header, *lines = flowers.splitlines()
    large = call.upload(b"\n".join([header, *lines * 20, b""]))
    workshop.ingest(large)
    refused = call.json("POST", path, 422, json={"dataset": large, "permutation_importance": {"repeats": 1}})
    assert "Not even one would fit" in refused["errors"][0]["detail"]


def test_a_job_without_weights_has_no_evaluations_yet(call: Caller, dataset: str) -> None:
    path = f"/v1/jobs/{call.submit(dataset)['id']}/evaluations"
    assert "queued" in call.json("POST", path, 409, json={"dataset": dataset})["detail"]
    assert call.json("GET", path)["data"] == []
    assert "queued" in call.json("GET", f"{path}/held_out", 409)["detail"]
    call("GET", f"{path}/cmp_{'0' * 32}", 404)
    call("GET", f"{path}/first", 404)
    call("POST", path.replace("/evaluations", "/cancel"))
    assert "not succeeded" in call.json("GET", f"{path}/held_out", 404)["detail"]


def test_the_test_rows_of_a_data_set_that_is_gone_are_gone(call: Caller, job: dict[str, Any]) -> None:
    call("DELETE", f"/v1/datasets/{job['dataset']}", 204)
    path = f"/v1/jobs/{job['id']}/evaluations"
    assert "deleted" in call.json("POST", path, 409, json={})["detail"]
    assert call.json("GET", f"{path}/held_out")["status"] == "succeeded"


def test_a_data_set_stays_while_a_computation_needs_it_and_evaluations_go_with_the_job(
    call: Caller, job: dict[str, Any], workshop: Workshop
) -> None:
    path = f"/v1/jobs/{job['id']}/evaluations"
    asked = call.json("POST", path, 201, json={"dataset": job["dataset"]})
    assert asked["id"] in call.json("DELETE", f"/v1/datasets/{job['dataset']}", 409)["detail"]
    workshop.compute(asked["id"])
    call("DELETE", f"/v1/datasets/{job['dataset']}", 204)
    call("DELETE", f"/v1/jobs/{job['id']}", 204)
    call("GET", f"{path}/held_out", 404)


def test_a_job_without_test_rows_is_evaluated_on_other_rows_alone(
    call: Caller, workshop: Workshop, dataset: str
) -> None:
    job = call.submit(dataset, epochs=1, split={"test": 0.0})
    workshop.train(job["id"])
    path = f"/v1/jobs/{job['id']}/evaluations"
    assert "name a data set" in call.json("POST", path, 409, json={})["detail"]
    assert call.json("GET", path)["data"] == []
    call("POST", path, 201, json={"dataset": dataset})
