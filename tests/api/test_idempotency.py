"""`Idempotency-Key`: done once, answered as often as it is asked."""

import io
import threading
from typing import Any

import pytest
from apiflask import APIFlask

from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue

KEY = {"Idempotency-Key": "4f6c-1"}
CSV = {"content_type": "text/csv"}


def test_a_job_sent_again_is_the_same_job(call: Caller, dataset: str, queue: RecordingQueue) -> None:
    body = {"dataset": dataset, "target": "species"}
    first = call("POST", "/v1/jobs", 201, json=body, headers=KEY)
    call("POST", f"{first.headers['Location']}/cancel")
    again = call("POST", "/v1/jobs", 201, json=body, headers=KEY)
    assert again.data == first.data
    assert again.headers["Location"] == first.headers["Location"]
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert len(call.json("GET", "/v1/jobs")["data"]) == 1
    assert queue.announced.count(first.get_json()["id"]) == 1


def test_another_body_under_the_same_key_is_422(call: Caller, dataset: str) -> None:
    call("POST", "/v1/jobs", 201, json={"dataset": dataset, "target": "species"}, headers=KEY)
    call("POST", "/v1/jobs", 422, json={"dataset": dataset, "target": "colour"}, headers=KEY)
    assert len(call.json("GET", "/v1/jobs")["data"]) == 1


def test_a_refused_create_leaves_the_key_free(call: Caller, dataset: str) -> None:
    call("POST", "/v1/jobs", 422, json={"dataset": dataset, "target": "nothing"}, headers=KEY)
    call("POST", "/v1/jobs", 201, json={"dataset": dataset, "target": "species"}, headers=KEY)


def test_a_first_answer_outlives_the_data_set(call: Caller, dataset: str) -> None:
    body = {"dataset": dataset, "target": "species"}
    first = call("POST", "/v1/jobs", 201, json=body, headers=KEY)
    call("POST", f"{first.headers['Location']}/cancel")
    call("DELETE", f"/v1/datasets/{dataset}", 204)
    assert call("POST", "/v1/jobs", 201, json=body, headers=KEY).data == first.data


def test_validating_needs_no_key_and_takes_none(call: Caller, dataset: str) -> None:
    body = {"dataset": dataset, "target": "species"}
    call("POST", "/v1/jobs?validate_only=true", json=body, headers=KEY)
    call("POST", "/v1/jobs", 201, json=body, headers=KEY)


def test_an_upload_sent_again_is_the_same_data_set(call: Caller, flowers: bytes, queue: RecordingQueue) -> None:
    first = call("POST", "/v1/datasets?name=a", 201, data=flowers, headers=KEY, **CSV)
    again = call("POST", "/v1/datasets?name=a", 201, data=flowers, headers=KEY, **CSV)
    assert again.data == first.data
    assert len(queue.announced) == 1
    call("POST", "/v1/datasets?name=a", 422, data=flowers + b"1,2,red,setosa\n", headers=KEY, **CSV)
    call("POST", "/v1/datasets?name=b", 422, data=flowers, headers=KEY, **CSV)
    call("POST", "/v1/datasets?name=a", 422, data=flowers, headers=KEY, content_type="application/octet-stream")
    assert len(call.json("GET", "/v1/datasets")["data"]) == 1


def test_a_form_sent_again_may_have_another_boundary(call: Caller, flowers: bytes) -> None:
    answers = [
        call(
            "POST",
            "/v1/datasets",
            201,
            data={"file": (io.BytesIO(flowers), "a.csv", "text/csv")},
            content_type="multipart/form-data",
            headers=KEY,
        ).data
        for _ in range(2)
    ]
    assert answers[0] == answers[1]


def test_keys_of_different_accounts_are_different(call: Caller, stranger: Caller, flowers: bytes) -> None:
    first = call("POST", "/v1/datasets", 201, data=flowers, headers=KEY, **CSV)
    other = stranger("POST", "/v1/datasets", 201, data=flowers, headers=KEY, **CSV)
    assert first.get_json()["id"] != other.get_json()["id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "schlüssel", "a\tb"])
def test_a_malformed_key_is_400(call: Caller, dataset: str, key: str) -> None:
    body = {"dataset": dataset, "target": "species"}
    call("POST", "/v1/jobs", 400, json=body, headers={"Idempotency-Key": key})


def test_while_the_first_is_being_answered_the_second_is_409_and_told_when_to_ask(call: Caller, flowers: bytes) -> None:
    arrived, go_on, content = threading.Event(), threading.Event(), io.BytesIO(flowers)

    class Slow(io.RawIOBase):
        """Bytes that come late."""

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # narrower than WriteableBuffer
            arrived.set()
            assert go_on.wait(20)
            return content.readinto(buffer)

    answers: list[Any] = []

    def upload() -> None:
        body = {"wsgi.input": Slow(), "CONTENT_LENGTH": str(len(flowers))}
        answers.append(call("POST", "/v1/datasets", 201, environ_overrides=body, headers=KEY, **CSV))

    thread = threading.Thread(target=upload)
    thread.start()
    assert arrived.wait(20)
    refused = call("POST", "/v1/datasets", 409, data=flowers, headers=KEY, **CSV)
    assert int(refused.headers["Retry-After"]) >= 1
    go_on.set()
    thread.join(20)
    assert call("POST", "/v1/datasets", 201, data=flowers, headers=KEY, **CSV).data == answers[0].data


def test_many_at_the_same_time_create_one(app: APIFlask, call: Caller, dataset: str) -> None:
    body = {"dataset": dataset, "target": "species"}
    statuses: list[int] = []

    def submit() -> None:
        client = app.test_client()
        for _ in range(50):
            answer = client.post("/v1/jobs", json=body, headers={**call.headers, **KEY})
            if answer.status_code != 409:
                break
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [201] * 6
    assert len(call.json("GET", "/v1/jobs")["data"]) == 1


def test_without_a_key_each_create_makes_one(call: Caller, dataset: str) -> None:
    assert call.submit(dataset)["id"] != call.submit(dataset)["id"]
