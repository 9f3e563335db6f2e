"""A broker in memory, below the queue's own code, whose every call goes through the shim."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

from kombu.exceptions import OperationalError as BrokerAway

from store.queue import Queue
from tests.integration.life.faults import Kind, Sites


class Message(NamedTuple):
    """A hint that there is something to claim."""

    queue: str
    task: str
    subject: str


class Broker:
    """In place of the Celery application, of its channel and of the channel's client."""

    def __init__(self, sites: Sites, messages: list[Message], is_committed: Callable[[str], bool]) -> None:
        self.messages = messages
        self.early: list[str] = []
        """What was announced before it was committed."""
        self._sites, self._is_committed = sites, is_committed

    def send_task(self, task: str, *, args: tuple[str], queue: str, **_: Any) -> None:
        """Put a message in its queue."""
        if not self._is_committed(args[0]):
            self.early.append(args[0])
        self._ask(f"send {task}", lambda: self.messages.append(Message(queue, task, args[0])))

    @contextmanager
    def connection_for_write(self) -> Iterator[SimpleNamespace]:
        """A connection, opened when it is asked to be."""
        yield SimpleNamespace(
            ensure_connection=lambda **_: self._ask("connect", lambda: None),
            default_channel=SimpleNamespace(client=self),
        )

    def llen(self, queue: str) -> int:
        """How many messages wait in a queue."""
        return len(self.lrange(queue, 0, -1, "llen"))

    def lrange(self, queue: str, _first: int, _last: int, name: str = "lrange") -> list[bytes]:
        """The raw messages of a queue."""
        act = lambda: [  # noqa: E731
            json.dumps({"headers": {"id": subject}}).encode() for where, _, subject in self.messages if where == queue
        ]
        found: list[bytes] = self._ask(name, act)
        return found

    def _ask(self, name: str, act: Callable[[], Any]) -> Any:
        return self._sites.pass_through(f"{Kind.BROKER}: {name}", act, BrokerAway("away"))


class WatchedQueue(Queue):
    """The queue's own code over the broker in memory."""

    def __init__(self, broker: Broker) -> None:
        self._app: Any = broker
