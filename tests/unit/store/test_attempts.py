"""An attempt's life: claim, renew, progress, end; and the fence that each of its writes must pass."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from steepest.spec.errors import Diverged
from steepest.spec.states import JobState
from store import attempts, blobs, checkpoints, events, history, jobs
from store.attempts import FencedOff, Position
from store.fence import Claim
from store.models import JobRow
from tests.unit.store.world import ENVIRONMENT, LEASE, RESULT, World, epoch

ERROR = Diverged("The loss became NaN in epoch 3.", epoch=3, step=7, layer="layers.0").error()


def transitions(world: World, job_id: str) -> list[str]:
    with world.database.read() as session:
        return [row.status or "" for row in events.transitions(session, world.account_id, [job_id])[job_id]]


def expire(world: World, claim: Claim) -> JobState | None:
    """The worker falls silent until its lease is over."""
    world.clock.forward(LEASE)
    with world.database.write() as session:
        return attempts.expire(session, claim.job_id, claim.attempt)


def test_a_claim_begins_the_next_attempt_under_a_lease(world: World) -> None:
    claim = world.running()
    job = world.job(claim.job_id)
    assert (job.status, job.attempt, claim.attempt, job.worker) == (JobState.RUNNING, 1, 1, "worker")
    assert job.lease_until == world.clock() + timedelta(seconds=LEASE)
    assert (job.started_at, job.announce_at) == (world.clock(), None)
    with world.database.write() as session:
        assert attempts.claim(session, job.id, "another", LEASE) is None


def test_a_lease_is_renewed_from_now_on(world: World) -> None:
    claim = world.running()
    world.clock.forward(10)
    with world.database.write() as session:
        assert attempts.renew(session, claim, LEASE) is JobState.RUNNING
    assert world.job(claim.job_id).lease_until == world.clock() + timedelta(seconds=LEASE)


def test_progress_tells_the_worker_that_it_shall_stop(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        assert attempts.progress(session, claim, Position(0, 5, 10, 2.5)) is JobState.RUNNING
    with world.database.write() as session:
        jobs.cancel(session, world.account_id, claim.job_id)
    with world.database.write() as session:
        assert attempts.progress(session, claim, Position(0, 6, 10)) is JobState.CANCELLING
        assert attempts.renew(session, claim, LEASE) is JobState.CANCELLING
    job = world.job(claim.job_id)
    assert (job.epoch, job.step, job.reached, job.eta_seconds) == (0, 6, 6, None)


def test_the_environment_of_the_first_attempt_stays(world: World) -> None:
    first = world.running()
    with world.database.write() as session:
        assert attempts.start(session, first, ENVIRONMENT) == ENVIRONMENT
        attempts.release(session, first)
    second = world.claim(first.job_id)
    elsewhere = ENVIRONMENT.model_copy(update={"blas": "OpenBLAS Sandybridge"})
    with world.database.write() as session:
        assert attempts.start(session, second, elsewhere) == ENVIRONMENT
    assert world.job(first.job_id).environment_sha256 == ENVIRONMENT.sha256


def test_who_begins_anew_begins_where_it_is(world: World) -> None:
    """Nothing of the earlier attempt goes into the weights, so its environment says nothing of them."""
    first = world.running()
    with world.database.write() as session:
        attempts.start(session, first, ENVIRONMENT)
        attempts.release(session, first)
    second = world.claim(first.job_id)
    elsewhere = ENVIRONMENT.model_copy(update={"blas": "OpenBLAS Sandybridge"})
    with world.database.write() as session:
        assert attempts.start(session, second, elsewhere, anew=True) == elsewhere
    assert world.job(first.job_id).environment_sha256 == elsewhere.sha256


def test_who_begins_anew_is_exact_again(world: World) -> None:
    first = world.running()
    with world.database.write() as session:
        attempts.start(session, first, ENVIRONMENT)
        attempts.deviate(session, first)
        attempts.release(session, first)
    assert not world.job(first.job_id).bit_exact
    second = world.claim(first.job_id)
    with world.database.write() as session:
        attempts.start(session, second, ENVIRONMENT, anew=True)
    assert world.job(first.job_id).bit_exact


def test_a_finished_job_keeps_its_result_and_lets_go_of_what_only_an_attempt_needs(world: World) -> None:
    claim = world.running()
    state = world.blob(b"state")
    with world.database.write() as session:
        checkpoints.save(session, claim, 2, 0, {"last"}, world_blob := world.blob(b"weights"), state)
        attempts.deviate(session, claim)
        attempts.finish(session, claim, RESULT, "early_stopping")
    job = world.job(claim.job_id)
    assert (job.status, job.stopped_by, job.bit_exact, job.worker) == (
        JobState.SUCCEEDED,
        "early_stopping",
        False,
        None,
    )
    assert job.result == RESULT
    assert job.finished_at == world.clock()
    with world.database.read() as session:
        kept = checkpoints.page(session, world.account_id, job.id).rows
    assert [(row.blob_id, row.state_blob_id) for row in kept] == [(world_blob, None)]
    assert transitions(world, job.id) == ["queued", "running", "succeeded"]


def test_a_failed_job_keeps_its_error_and_its_last_checkpoint(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        checkpoints.save(session, claim, 2, 0, {"last"}, world.blob(b"weights"), world.blob(b"state"))
        attempts.fail(session, claim, ERROR)
    job = world.job(claim.job_id)
    assert (job.status, job.error) == (JobState.FAILED, ERROR)
    with world.database.read() as session:
        last = checkpoints.find(session, job, "last")
        assert last is not None
        assert last.state_blob_id is not None


@pytest.mark.parametrize(
    ("asked", "becomes"), [(False, JobState.QUEUED), (True, JobState.CANCELLED)], ids=["drain", "cancel"]
)
def test_a_released_job_becomes_what_was_asked_and_counts_no_failure(
    world: World, asked: bool, becomes: JobState
) -> None:
    claim = world.running()
    if asked:
        with world.database.write() as session:
            jobs.cancel(session, world.account_id, claim.job_id)
    with world.database.write() as session:
        assert attempts.release(session, claim, "drain") is becomes
    job = world.job(claim.job_id)
    assert (job.status, job.failures, job.worker, job.lease_until) == (becomes, 0, None, None)
    assert (job.announce_at is not None) is (becomes is JobState.QUEUED)


def writes(world: World) -> dict[str, Callable[[Session, Claim], object]]:
    blob = world.blob(b"weights")
    return {
        "start": lambda session, claim: attempts.start(session, claim, ENVIRONMENT),
        "progress": lambda session, claim: attempts.progress(session, claim, Position(0, 1, 10)),
        "tell": lambda session, claim: attempts.tell(session, claim, "job.note", {}),
        "finish": lambda session, claim: attempts.finish(session, claim, RESULT, "epochs"),
        "fail": lambda session, claim: attempts.fail(session, claim, ERROR),
        "release": lambda session, claim: attempts.release(session, claim),
        "append": lambda session, claim: history.append(session, claim, [epoch(1)]),
        "rewind": lambda session, claim: history.rewind(session, claim, 0),
        "save": lambda session, claim: checkpoints.save(session, claim, 0, 0, {"initial"}, blob),
    }


@pytest.mark.parametrize("succeeded_by", ["nobody", "another attempt", "the end"])
def test_an_attempt_that_lost_its_lease_is_fenced_off_from_every_write(world: World, succeeded_by: str) -> None:
    lost = world.running()
    if succeeded_by == "the end":
        with world.database.write() as session:
            jobs.cancel(session, world.account_id, lost.job_id)
    assert expire(world, lost) is not None
    if succeeded_by == "another attempt":
        world.claim(lost.job_id, "successor")
    before = world.job(lost.job_id)
    for write in writes(world).values():
        with world.database.write() as session, pytest.raises(FencedOff):
            write(session, lost)
    with world.database.write() as session:
        assert attempts.renew(session, lost, LEASE) is None
        assert attempts.expire(session, lost.job_id, lost.attempt) is None
    after = world.job(lost.job_id)
    assert {column.key: getattr(after, column.key) for column in JobRow.__mapper__.column_attrs} == {
        column.key: getattr(before, column.key) for column in JobRow.__mapper__.column_attrs
    }


def test_a_lease_that_was_renewed_in_the_last_moment_does_not_expire(world: World) -> None:
    claim = world.running()
    world.clock.forward(LEASE)
    with world.database.read() as session:
        assert attempts.overdue(session) == [(claim.job_id, 1)]
    with world.database.write() as session:
        attempts.renew(session, claim, LEASE)
    with world.database.write() as session:
        assert attempts.expire(session, claim.job_id, claim.attempt) is None
    assert world.job(claim.job_id).status is JobState.RUNNING


def test_a_worker_may_give_up_for_its_child_before_the_lease_is_over(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        assert attempts.expire(session, claim.job_id, claim.attempt, reason="worker_lost") is JobState.QUEUED
    assert world.job(claim.job_id).failures == 1


def test_three_failures_in_a_row_without_progress_are_poison(world: World) -> None:
    job = world.submit()
    for failures in (1, 2):
        assert expire(world, world.claim(job.id)) is JobState.QUEUED
        assert world.job(job.id).failures == failures
    assert expire(world, world.claim(job.id)) is JobState.FAILED
    row = world.job(job.id)
    assert row.error is not None
    assert (row.error.code, row.error.fault, row.attempt) == ("poison", "system", 3)
    assert transitions(world, job.id) == ["queued", "running"] * 3 + ["queued", "failed"]


def test_an_attempt_that_got_further_than_all_before_is_no_failure(world: World) -> None:
    job = world.submit()
    for steps, failures in ((10, 0), (10, 1), (5, 2), (11, 0), (11, 1)):
        claim = world.claim(job.id)
        with world.database.write() as session:
            attempts.progress(session, claim, Position(0, steps, 100))
        assert expire(world, claim) is JobState.QUEUED
        assert world.job(job.id).failures == failures


def test_an_expired_lease_of_a_cancelled_job_ends_it(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        jobs.cancel(session, world.account_id, claim.job_id)
    assert expire(world, claim) is JobState.CANCELLED


def together(*calls: Callable[[], object]) -> list[object]:
    """Run the calls at the same moment; what each returned or raised."""
    outcomes: list[object] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(number: int, call: Callable[[], object]) -> None:
        start.wait()
        try:
            outcomes[number] = call()
        except Exception as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_of_many_claims_at_once_one_wins(world: World) -> None:
    dataset = world.dataset()
    for _ in range(5):
        job = world.submit(dataset)

        def claim(job_id: str = job.id) -> Claim | None:
            with world.database.write() as session:
                return attempts.claim(session, job_id, threading.current_thread().name, LEASE)

        won = [outcome for outcome in together(*[claim] * 6) if outcome is not None]
        assert len(won) == 1
        assert isinstance(won[0], Claim)
        assert world.job(job.id).worker == won[0].worker


def test_cancel_and_finish_at_once_end_in_one_consistent_way(world: World) -> None:
    dataset = world.dataset()
    for _ in range(5):
        claim = world.claim(world.submit(dataset).id)

        def cancel(job_id: str = claim.job_id) -> JobState:
            with world.database.write() as session:
                return jobs.cancel(session, world.account_id, job_id).status

        def finish(claim: Claim = claim) -> JobState:
            with world.database.write() as session:
                return attempts.finish(session, claim, RESULT, "epochs").status

        cancelled, finished = together(cancel, finish)
        assert finished is JobState.SUCCEEDED  # a worker that is faster than the wish to cancel has finished
        ways = (["succeeded"], ["cancelling", "succeeded"])
        assert transitions(world, claim.job_id)[2:] == ways[cancelled is JobState.CANCELLING]


def test_expiry_and_finish_at_once_leave_one_of_them(world: World) -> None:
    dataset = world.dataset()
    for _ in range(5):
        claim = world.claim(world.submit(dataset).id)
        world.clock.forward(LEASE)

        def expired(claim: Claim = claim) -> JobState | None:
            with world.database.write() as session:
                return attempts.expire(session, claim.job_id, claim.attempt)

        def finish(claim: Claim = claim) -> JobState:
            with world.database.write() as session:
                return attempts.finish(session, claim, RESULT, "epochs").status

        lost, done = together(expired, expired, finish)[-2:]
        state = world.job(claim.job_id).status
        assert state is (JobState.SUCCEEDED if done is JobState.SUCCEEDED else JobState.QUEUED)
        assert isinstance(done, FencedOff) is (state is JobState.QUEUED)
        assert lost is None or state is JobState.QUEUED


def test_blobs_that_checkpoints_no_longer_need_go(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        checkpoints.save(session, claim, 1, 0, {"last"}, world.blob(b"one"), world.blob(b"state one"))
    with world.database.write() as session:
        checkpoints.save(session, claim, 2, 0, {"last"}, world.blob(b"two"), world.blob(b"state two"))
    with world.database.write() as session:
        checkpoints.save(session, claim, 3, 0, {"last"}, world.blob(b"three"), world.blob(b"state three"))
    with world.database.read() as session:
        rows = checkpoints.page(session, world.account_id, claim.job_id).rows
        assert [(row.epoch, checkpoints.kinds(row)) for row in rows] == [(2, []), (3, ["last"])]
        assert blobs.read_all(world.database, blobs.get(session, world.account_id, rows[1].blob_id)) == b"three"
