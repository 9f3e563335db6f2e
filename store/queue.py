"""The queue: tells workers that there is something to claim. A message is a hint; the reconciler repeats lost ones."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog
from kombu.exceptions import KombuError, OperationalError
from redis.exceptions import RedisError

from steepest.spec.errors import Unavailable
from store.celery_settings import COMPUTATIONS, COMPUTE, CPU, GPU, INGEST, QUEUES, SHORT, TRAIN, celery_app

log = structlog.get_logger(__name__)

MOST_READ: Final = 5_000
"""Messages of a queue that are looked through; with more, everything is taken to be waiting in it."""

_ATTEMPTS: Final = {"max_retries": 1, "interval_start": 0.0, "interval_step": 0.1, "interval_max": 0.2}
"""A connection that went stale is noticed by the first attempt; the second takes a new one."""


class Queue:
    """Announcements by way of the broker. Opens no connection before it is used."""

    def __init__(self, broker_url: str) -> None:
        self._app = celery_app("store.queue", broker_url)

    def announce_job(self, job_id: str, device: str = CPU) -> None:
        """Say that a job is queued, to the workers of its device. Never fails: the reconciler will say it again."""
        self._send(TRAIN, GPU if device == GPU else CPU, job_id)

    def announce_dataset(self, dataset_id: str) -> None:
        """Say that a data set waits to be read. Never fails: the reconciler will say it again."""
        self._send(INGEST, SHORT, dataset_id)

    def announce_computation(self, computation_id: str) -> None:
        """Say that a long computation is queued. Never fails: the reconciler will say it again."""
        self._send(COMPUTE, COMPUTATIONS, computation_id)

    def ping(self) -> None:
        """Ask the broker for a sign of life.

        Raises:
            Unavailable: it gives none.
        """
        self._ask(lambda channel: channel.client.ping() if hasattr(channel, "client") else None)

    def waiting(self) -> frozenset[str] | None:
        """The ids that messages in the broker speak of; None when there are too many to look through.

        Raises:
            Unavailable: the broker does not answer.
        """
        found: set[str] = set()
        for queue in QUEUES:
            messages = self._ask(partial(_messages, queue))
            if messages is None:
                return None
            found |= subjects(messages)
        return frozenset(found)

    def prompt_job(self, job_id: str, device: str) -> None:
        """Announce a job unless messages wait for its device already, of which any will do. Never fails."""
        try:
            empty = self._ask(lambda channel: not (hasattr(channel, "client") and channel.client.llen(device)))
        except Unavailable:
            return
        if empty:
            self.announce_job(job_id, device)

    def close(self) -> None:
        """Close every connection."""
        self._app.close()

    def _send(self, task: str, queue: str, subject: str) -> None:
        try:
            # The subject is also the message's id, by which `waiting` finds it.
            self._app.send_task(task, args=(subject,), task_id=subject, queue=queue, retry=True, retry_policy=_ATTEMPTS)
        except (OperationalError, KombuError, RedisError, OSError) as error:
            log.warning("announcement_failed", task=task, subject=subject, reason=str(error)[:300])

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0, timeout=2)
                return question(connection.default_channel)
        except (OperationalError, KombuError, RedisError, OSError) as error:
            raise Unavailable("The broker does not answer; the same request may succeed in a moment.") from error


def _messages(queue: str, channel: Any) -> list[bytes] | None:
    """The raw messages of a queue; None when there are too many. Other brokers than Redis do not show theirs."""
    if not hasattr(channel, "client"):
        return []
    if channel.client.llen(queue) > MOST_READ:
        return None
    messages: list[bytes] = channel.client.lrange(queue, 0, -1)
    return messages


def subjects(messages: Iterable[bytes]) -> frozenset[str]:
    """What raw messages speak of: the ids that `Queue` gave them. Those of others are passed over."""
    found = set()
    for message in messages:
        with suppress(ValueError, KeyError, TypeError):
            found.add(str(json.loads(message)["headers"]["id"]))
    return frozenset(found)
