"""A clock that is set back by an hour keeps nobody waiting for an hour."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from steepest.spec.states import JobState
from store import attempts, clock, idempotency, workers
from store.models import DEFAULT_ACCOUNT, IdempotencyRow, JobRow, WorkerRow
from tests.unit.store.world import LEASE, World

HOUR = 3600.0


def set_right(world: World) -> int:
    return clock.set_right(world.database, timedelta(seconds=LEASE))


def test_a_dead_workers_lease_ends_in_time(world: World) -> None:
    claim = world.running()
    world.clock.forward(-HOUR)
    assert set_right(world) == 1
    world.clock.forward(LEASE - 1)
    with world.database.write() as session:
        assert attempts.expire(session, claim.job_id, claim.attempt) is None
    world.clock.forward(1)
    with world.database.write() as session:
        assert attempts.expire(session, claim.job_id, claim.attempt) is JobState.QUEUED


def test_who_lives_keeps_its_job(world: World) -> None:
    claim = world.running()
    world.clock.forward(-HOUR)
    set_right(world)
    world.clock.forward(LEASE / 3)
    with world.database.write() as session:
        assert attempts.renew(session, claim, LEASE) is JobState.RUNNING
    assert set_right(world) == 0
    assert world.job(claim.job_id).lease_until == world.clock() + timedelta(seconds=LEASE)


@pytest.mark.parametrize("seconds", [0.0, -LEASE / 2, LEASE, HOUR])
def test_a_clock_that_is_right_changes_nothing(world: World, seconds: float) -> None:
    claim = world.running()
    world.submit()
    until = world.job(claim.job_id).lease_until
    world.clock.forward(seconds)
    assert set_right(world) == 0
    assert world.job(claim.job_id).lease_until == until


def test_all_that_is_timed_is_set_right(world: World) -> None:
    job_id = world.submit().id
    with world.database.write() as session:
        idempotency.reserve(session, DEFAULT_ACCOUNT, "key", None)
        workers.beat(session, "a worker", ["cpu"], 1)
        later = world.clock() + timedelta(minutes=5)
        session.execute(update(JobRow).where(JobRow.id == job_id).values(announce_at=later))
    world.clock.forward(-HOUR)
    assert set_right(world) == 3
    with world.database.read() as session:
        (reserved,) = session.scalars(select(IdempotencyRow.reserved_until))
        (seen,) = session.scalars(select(WorkerRow.seen_at))
    assert reserved == world.clock() + idempotency.RESERVED
    assert seen == world.clock()
    announce_at = world.job(job_id).announce_at
    assert announce_at is not None
    assert announce_at <= world.clock() + timedelta(minutes=5)
    assert set_right(world) == 0
