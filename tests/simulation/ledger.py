"""What must be true after every commit, by an account of its own: what was before, who wrote, and what the rules say.

It reads rows as they are stored, and has its own copies of the rules, so that no mistake of the store is also here.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from tests.simulation.faults import BEGINNING, Faults, MemoryDatabase

EDGES: Final = {
    "queued": {"running", "cancelled", "paused", "failed"},
    "running": {"succeeded", "failed", "pausing", "cancelling", "queued"},
    "pausing": {"paused", "cancelling", "succeeded", "failed"},
    "cancelling": {"cancelled", "succeeded", "failed"},
    "paused": {"queued", "cancelled"},
    "failed": {"queued"},
    "succeeded": set(),
    "cancelled": set(),
}
HELD: Final = {"running", "pausing", "cancelling"}
TERMINAL: Final = {"succeeded", "failed", "cancelled"}
MOST_FAILURES: Final = 3
ENVIRONMENT_WAIT: Final = 20.0
"""Virtual seconds that a job waits for a worker of its own environment."""
ROUNDING: Final = 0.001
"""Stored times are whole microseconds."""


class Job(NamedTuple):
    """A row of `jobs`."""

    id: str
    status: str
    attempt: int
    worker: str | None
    lease_until: str | None
    failures: int
    epoch: int
    step: int
    reached: int
    reached_before: int
    last_event: int
    bit_exact: int
    announce_at: str | None
    key_id: str
    memory_bytes: int
    environment_sha256: str | None


class Checkpoint(NamedTuple):
    """A row of `checkpoints`, with the states of its blobs."""

    job: str
    epoch: int
    step: int
    attempt: int
    last: int
    blob: str | None
    state_blob_id: str | None
    state: str | None


_JOBS: Final = f"SELECT {', '.join(Job._fields)} FROM jobs ORDER BY id"
_CHECKPOINTS: Final = (
    "SELECT c.job_id, c.epoch, c.step, c.attempt, c.is_last, b.status, c.state_blob_id, s.status FROM checkpoints c "
    "LEFT JOIN blobs b ON b.id = c.blob_id LEFT JOIN blobs s ON s.id = c.state_blob_id "
    "ORDER BY c.job_id, c.epoch, c.step"
)
_EPOCHS: Final = "SELECT job_id, count(*), min(epoch), max(epoch), max(attempt) FROM epochs GROUP BY job_id"
_EMPTY: Final = (
    "SELECT id FROM blobs WHERE status = 'complete' AND size > 0 "
    "AND NOT EXISTS (SELECT 1 FROM chunks WHERE chunks.account_id = blobs.account_id AND blob_id = blobs.id)"
)
_EVENTS: Final = "SELECT number, type, status, data FROM events WHERE job_id = ? AND number > ? ORDER BY number"


@dataclass
class Ledger:
    """Keeps the rows as they were, and says what is wrong with each change."""

    database: MemoryDatabase
    faults: Faults
    """Whose clock is that of the rows."""
    clock: Callable[[], float]
    """That of the trace, which is always right."""
    lease_seconds: float
    harmed: Collection[str]
    """Workers that had trouble, and may lose what they hold."""
    living: Collection[str]
    deletable: Collection[str]
    """Jobs whose owner has asked to delete them."""
    limited_key: str
    """Of whose jobs one may be at work at a time."""
    memory_bytes: int = 1000
    """What the children of a worker may use together."""
    environment_of: Callable[[str], str] = lambda _: ""
    """The hash of the numeric environment of a worker's machine."""
    queued_at: dict[str, float] = field(default_factory=dict)
    """Since when a job waits."""
    problems: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    checkpoints: list[Checkpoint] = field(default_factory=list)

    def committed(self, actor: str) -> None:
        """Look at what a commit of `actor` has changed."""
        now = {row[0]: Job(*row) for row in self.database.rows(_JOBS)}
        points = [Checkpoint(*row) for row in self.database.rows(_CHECKPOINTS)]
        epochs = {row[0]: row[1:] for row in self.database.rows(_EPOCHS)}
        for gone in self.jobs.keys() - now.keys():
            if gone not in self.deletable or self.jobs[gone].status not in TERMINAL:
                self._say(gone, f"{actor} lost it, when it was {self.jobs[gone].status}")
            self.trace.append(f"{self.clock():.3f} {actor}: {gone[-6:]} deleted")
        for job_id, job in now.items():
            before = self.jobs.get(job_id)
            earlier, mine = ([point for point in each if point.job == job_id] for each in (self.checkpoints, points))
            if job != before:
                self.trace.append(f"{self.clock():.3f} {actor}: {job_id[-6:]} {' '.join(map(str, job[1:-4]))}")
                self._changed(actor, before, job, earlier)
            elif mine != earlier:
                self._fence(actor, job, job)
            if mine != earlier:
                self._bits(actor, job, mine)
            self._whole(job, mine, epochs.get(job_id, (0, None, None, 0)))
        self._room(actor, [job for job in now.values() if job.status in HELD])
        for (blob_id,) in self.database.rows(_EMPTY):
            self._say(blob_id, f"{actor} says that it is complete, and it has no bytes")
        self.jobs, self.checkpoints = now, points

    def _room(self, actor: str, held: list[Job]) -> None:
        """Limits of a key and of a worker's memory hold for what is at work."""
        if sum(job.key_id == self.limited_key for job in held) > 1:
            self._say(self.limited_key, f"{actor} let more than one of its jobs be at work")
        used = Counter[str]()
        for job in held:
            used[str(job.worker).partition("/")[0]] += job.memory_bytes
        for worker, size in used.items():
            if size > self.memory_bytes:
                self._say(worker, f"its jobs need {size} of {self.memory_bytes} bytes")

    def _changed(self, actor: str, before: Job | None, job: Job, points: list[Checkpoint]) -> None:
        events = self.database.rows(_EVENTS, job.id, before.last_event if before else 0)
        first = before.last_event + 1 if before else 1
        if [event[0] for event in events] != list(range(first, job.last_event + 1)):
            self._say(job.id, f"its new events are {[event[0] for event in events]}, from {first} to {job.last_event}")
        state = before.status if before else None
        for _, kind, status, data in events:
            self.trace.append(f"  {kind} {data}")
            if status is None:
                if kind == "job.resumed":
                    self._resumed(job, str(data), points)
                continue
            if status not in (EDGES[state] if state else {"queued"}):
                self._say(job.id, f"{actor} moved it from {state} to {status}")
            state = status
        if state != job.status:
            self._say(job.id, f"it is {job.status}, and its events say {state}")
        if job.status == "queued" and (before is None or before.status != "queued"):
            self.queued_at[job.id] = self.faults.clock
        if before is None:
            return
        self._fence(actor, before, job)
        self._place(actor, before, job)
        self._lease(before, job)
        self._failures(before, job, "".join(str(event[3]) for event in events), len(events))

    def _fence(self, actor: str, before: Job, job: Job) -> None:
        """What a worker changes of a job is its own, taken just now, or of a dead one."""
        if actor.startswith("worker"):
            mine = before.worker == actor and before.status in HELD
            taken = before.status == "queued" and job.worker == actor and job.attempt == before.attempt + 1
            buried = before.worker is not None and before.worker not in self.living
            if not (mine or taken or buried):
                self._say(job.id, f"{actor} wrote to it, and it was {before.status}, held by {before.worker}")
        if job.attempt != before.attempt and not (
            job.attempt == before.attempt + 1 and (before.status, job.status) == ("queued", "running")
        ):
            self._say(job.id, f"its attempt went from {before.attempt} to {job.attempt}")
        if job.epoch < before.epoch and not (actor == job.worker and before.worker == actor):
            self._say(job.id, f"{actor} set it back from epoch {before.epoch} to {job.epoch}")
        if job.reached < before.reached:
            self._say(job.id, f"{actor} made it forget that it reached step {before.reached}")

    def _place(self, actor: str, before: Job, job: Job) -> None:
        """A job goes on where it began, unless it has waited for long enough."""
        strange = before.environment_sha256 not in (None, self.environment_of(actor))
        if strange and job.attempt > before.attempt:
            waited = self.faults.clock - self.queued_at[job.id]
            if -ENVIRONMENT_WAIT <= waited < ENVIRONMENT_WAIT:
                self._say(job.id, f"{actor}, of another environment, took it after {waited:.3f} s")

    def _bits(self, actor: str, job: Job, points: list[Checkpoint]) -> None:
        """Weights of another environment than that in which the job began are told apart once they are stored."""
        strange = job.environment_sha256 not in (None, self.environment_of(actor))
        stored = any(point.attempt == job.attempt for point in points)
        if actor.startswith("worker") and stored and strange and job.bit_exact:
            self._say(job.id, f"{actor}, of another environment, stored weights that are said to be exact")

    def _lease(self, before: Job, job: Job) -> None:
        until = _seconds(job.lease_until)
        if until is None or job.lease_until == before.lease_until:
            return
        now, earlier = self.faults.clock, _seconds(before.lease_until)
        longest = now + self.lease_seconds + ROUNDING
        if until > longest:
            self._say(job.id, f"its lease lasts until {until:.3f}, and it is {now:.3f}")
        if until < now:
            self._say(job.id, f"its new lease ended at {until:.3f}, and it is {now:.3f}")
        # One that was taken by a fast clock lasts for too long once that is set right.
        if before.attempt == job.attempt and earlier is not None and until < earlier <= longest:
            self._say(job.id, "its lease became shorter")

    def _failures(self, before: Job, job: Job, data: str, events: int) -> None:
        """Only an attempt that ended without a word and got no further counts."""
        lost = "lease_expired" in data or "worker_lost" in data
        if "lease_expired" in data:
            if (_seconds(before.lease_until) or 0.0) > self.faults.clock + ROUNDING:
                self._say(job.id, "its lease was taken before its end")
            if before.worker in self.living and before.worker not in self.harmed:
                self._say(job.id, f"it was taken from {before.worker}, which is well")
        if "worker_lost" in data and before.worker in self.living:
            self._say(job.id, f"{before.worker} was buried alive")
        wanted = before.failures
        if lost:
            wanted = 0 if before.reached > before.reached_before else before.failures + 1
            poisoned = wanted >= MOST_FAILURES and before.status == "running"
            if poisoned is not (job.status == "failed"):
                self._say(job.id, f"it is {job.status} after {wanted} failures")
        elif (before.status, job.status) == ("failed", "queued"):
            wanted = 0
        if job.failures != wanted:
            self._say(job.id, f"it has {job.failures} failures and should have {wanted}")
        if events and job.attempt > before.attempt and job.reached_before != before.reached:
            self._say(job.id, "its attempt is measured by another place than the one it began at")

    def _resumed(self, job: Job, data: str, points: list[Checkpoint]) -> None:
        """An attempt goes on from the furthest state that was kept."""
        with_state = [(point.epoch, point.step) for point in points if point.state_blob_id]
        epoch, step = max(with_state, default=(0, 0))
        if f'"epoch":{epoch},' not in data.replace(" ", "") or f'"step":{step}' not in data.replace(" ", ""):
            self._say(job.id, f"it resumed at {data}, and its states are at {with_state}")

    def _whole(self, job: Job, points: list[Checkpoint], epochs: Any) -> None:
        count, lowest, highest, attempt = epochs
        if count != job.epoch or (count and (lowest, highest) != (1, count)):
            self._say(job.id, f"it has {count} epochs from {lowest} to {highest}, and finished {job.epoch}")
        if max(attempt, *(point.attempt for point in points), 0) > job.attempt:
            self._say(job.id, "something is of an attempt that did not begin")
        for point in points:
            if point.blob != "complete" or (point.state_blob_id and point.state != "complete"):
                self._say(
                    job.id, f"its checkpoint of epoch {point.epoch} has bytes that are {point.blob}, {point.state}"
                )
            if point.state_blob_id and job.status in ("succeeded", "cancelled"):
                self._say(job.id, "it keeps a state from which nobody will go on")
            if (point.epoch, point.step) > (job.epoch, max(job.step, 2)):
                self._say(job.id, f"it has a checkpoint of epoch {point.epoch}, and is at {job.epoch}")
        if sum(point.last for point in points) > 1:
            self._say(job.id, "it has several last checkpoints")

    def _say(self, job_id: str, problem: str) -> None:
        self.problems.append(f"{job_id}: {problem}")


def _seconds(stored: str | None) -> float | None:
    """A stored time by the virtual clock."""
    if stored is None:
        return None
    return (datetime.fromisoformat(stored).replace(tzinfo=BEGINNING.tzinfo) - BEGINNING).total_seconds()
