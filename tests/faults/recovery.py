"""How soon things happen that people wait for: one at a time, and nothing else goes on.

A job runs again after its process or its whole worker was killed; a worker that is told to stop hands its job back; a
job that is cancelled or paused stops.
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any, Final

from sqlalchemy import select

from steepest.spec.states import JobState
from store.database import Database
from store.models import JobRow
from tests.faults.clients import Client
from tests.faults.stacks import Stack
from tests.integration.embedded.processes import eventually

ENDLESS: Final = {"epochs": 200_000, "layers": [{"units": 64}, {"units": 64}]}
LONG_EPOCHS: Final = {"epochs": 100, "layers": [{"units": 2_048}, {"units": 2_048}], "batch_size": 1}
"""Each takes a minute or more."""

MAIN_STARTS: Final = 8.0
"""Seconds after which there is a worker again in the place of one that ended."""
CHILD_STARTS: Final = 3.5
"""Whoever dies within three seconds of its start is started again ever more slowly."""

CHILDREN: Final = 20
MAINS: Final = 10
STOPS: Final = 20


class Waiting:
    """Measures on a stack that nothing else disturbs.

    Args:
        stack: Whose processes are hit.
        client: Who asks.
        database: Where to look.
        small: A spec whose epochs are short.
        large: One on data of which an epoch can be long.
    """

    def __init__(
        self, stack: Stack, client: Client, database: Database, small: Mapping[str, Any], large: Mapping[str, Any]
    ) -> None:
        self._stack, self._client, self._database = stack, client, database
        self._short, self._long = dict(small) | ENDLESS, dict(large) | LONG_EPOCHS
        self._seconds: dict[str, list[float]] = {}
        self._jobs = 0

    def measure(self) -> None:
        """All of it, and print each figure as it is known."""
        self._struck("training process killed, running again", signal.SIGKILL, CHILDREN)
        self._struck("worker killed, running again", signal.SIGKILL, MAINS, main=True)
        self._struck("worker told to stop, running again", signal.SIGTERM, MAINS, main=True)
        self._asked("cancel", JobState.CANCELLED, self._short, "short epochs")
        self._asked("cancel", JobState.CANCELLED, self._long, "an epoch of a minute")
        self._asked("pause", JobState.PAUSED, self._short, "short epochs")
        self._asked("pause", JobState.PAUSED, self._long, "an epoch of a minute")

    def _struck(self, what: str, number: signal.Signals, times: int, *, main: bool = False) -> None:
        with self._job(self._short) as job_id:
            for _ in range(times):
                attempt, child = self._under_way(job_id)
                pid = child
                if main:
                    pid = next(each for each in self._stack.mains("worker") if child in self._stack.below(each))
                struck = time.monotonic()
                os.kill(pid, number)
                if number == signal.SIGTERM:
                    eventually(partial(self._is_free, job_id, attempt), "the job to be handed back")
                    self._note("worker told to stop, job handed back", struck)
                eventually(partial(self._is_later, job_id, attempt), "the next attempt")
                self._note(what, struck)
                time.sleep(MAIN_STARTS if main else CHILD_STARTS)
        self._print()

    def _asked(self, request: str, state: JobState, spec: dict[str, Any], when: str) -> None:
        for number in range(STOPS):
            with self._job(spec, f"{request} {when} {number}") as job_id:
                self._under_way(job_id)
                began = time.monotonic()
                self._client.ask("POST", f"/v1/jobs/{job_id}/{request}")
                eventually(partial(self._is, job_id, state), f"the job to be {state.value}")
                self._note(f"{request} in {when}", began)
        self._print()

    @contextmanager
    def _job(self, spec: dict[str, Any], name: str = "waited for") -> Iterator[str]:
        self._jobs += 1
        key = f"{name} {self._jobs}"
        answer = self._client.ask("POST", "/v1/jobs", key, json=spec | {"name": key})
        job_id = str(answer.json()["id"])
        yield job_id
        self._client.ask("POST", f"/v1/jobs/{job_id}/cancel")
        eventually(partial(self._is, job_id, JobState.CANCELLED), "the job to end")
        self._client.ask("DELETE", f"/v1/jobs/{job_id}")  # the disk is small

    def _under_way(self, job_id: str) -> tuple[int, int]:
        """The attempt that trains, and its process."""
        row = eventually(lambda: found if (found := self._row(job_id)).worker and found.reached else None, "training")
        assert row is not None
        return row.attempt, int((row.worker or "").rpartition("/")[2])

    def _is_free(self, job_id: str, attempt: int) -> bool:
        """Of that attempt."""
        row = self._row(job_id)
        return row.attempt > attempt or row.worker is None

    def _is_later(self, job_id: str, attempt: int) -> bool:
        return self._row(job_id).attempt > attempt

    def _is(self, job_id: str, state: JobState) -> bool:
        return self._row(job_id).status is state

    def _row(self, job_id: str) -> JobRow:
        with self._database.read() as session:
            return session.scalars(select(JobRow).where(JobRow.id == job_id)).one()

    def _note(self, what: str, since: float) -> None:
        self._seconds.setdefault(what, []).append(time.monotonic() - since)

    def _print(self) -> None:
        for what, found in self._seconds.items():
            print(f"  {what:<42}median {median(found):.2f} s, longest {max(found):.2f} s, of {len(found)}", flush=True)
        self._seconds.clear()
