"""The reconciler as a process, with a real broker."""

import pytest

from steepest.spec.errors import Unavailable
from steepest.spec.states import JobState
from store import attempts
from tests.integration.stack import Stack, until
from tests.unit.store.world import Clock, World


@pytest.fixture
def world(stack: Stack) -> World:
    return World(stack.database, Clock())


def test_it_requeues_announces_and_ends_at_sigterm(stack: Stack, world: World) -> None:
    job = world.submit()
    with world.database.write() as session:
        lost = attempts.claim(session, job.id, "a worker that says no more", lease_seconds=0.1)
    assert lost is not None
    reconciler = stack.reconciler()
    until(lambda: world.job(lost.job_id).status is JobState.QUEUED)
    until(lambda: lost.job_id in (stack.queue.waiting() or ()))
    reconciler.drain()
    log = reconciler.log.read_text()
    assert "lease_expired" in log
    assert log.splitlines()[-1].count("reconciler_stopped") == 1
    assert world.job(lost.job_id).failures == 1


def test_the_broker_shows_what_waits_and_its_absence_is_noticed(stack: Stack, world: World) -> None:
    stack.queue.ping()
    dataset = world.dataset()
    job = world.submit(dataset)
    stack.queue.announce_job(job.id)
    stack.queue.announce_job("job_gpu", "gpu")
    stack.queue.announce_dataset(dataset.id)
    assert {job.id, "job_gpu", dataset.id} <= (stack.queue.waiting() or set())
    if not stack.owns_broker:
        return
    stack.stop_broker()
    with pytest.raises(Unavailable):
        stack.queue.ping()
    stack.queue.announce_job("job_2")  # said in vain, and harmless
    stack.start_broker()
    stack.queue.ping()
    stack.queue.announce_job("job_3")
    assert "job_3" in (stack.queue.waiting() or ())
