import copy
import logging
import pickle
from typing import Any

import httpx
import pytest

from steepest.client import Client, NotUnderstood, Retries, Unreachable
from steepest.spec.errors import (
    Conflict,
    FieldProblem,
    InternalError,
    SteepestError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    ValidationFailed,
)
from tests.unit.client.fake import DATASET, JOB, KEY, URL, FakeService, problem


def keys(service: FakeService) -> list[str | None]:
    return [request.headers.get("Idempotency-Key") for request in service.requests]


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("server disconnected"),
        httpx.ReadTimeout("slow"),
        problem(Unavailable("the database is away")),
        problem(TooManyRequests("slower, please")),
        httpx.Response(502, html="<h1>Bad gateway</h1>"),
    ],
)
def test_what_passes_is_waited_out(fault: Any) -> None:
    service = FakeService()
    service.faults = [fault]
    assert service.client().jobs.get(JOB).id == JOB
    assert len(service.requests) == 2


def test_a_create_repeats_its_own_idempotency_key_and_no_other() -> None:
    service = FakeService()
    client = service.client()
    service.faults = [httpx.ReadError("reset"), problem(Unavailable("away"))]
    client.jobs.create(dataset=DATASET, target="species")
    client.jobs.create(dataset=DATASET, target="species")
    first, second, third, fourth = keys(service)
    assert first == second == third
    assert first is not None
    assert fourth not in (None, first)
    assert {request.content for request in service.requests} == {
        b'{"dataset":"%s","target":"species"}' % DATASET.encode()
    }


def test_a_first_attempt_that_is_still_at_work_is_waited_for() -> None:
    service = FakeService()
    service.faults = [httpx.ReadTimeout("slow"), problem(Conflict("still being answered"), Retry_After="1")]
    assert service.client().jobs.create(dataset=DATASET, target="species").id == JOB


def test_any_other_conflict_is_the_callers() -> None:
    service = FakeService()
    service.faults = [problem(Conflict("the data set is not ready"))]
    with pytest.raises(Conflict, match="not ready"):
        service.client().jobs.create(dataset=DATASET, target="species")
    assert len(service.requests) == 1


def test_a_delete_is_repeated_only_if_it_cannot_have_happened() -> None:
    service = FakeService()
    service.faults = [httpx.ConnectError("refused"), problem(Unavailable("away"))]
    service.client().jobs.delete(JOB)
    assert len(service.requests) == 3
    service.faults = [httpx.ReadError("reset")]
    with pytest.raises(Unreachable):
        service.client().jobs.delete(JOB)
    assert len(service.requests) == 4


def test_pauses_follow_the_service_and_attempts_end() -> None:
    pauses: list[float] = []
    busy = [problem(TooManyRequests("slower, please"), Retry_After="2") for _ in range(9)]
    transport = httpx.MockTransport(lambda _: busy.pop())
    client = Client(URL, KEY, transport=transport, retries=Retries(attempts=4, sleep=pauses.append))
    with pytest.raises(TooManyRequests, match="slower"):
        client.account()
    assert len(pauses) == 3
    assert min(pauses) >= 2.0
    assert len(busy) == 5


def test_a_refusal_is_not_repeated() -> None:
    service = FakeService()
    service.faults = [problem(InternalError("an unexpected error"))]
    with pytest.raises(InternalError) as caught:
        service.client().account()
    assert caught.value.request_id == "req_7"
    assert len(service.requests) == 1


def test_every_field_problem_arrives() -> None:
    wrong = [
        FieldProblem(pointer="/epochs", detail="too few"),
        FieldProblem(pointer="/layers/0/unit", detail="unknown"),
    ]
    service = FakeService()
    service.faults = [problem(ValidationFailed("wrong in two places", problems=wrong))]
    with pytest.raises(ValidationFailed) as caught:
        service.client().jobs.create(dataset=DATASET, target="species", epochs=0)
    assert caught.value.problems == wrong
    assert caught.value.problem().request_id == "req_7"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_an_error_page_of_a_proxy_means_that_the_service_is_away(status: int) -> None:
    service = FakeService()
    service.faults = [httpx.Response(status, html="<h1>Down</h1>", headers={"X-Request-Id": "proxy_1"})] * 6
    with pytest.raises(Unavailable, match=f"{status} .* without saying why") as caught:
        service.client().account()
    assert caught.value.request_id == "proxy_1"


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, html="<h1>It works!</h1>"), httpx.Response(200, json={"id": 1})]
)
def test_an_answer_of_something_else_is_not_understood(answer: httpx.Response) -> None:
    service = FakeService()
    service.faults = [answer]
    with pytest.raises(NotUnderstood, match="no steepest service, or of another version"):
        service.client().jobs.get(JOB)


