"""A job that starts from another's weights keeps them, whatever becomes of the other."""

import pytest

from steepest.spec.errors import ValidationFailed
from steepest.spec.job import WarmStart
from store import attempts, checkpoints, jobs, lineage, orphans, warm_starts
from store.checkpoints import Weights
from store.models import JobRow
from tests.unit.store.world import RESULT, World


def trained(world: World, weights: bytes = b"the best weights") -> JobRow:
    claim = world.running()
    with world.database.write() as session:
        checkpoints.save(session, claim, 2, 0, {"best", "last"}, world.blob(weights))
    with world.database.write() as session:
        return attempts.finish(session, claim, RESULT, "epochs")


def first_weights(world: World, job: JobRow) -> Weights | None:
    with world.database.read() as session:
        return checkpoints.weights(session, world.account_id, job.id, "initial")


def test_the_weights_are_the_initial_checkpoint_from_the_beginning(world: World) -> None:
    source = trained(world)
    with world.database.read() as session:
        best = checkpoints.weights(session, world.account_id, source.id, "best")
    for named in ("best", "last", "2"):
        job = world.submit(None, warm_start={"job": source.id, "checkpoint": named})
        assert first_weights(world, job) == best


def test_they_outlive_the_job_that_they_come_from(world: World) -> None:
    source = trained(world)
    job = world.submit(None, warm_start={"job": source.id})
    with world.database.write() as session:
        jobs.delete(session, world.account_id, source.id)
    while orphans.remove(world.database):
        pass
    assert first_weights(world, job) is not None
    with world.database.write() as session:
        jobs.cancel(session, world.account_id, job.id)
    with world.database.write() as session:
        jobs.delete(session, world.account_id, job.id)
    assert orphans.remove(world.database) == 1


@pytest.mark.parametrize(("named", "pointer"), [({"job": "job_1"}, "/warm_start/job"), ({}, "/warm_start/checkpoint")])
def test_what_is_not_there_is_named(world: World, named: dict[str, str], pointer: str) -> None:
    source = trained(world)
    wanted = {"job": source.id, "checkpoint": "7", **named}
    with pytest.raises(ValidationFailed) as caught:
        world.submit(None, warm_start=wanted)
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


def test_another_tenants_weights_are_not_there(world: World) -> None:
    source = trained(world)
    with world.database.write() as session, pytest.raises(ValidationFailed, match=f"there is no job {source.id}"):
        warm_starts.find(session, "acc_other", WarmStart(job=source.id))


def test_jobs_are_alike_that_start_from_equal_weights(world: World) -> None:
    dataset = world.dataset()
    sources = [trained(world), trained(world), trained(world, b"other weights")]
    same, equal, other = (world.submit(dataset, warm_start={"job": source.id}) for source in sources)
    cold = world.submit(dataset)
    with world.database.read() as session:
        hashes = [
            row.spec_sha256
            for row in map(
                lineage.of(session, world.account_id, [job.id for job in (same, equal, other, cold)]).get,
                (same.id, equal.id, other.id, cold.id),
            )
            if row is not None
        ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes)) == 3
