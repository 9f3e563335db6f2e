"""A long computation is asked for, worked out under a lease, and goes with its job."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from steepest.spec.errors import Conflict, DataUnusable, NotFound, ValidationFailed
from steepest.spec.figures import PredictionResult
from steepest.spec.names import HELD_OUT
from steepest.spec.states import ComputationState, JobState
from store import attempts, computations, datasets, jobs, orphans
from store.blobs import BlobGone
from store.computations import ComputationClaim
from store.fence import FencedOff
from store.models import BlobRow, BlobState, ComputationKind, ComputationRow
from tests.unit.store.world import EVALUATION, LEASE, RESULT, World

ERROR = DataUnusable("There is no column.").error()
FILE = PredictionResult(rows=2, columns=["label"], bytes=4, sha256="0" * 64)


def claimed(world: World, kind: ComputationKind = ComputationKind.EVALUATION) -> ComputationClaim:
    row = world.computation(kind=kind)
    with world.database.write() as session:
        claim = computations.claim(session, row.id, "worker", LEASE)
    assert claim is not None
    return claim


def found(world: World, row: ComputationRow) -> ComputationRow:
    with world.database.read() as session:
        return computations.get(session, world.account_id, row.job_id, ComputationKind(row.kind), row.id)


def test_what_is_asked_for_waits_for_one_worker(world: World) -> None:
    row = world.computation()
    assert (row.status, row.parameters, row.attempt) == (ComputationState.QUEUED, {"seed": 1}, 0)
    with world.database.write() as session:
        claim = computations.claim(session, row.id, "worker", LEASE)
        assert computations.claim(session, row.id, "another", LEASE) is None
    assert claim is not None
    assert (found(world, row).status, found(world, row).worker) == (ComputationState.RUNNING, "worker")


def test_what_came_out_is_kept(world: World) -> None:
    claim = claimed(world)
    with world.database.write() as session:
        computations.succeed(session, claim, EVALUATION)
    row = found(world, claim.computation)
    assert (row.status, row.result, row.worker, row.lease_until) == (ComputationState.SUCCEEDED, EVALUATION, None, None)
    assert row.finished_at is not None


def test_a_file_is_held_as_long_as_the_job_is_there(world: World) -> None:
    claim = claimed(world, ComputationKind.PREDICTION)
    blob_id = world.blob(b"file")
    with world.database.write() as session:
        computations.succeed(session, claim, FILE, blob_id)
    world.clock.forward(3600)
    assert orphans.sweep(world.database) == 0
    with world.database.write() as session:
        jobs.delete(session, world.account_id, claim.computation.job_id)
    with world.database.read() as session:
        states = session.scalars(select(BlobRow.status).where(BlobRow.id == blob_id)).all()
        assert session.scalars(select(ComputationRow.id)).all() == []
    assert states == [BlobState.DELETING]


def test_a_file_that_was_swept_is_not_referred_to(world: World) -> None:
    claim = claimed(world, ComputationKind.PREDICTION)
    blob_id = world.blob(b"file")
    world.clock.forward(3600)
    orphans.sweep(world.database)
    with pytest.raises(BlobGone), world.database.write() as session:
        computations.succeed(session, claim, FILE, blob_id)
    assert found(world, claim.computation).status is ComputationState.RUNNING


def test_a_worker_that_lost_its_lease_is_fenced_off(world: World) -> None:
    lost = claimed(world)
    world.clock.forward(LEASE)
    with world.database.write() as session:
        assert computations.overdue(session) == [(lost.computation_id, 1)]
        assert computations.expire(session, lost.computation_id, 1) is ComputationState.QUEUED
        assert computations.expire(session, lost.computation_id, 1) is None
        successor = computations.claim(session, lost.computation_id, "successor", LEASE)
    assert successor is not None

    def succeed(session: Session) -> object:
        return computations.succeed(session, lost, EVALUATION)

    def fail(session: Session) -> object:
        return computations.fail(session, lost, ERROR)

    def release(session: Session) -> None:
        computations.release(session, lost)

    for write in (succeed, fail, release):
        with world.database.write() as session, pytest.raises(FencedOff):
            write(session)
    with world.database.write() as session:
        assert not computations.renew(session, lost, LEASE)
        assert computations.renew(session, successor, LEASE)


def test_one_that_ends_its_worker_three_times_is_given_up(world: World) -> None:
    row = world.computation()
    states = (ComputationState.QUEUED, ComputationState.QUEUED, ComputationState.FAILED)
    for attempt, state in enumerate(states, 1):
        with world.database.write() as session:
            computations.claim(session, row.id, "worker", LEASE)
        world.clock.forward(LEASE)
        with world.database.write() as session:
            assert computations.expire(session, row.id, attempt) is state
    error = found(world, row).error
    assert error is not None
    assert (error.code, error.fault) == ("computation_lost", "system")


def test_a_drained_worker_hands_it_back(world: World) -> None:
    claim = claimed(world)
    with world.database.write() as session:
        computations.release(session, claim)
    row = found(world, claim.computation)
    assert (row.status, row.failures) == (ComputationState.QUEUED, 0)
    assert row.announce_at is not None


def test_its_data_set_must_be_ready_and_stays_until_it_is_over(world: World) -> None:
    job, other = world.succeeded(), world.dataset(b"x,y\n3,a\n4,b\n")
    with world.database.write() as session:
        for wrong, error in ((world.upload(b"x\n").id, Conflict), ("ds_" + "0" * 32, ValidationFailed)):
            with pytest.raises(error):
                computations.create(session, job, ComputationKind.PREDICTION, wrong)
    row = world.computation(job, dataset=other.id)
    with world.database.write() as session, pytest.raises(Conflict, match=row.id):
        datasets.delete(session, world.account_id, other.id)
    with world.database.write() as session:
        claim = computations.claim(session, row.id, "worker", LEASE)
        assert claim is not None
        computations.fail(session, claim, ERROR)
    with world.database.write() as session:
        datasets.delete(session, world.account_id, other.id)
    assert found(world, row).error == ERROR


def test_a_job_that_was_deleted_meanwhile_gets_none(world: World) -> None:
    job = world.succeeded()
    with world.database.write() as session:
        jobs.delete(session, world.account_id, job.id)
    with world.database.write() as session, pytest.raises(NotFound):
        computations.create(session, job, ComputationKind.EVALUATION, job.dataset_id)


def test_a_worker_whose_job_was_deleted_is_fenced_off(world: World) -> None:
    claim = claimed(world)
    with world.database.write() as session:
        jobs.delete(session, world.account_id, claim.computation.job_id)
    with world.database.write() as session, pytest.raises(FencedOff):
        computations.succeed(session, claim, EVALUATION)


def test_the_held_out_evaluation_comes_with_the_job(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        computations.save_held_out(session, claim, EVALUATION)
        assert attempts.finish(session, claim, RESULT, "epochs").status is JobState.SUCCEEDED
    with world.database.read() as session:
        row = computations.get(session, world.account_id, claim.job_id, ComputationKind.EVALUATION, HELD_OUT)
        assert (row.result, row.dataset_id) == (EVALUATION, claim.job.dataset_id)
        with pytest.raises(NotFound):
            computations.get(session, world.account_id, claim.job_id, ComputationKind.PREDICTION, row.id)
        with pytest.raises(NotFound):
            computations.get(session, "acc_other", claim.job_id, ComputationKind.EVALUATION, HELD_OUT)


def test_there_is_one_held_out_evaluation_and_only_of_an_attempt_that_holds_the_job(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        computations.save_held_out(session, claim, EVALUATION)
    with pytest.raises(IntegrityError), world.database.write() as session:
        computations.save_held_out(session, claim, EVALUATION)
    with world.database.write() as session:
        attempts.finish(session, claim, RESULT, "epochs")
    with world.database.write() as session, pytest.raises(FencedOff):
        computations.save_held_out(session, claim, EVALUATION)


def test_pages_are_newest_first_and_of_one_kind(world: World) -> None:
    job = world.succeeded()
    made = [world.computation(job).id for _ in range(3)]
    world.computation(job, ComputationKind.PREDICTION)
    kind = ComputationKind.EVALUATION
    with world.database.read() as session:
        first = computations.page(session, world.account_id, job.id, kind, 2)
        second = computations.page(session, world.account_id, job.id, kind, 2, first.next)
    assert [row.id for row in (*first.rows, *second.rows)] == made[::-1]
    assert second.next is None


def test_a_deleted_one_leaves_no_bytes_and_its_worker_writes_nothing_more(world: World) -> None:
    claim = claimed(world, ComputationKind.PREDICTION)
    job = claim.computation.job_id
    file = world.blob(b"a file")
    with world.database.write() as session:
        computations.succeed(session, claim, FILE, file)
    late = claimed(world, ComputationKind.PREDICTION)
    with world.database.write() as session:
        for each in (claim, late):
            kind = ComputationKind.PREDICTION
            computations.delete(session, world.account_id, each.computation.job_id, kind, each.computation_id)
    assert orphans.remove(world.database) == 1
    with world.database.write() as session:
        assert not computations.renew(session, late, LEASE)
    with world.database.write() as session, pytest.raises(FencedOff):
        computations.succeed(session, late, FILE, world.blob(b"another file"))
    with world.database.read() as session, pytest.raises(NotFound):
        computations.get(session, world.account_id, job, ComputationKind.PREDICTION, claim.computation_id)
    with world.database.read() as session:
        used = datasets.get(session, world.account_id, claim.computation.dataset_id or "").used_at
    assert used == world.clock()