def test_a_service_that_answered_before_is_given_more_time_than_a_stranger() -> None:
    service = FakeService()
    client = service.client()
    service.faults = [httpx.ConnectError("Connection refused")] * 2
    with pytest.raises(Unreachable):
        client.jobs.get(JOB)
    client.jobs.get(JOB)
    service.faults = [httpx.ConnectError("Connection refused")] * 5
    assert client.jobs.get(JOB).id == JOB


def test_a_redirection_is_told_and_not_followed() -> None:
    service = FakeService()
    service.faults = [httpx.Response(301, headers={"Location": "https://elsewhere.example.com/v1/me"})]
    with pytest.raises(SteepestError, match=r"points to https://elsewhere\.example\.com"):
        service.client().account()
    assert len(service.requests) == 1


def test_nothing_listening_is_one_message_with_address_and_remedy() -> None:
    service = FakeService()
    service.faults = [httpx.ConnectError("Connection refused")] * 9
    with pytest.raises(Unavailable) as caught:
        service.client().jobs.get(JOB)
    assert isinstance(caught.value, Unreachable)
    assert URL in caught.value.detail
    assert "make up" in caught.value.detail
    assert "\n" not in caught.value.detail


def test_another_machine_is_not_started_with_make() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    client = Client(
        "https://training.example.com", KEY, transport=httpx.MockTransport(refuse), retries=Retries(attempts=1)
    )
    with pytest.raises(Unreachable, match=r"https://training\.example\.com") as caught:
        client.account()
    assert "make up" not in caught.value.detail


def test_silence_is_told_from_refusal() -> None:
    service = FakeService()
    service.faults = [httpx.ReadTimeout("slow")] * 9
    with pytest.raises(Unreachable, match="did not answer in time"):
        service.client().account()


def test_without_a_key_the_remedy_is_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEEPEST_API_KEY", raising=False)
    transport = httpx.MockTransport(lambda _: problem(Unauthenticated("no key")))
    with pytest.raises(Unauthenticated, match="STEEPEST_API_KEY"):
        Client("http://elsewhere:8000", transport=transport).account()


def test_a_wrong_key_is_the_services_to_explain() -> None:
    service = FakeService()
    service.faults = [problem(Unauthenticated("this key was revoked"))]
    with pytest.raises(Unauthenticated, match="revoked"):
        service.client().account()


def test_the_key_is_sent_and_never_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    service = FakeService()
    client = service.client()
    service.faults = [problem(InternalError("no"))]
    with pytest.raises(SteepestError) as caught:
        client.account()
    assert service.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    shown = [
        repr(client),
        str(client),
        repr(vars(client)),
        repr(vars(client._session)),
        caplog.text,
        repr(caught.value),
    ]
    assert not any(KEY in text for text in shown)


@pytest.mark.parametrize("name", ["", "..", "../me", "a/b", "job_1?x=1", "job 1"])
def test_what_is_no_id_never_becomes_a_path(name: str) -> None:
    service = FakeService()
    with pytest.raises(ValueError, match="is no id"):
        service.client().jobs.get(name)
    assert service.requests == []


def test_the_client_closes_its_connections() -> None:
    with FakeService().client() as client:
        client.jobs.get(JOB)
    with pytest.raises(RuntimeError, match="closed"):
        client.jobs.get(JOB)


def test_a_client_is_shared_by_copies_and_keeps_its_key_to_itself() -> None:
    client = Client("http://127.0.0.1:9999", "stp_of_mine")
    assert copy.deepcopy({"client": client})["client"] is client
    packed = pickle.dumps(client)
    assert b"stp_of_mine" not in packed
    assert pickle.loads(packed).url == client.url
