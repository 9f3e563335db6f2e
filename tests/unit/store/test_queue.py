"""Messages carry ids and are hints: what cannot be sent is logged, not raised."""

import json

import pytest
from kombu import Connection

from steepest.spec.errors import Unavailable
from store import celery_settings
from store.queue import Queue, subjects

NOWHERE = "redis+socket:///nonexistent/valkey.sock"


@pytest.fixture
def broker() -> str:
    """An empty broker in this process's memory."""
    url = "memory://"
    with Connection(url) as connection:
        for name in celery_settings.QUEUES:
            simple = connection.SimpleQueue(name)
            simple.clear()
            simple.close()
    return url


def received(url: str, name: str) -> list[tuple[str, list[object], str]]:
    """Task, arguments and message id of everything in a queue."""
    found = []
    with Connection(url) as connection:
        simple = connection.SimpleQueue(name)
        while simple.qsize():
            message = simple.get_nowait()
            message.ack()
            found.append((message.headers["task"], message.decode()[0], message.headers["id"]))
        simple.close()
    return found


def test_a_job_is_announced_to_the_workers_of_its_device(broker: str) -> None:
    queue = Queue(broker)
    queue.announce_job("job_1")
    queue.announce_job("job_2", "gpu")
    queue.announce_dataset("ds_1")
    queue.announce_computation("cmp_1")
    assert received(broker, "cpu") == [("steepest.train", ["job_1"], "job_1")]
    assert received(broker, "gpu") == [("steepest.train", ["job_2"], "job_2")]
    assert received(broker, "short") == [("steepest.ingest", ["ds_1"], "ds_1")]
    assert received(broker, "computations") == [("steepest.compute", ["cmp_1"], "cmp_1")]
    queue.close()


def test_a_broker_that_is_away_fails_no_announcement(capsys: pytest.CaptureFixture[str]) -> None:
    queue = Queue(NOWHERE)
    queue.announce_job("job_1")
    queue.announce_dataset("ds_1")
    assert capsys.readouterr().out.count("announcement_failed") == 2
    for ask in (queue.ping, queue.waiting):
        with pytest.raises(Unavailable, match="broker"):
            ask()
    queue.close()


def test_a_broker_that_answers_says_nothing(broker: str) -> None:
    queue = Queue(broker)
    queue.ping()
    assert queue.waiting() == frozenset()
    queue.close()


def test_the_ids_are_read_from_the_messages_and_rubbish_is_passed_over() -> None:
    message = json.dumps({"headers": {"id": "job_1"}}).encode()
    assert subjects([message, b"rubbish", b"[]", b"{}", b'{"headers": null}']) == {"job_1"}


def test_the_settings_that_long_jobs_need_are_in_force() -> None:
    app = celery_settings.celery_app("test", "memory://")
    wanted = {
        "task_ignore_result": True,
        "task_acks_late": False,
        "task_reject_on_worker_lost": False,
        "worker_disable_prefetch": True,
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_remote_control": True,
        "worker_soft_shutdown_timeout": 0,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "task_create_missing_queues": False,
        "task_serializer": "json",
        "accept_content": ["json"],
    }
    assert {name: app.conf[name] for name in wanted} == wanted
    assert [queue.name for queue in app.conf.task_queues] == ["cpu", "gpu", "short", "computations"]
    app.close()
