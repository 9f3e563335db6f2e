"""Judges what clients saw and what the database holds, once the faults are over."""

import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from safetensors.numpy import load
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from steepest.spec.outcome import Environment
from steepest.spec.states import JobState
from store import blobs, orphans
from store.database import Database
from store.models import BlobRow, CheckpointRow, EpochRow, EventRow, JobRow
from tests.faults.clients import Asked, History
from tests.faults.shapes import CHECKPOINT_SECONDS
from tests.faults.watcher import Watcher
from tests.invariants import violations

REDONE_SECONDS = CHECKPOINT_SECONDS + 5.0
"""One interval, and what a busy machine may add: a chunk of an epoch, a write that waits, a checkpoint under way."""
SWEPT_AFTER = timedelta(days=1)
IDLE_SECONDS = 1.0
BUSY_SHARE = 0.5
EXCUSED = frozenset({"poison", "out_of_memory", "disk_full"})
"""Errors that a starved or often killed attempt may end with; its owner retries."""

Arrays = dict[str, tuple[str, tuple[int, ...], bytes]]


@dataclass(frozen=True)
class Calm:
    """How a shape ends undisturbed."""

    epochs: int
    environment: Environment | None
    weights: Mapping[str, Arrays]
    """By the kind of checkpoint."""


@dataclass
class Verdict:
    """What was found."""

    jobs: Counter[str] = field(default_factory=Counter)
    """Asked for, by how they ended."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    redone: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    attempts: int = 0

    @property
    def broken(self) -> list[str]:
        """Each violation, in a line."""
        return [*self.lost, *self.doubled, *self.unexpected]


def calm_of(database: Database, job_id: str) -> Calm:
    """What an undisturbed job of a shape left."""
    with database.read() as session:
        row = session.scalars(select(JobRow).where(JobRow.id == job_id)).one()
        kept = {kind: _weights(database, session, job_id, kind) for kind in ("best", "last")}
        return Calm(row.epoch, row.environment, kept)


def judge(
    database: Database,
    history: History,
    calm: Mapping[str, Calm],
    watcher: Watcher,
    known: set[str],
    damaged: set[str],
) -> Verdict:
    """Everything that must be true.

    `known` are jobs that the driver itself asked for; `damaged`, those whose state was damaged, which may begin anew.
    """
    verdict = Verdict(unexpected=[*history.wrong, *violations(database)])
    asked = {each.name: each for each in history.asked}
    with database.read() as session:
        rows = session.scalars(select(JobRow).where(JobRow.id.not_in(known))).all()
        by_name = defaultdict(list)
        for row in rows:
            by_name[row.resolved_spec.name or row.id].append(row)
        for name, same in by_name.items():
            if name not in asked:
                verdict.unexpected.append(f"{same[0].id} ({name}) was asked for by nobody")
            if len(same) > 1:
                verdict.doubled.append(f"{name} is {[row.id for row in same]}")
        for each in asked.values():
            found = {row.id: row for row in by_name.get(each.name, [])}
            _of_asked(each, found, verdict)
            if each.id in found and found[each.id].status is JobState.SUCCEEDED:
                row = found[each.id]
                verdict.unexpected += _of_winner(database, session, each, row, calm[each.shape])
            for row in found.values():
                verdict.attempts += row.attempt
                if row.id not in damaged:
                    verdict.redone += watcher.redone(row.id, database)
    verdict.unexpected += [
        f"{seconds:.1f} s of work were done again" for seconds in verdict.redone if seconds > REDONE_SECONDS
    ]
    verdict.unexpected += _orphans(database)
    return verdict


def _of_asked(asked: Asked, found: Mapping[str, JobRow], verdict: Verdict) -> None:
    verdict.failures.update(asked.failures)
    if strange := set(asked.failures) - EXCUSED:
        verdict.unexpected.append(f"{asked.id} ({asked.shape}) failed with {sorted(strange)}")
    if asked.id is None:
        verdict.jobs["not acknowledged"] += 1
        return
    row = found.get(asked.id)
    if row is None:
        verdict.jobs["deleted"] += 1
        if not asked.deleted:
            verdict.lost.append(f"{asked.id} ({asked.name}) was acknowledged, and is gone")
        return
    verdict.jobs[row.status.value] += 1
    if asked.deleted:
        verdict.unexpected.append(f"{asked.id} was deleted, and is there")
    if row.status is JobState.SUCCEEDED or (row.status is JobState.CANCELLED and asked.cancelled):
        return
    if row.status is JobState.FAILED and asked.cancelled:
        return
    verdict.lost.append(f"{asked.id} ({asked.name}, {asked.shape}) is {row.status.value}, attempt {row.attempt}")


def _of_winner(database: Database, session: Session, asked: Asked, row: JobRow, calm: Calm) -> Iterator[str]:
    name = f"{row.id} ({asked.shape}, attempt {row.attempt})"
    ends = select(func.count()).where(EventRow.job_id == row.id, EventRow.status == JobState.SUCCEEDED)
    if (wins := session.scalar(ends)) != 1:
        yield f"{name} succeeded {wins} times"
    epochs = session.scalar(select(func.count()).where(EpochRow.job_id == row.id))
    if not epochs == row.epoch == calm.epochs:
        yield f"{name} has {epochs} epochs and says {row.epoch}; the calm run had {calm.epochs}"
    if not row.bit_exact:
        yield f"{name} says that it is not exact to the bit"
    if row.environment != calm.environment:
        yield f"{name} was trained in {row.environment}, the calm run in {calm.environment}"
    for kind, arrays in calm.weights.items():
        if _weights(database, session, row.id, kind) != arrays:
            yield f"{name}: its {kind} weights are not those of the calm run"


def _weights(database: Database, session: Session, job_id: str, kind: str) -> Arrays:
    row = session.scalars(
        select(CheckpointRow).where(CheckpointRow.job_id == job_id, getattr(CheckpointRow, f"is_{kind}"))
    ).one()
    content = blobs.read_all(database, blobs.get(session, row.account_id, row.blob_id))
    return {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in load(content).items()}


def _orphans(database: Database) -> Iterator[str]:
    """Blobs that a sweep in a day's time leaves, and that nothing refers to."""
    with Database(database.url.render_as_string(hide_password=False), clock=_tomorrow) as later:
        while orphans.sweep(later) + orphans.remove(later):
            pass
        with later.read() as session:
            for blob_id in session.scalars(select(BlobRow.id).where(~orphans.in_use())):
                yield f"{blob_id} is an orphan, and stays"


def _tomorrow() -> datetime:
    return datetime.now(UTC) + SWEPT_AFTER


def busy(pids: list[int]) -> list[int]:
    """Processes that compute, although there is nothing to do."""
    before = {pid: _ticks(pid) for pid in pids}
    time.sleep(IDLE_SECONDS)
    tick = os.sysconf("SC_CLK_TCK")
    return [pid for pid in pids if (_ticks(pid) - before[pid]) / tick > BUSY_SHARE * IDLE_SECONDS]


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
