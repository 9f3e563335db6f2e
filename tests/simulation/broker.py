"""A broker that loses, repeats, delays and reorders messages, below the real queue's code."""

from collections.abc import Callable
from random import Random
from types import SimpleNamespace
from typing import Any

from kombu.exceptions import OperationalError as BrokerAway

from steepest.spec.errors import Unavailable
from store.queue import Queue
from tests.simulation.loop import Loop


class Broker:
    """In place of the Celery application."""

    def __init__(self, loop: Loop, random: Random, sent: Callable[[str], None]) -> None:
        self.waiting: list[str] = []
        """Messages that workers may take."""
        self.under_way: list[str] = []
        self.losing = self.repeating = self.delaying = 0.0
        """Which part of the messages."""
        self.away_until = 0.0
        self.log: Callable[[str], None] = lambda _: None
        self.arrived: Callable[[], None] = lambda: None
        self._loop, self._random, self._sent = loop, random, sent

    def heal(self) -> None:
        """Be a good one from now on. What was lost stays lost."""
        self.losing = self.repeating = self.delaying = self.away_until = 0.0

    def send_task(self, task: str, *, args: tuple[str], **_: Any) -> None:
        """Take a message."""
        if self.away_until > self._loop.now:
            raise BrokerAway("away")
        self._sent(args[0])
        draw = self._random.random
        copies = 0 if draw() < self.losing else 2 if draw() < self.repeating else 1
        self.log(f"message {args[0][-6:]} x{copies}")
        for _copy in range(copies):
            delay = draw() * 40 if draw() < self.delaying else draw() * 0.1
            self.under_way.append(args[0])
            self._loop.after(delay, lambda: self._arrive(args[0]))

    def take(self) -> str | None:
        """A message for a worker, and not always the oldest."""
        if not self.waiting or self.away_until > self._loop.now:
            return None
        place = self._random.randrange(len(self.waiting)) if self._random.random() < self.delaying else 0
        return self.waiting.pop(place)

    def llen(self, _: str) -> int:
        """How many messages wait; all are for one queue."""
        return len(self.waiting)

    def _arrive(self, subject: str) -> None:
        self.under_way.remove(subject)
        self.waiting.append(subject)
        self.arrived()


class VirtualQueue(Queue):
    """The queue's own code over the virtual broker."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._app: Any = broker

    def waiting(self) -> frozenset[str]:
        return frozenset(self._ask(lambda _: (*self._broker.waiting, *self._broker.under_way)))

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        if self._broker.away_until > self._broker._loop.now:
            raise Unavailable("The broker is away.")
        return question(SimpleNamespace(client=self._broker))
