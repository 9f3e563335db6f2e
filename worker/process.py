"""What one worker process holds: wired here, once, in the process that runs the tasks.

A worker's main process never opens the database: a connection (with SQLite, the driver's own locks) does not survive a
fork, and children are forked at any time.
"""

import os
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from steepest.run import numeric_environments
from store.celery_settings import CPU, GPU
from store.database import Database
from store.queue import Queue
from store.settings import Settings
from worker.cache import Cache
from worker.drain import Drain
from worker.identity import Identity
from worker.memory import usable_bytes

CONNECTIONS: Final = 4
"""The task, its lease, the sign of life, and one to spare."""


@dataclass(frozen=True)
class Process:
    """The parts that tasks use."""

    settings: Settings
    identity: Identity
    database: Database
    queue: Queue
    cache: Cache
    drain: Drain

    @property
    def name(self) -> str:
        """Names this process in the rows that it holds."""
        return self.identity.child(os.getpid())

    @property
    def memory_bytes(self) -> int:
        """What the jobs of all children of this worker together may use."""
        return self.settings.worker_memory_bytes or usable_bytes()

    @cached_property
    def environments(self) -> frozenset[str]:
        """The numeric environments that jobs may find here, by their hashes."""
        return frozenset(each.sha256 for each in numeric_environments(self.device))

    @property
    def device(self) -> str:
        """What the jobs of this worker run on."""
        return GPU if GPU in self.identity.queues else CPU


@cache
def this_process() -> Process:
    """The parts of the process that asks, made on first use."""
    settings, identity = Settings.from_environment(), Identity.read()
    return Process(
        settings=settings,
        identity=identity,
        database=Database(settings.database_url, connections=CONNECTIONS),
        queue=Queue(settings.broker_url),
        cache=Cache(settings.cache, settings.cache_bytes),
        drain=Drain(identity.drain),
    )
