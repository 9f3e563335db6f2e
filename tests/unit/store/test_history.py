"""The loss history has rows 1..n, once each; checkpoints follow it."""

import math

import pytest

from steepest.spec.errors import InvalidRequest, Unavailable
from steepest.spec.states import JobState
from store import attempts, checkpoints, history, jobs, orphans
from store.checkpoints import Kind
from store.fence import Claim
from tests.unit.store.world import LEASE, RESULT, World, epoch


def epochs(world: World, claim: Claim) -> list[tuple[int, float]]:
    with world.database.read() as session:
        rows = history.page(session, world.account_id, claim.job_id).rows
    return [(row.epoch, row.training_loss) for row in rows]


def append(world: World, claim: Claim, *numbers: int, loss: float = 0.5) -> None:
    with world.database.write() as session:
        history.append(session, claim, [epoch(number, loss) for number in numbers])


def save(world: World, claim: Claim, at: int, *kinds: Kind, step: int = 0) -> None:
    weights, state = world.blob(f"weights {at}.{step}".encode()), world.blob(f"state {at}.{step}".encode())
    with world.database.write() as session:
        checkpoints.save(session, claim, at, step, kinds, weights, state)


def kept(world: World, claim: Claim) -> list[tuple[int, int, list[Kind]]]:
    with world.database.read() as session:
        rows = checkpoints.page(session, world.account_id, claim.job_id).rows
    return [(row.epoch, row.step, checkpoints.kinds(row)) for row in rows]


def test_epochs_are_appended_in_batches_and_counted_on_the_job(world: World) -> None:
    claim = world.running()
    append(world, claim, 1)
    append(world, claim, 2, 3)
    assert epochs(world, claim) == [(1, 0.5), (2, 0.5), (3, 0.5)]
    assert world.job(claim.job_id).epoch == 3


def test_the_worker_learns_of_a_cancel_when_it_appends(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        jobs.cancel(session, world.account_id, claim.job_id)
    with world.database.write() as session:
        assert history.append(session, claim, [epoch(1)]) is JobState.CANCELLING


def test_sending_epochs_again_changes_nothing(world: World) -> None:
    claim = world.running()
    append(world, claim, 1, 2)
    append(world, claim, 1, 2, loss=9.0)
    append(world, claim, 2, 3, loss=0.25)
    assert epochs(world, claim) == [(1, 0.5), (2, 0.5), (3, 0.25)]


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 1)])
def test_an_epoch_cannot_be_left_out(world: World, numbers: tuple[int, ...]) -> None:
    claim = world.running()
    with pytest.raises(ValueError, match="next epoch"):
        append(world, claim, *numbers)
    assert epochs(world, claim) == []


def test_numbers_that_are_no_numbers_come_back(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        odd = epoch(1, math.inf).model_copy(update={"validation_loss": math.nan, "validation_r2": -math.inf})
        history.append(session, claim, [odd])
    with world.database.read() as session:
        row = history.page(session, world.account_id, claim.job_id).rows[0]
    assert row.training_loss == math.inf
    assert row.validation_loss is not None
    assert math.isnan(row.validation_loss)
    assert (row.validation_r2, row.training_r2) == (-math.inf, None)


def test_a_resumed_attempt_rewrites_what_lies_beyond_its_checkpoint(world: World) -> None:
    first = world.running()
    save(world, first, 0, "initial")
    append(world, first, 1, 2)
    save(world, first, 2, "best", "last")
    append(world, first, 3, 4)
    save(world, first, 4, "best")
    world.clock.forward(LEASE)
    with world.database.write() as session:
        attempts.expire(session, first.job_id, first.attempt)
    second = world.claim(first.job_id)
    with world.database.write() as session:
        start = next(iter(checkpoints.resumable(session, second)), None)
        assert start is not None
        history.rewind(session, second, 2)
    assert epochs(world, second) == [(1, 0.5), (2, 0.5)]
    assert kept(world, second) == [(0, 0, ["initial"]), (2, 0, ["last"])]
    append(world, second, 3, 4, 5, loss=0.25)
    assert epochs(world, second) == [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25), (5, 0.25)]
    assert world.job(first.job_id).epoch == 5


def test_an_attempt_without_a_checkpoint_starts_from_nothing(world: World) -> None:
    first = world.running()
    append(world, first, 1, 2)
    with world.database.write() as session:
        attempts.release(session, first)
    second = world.claim(first.job_id)
    with world.database.write() as session:
        assert not checkpoints.resumable(session, second)
        history.rewind(session, second, 0)
    assert epochs(world, second) == []


def test_history_pages_and_samples(world: World) -> None:
    claim = world.running()
    append(world, claim, *range(1, 101))
    job = world.job(claim.job_id)
    with world.database.read() as session:
        page = history.page(session, world.account_id, claim.job_id, limit=3, after=10)
        assert ([row.epoch for row in page.rows], page.next) == ([11, 12, 13], "13")
        assert history.page(session, world.account_id, claim.job_id, limit=3, after=97).next is None
        for points in (1, 2, 3, 7, 99, 100, 1000):
            sampled = [row.epoch for row in history.sample(session, job, points)]
            assert len(sampled) == min(points, 100)
            assert sampled == sorted(set(sampled))
            assert sampled[-1] == 100
            assert points == 1 or sampled[0] == 1


def test_each_kind_is_the_latest_and_the_last_but_one_stays_to_go_on_from(world: World) -> None:
    claim = world.running()
    save(world, claim, 0, "initial", "best", "last")
    save(world, claim, 1, "last")
    assert kept(world, claim) == [(0, 0, ["initial", "best"]), (1, 0, ["last"])]
    save(world, claim, 1, "last", step=7)
    save(world, claim, 2, "best", "last")
    assert kept(world, claim) == [(0, 0, ["initial"]), (1, 7, []), (2, 0, ["best", "last"])]
    with world.database.read() as session:
        found = [(row.epoch, row.step) for row in checkpoints.resumable(session, claim)]
    assert found == [(2, 0), (1, 7)]
    # The state of 0.0, and weights and state of 1.0, have gone.
    assert orphans.remove(world.database) == 3


def test_the_last_but_one_becomes_the_last_again(world: World) -> None:
    claim = world.running()
    append(world, claim, 1, 2)
    save(world, claim, 1, "best", "last")
    save(world, claim, 2, "best", "last")
    with world.database.write() as session:
        history.rewind(session, claim, 1)
        checkpoints.go_back(session, claim, 1, 0)
    assert kept(world, claim) == [(1, 0, ["last"])]
    assert orphans.remove(world.database) == 2


def test_of_a_job_that_is_over_nothing_stays_to_go_on_from(world: World) -> None:
    claim = world.running()
    append(world, claim, 1, 2)
    save(world, claim, 1, "last")
    save(world, claim, 2, "last")
    with world.database.write() as session:
        attempts.finish(session, claim, RESULT, "epochs")
    assert kept(world, claim) == [(2, 0, ["last"])]
    assert orphans.remove(world.database) == 3


def test_a_position_may_be_saved_again(world: World) -> None:
    claim = world.running()
    save(world, claim, 1, "last")
    with world.database.write() as session:
        checkpoints.save(session, claim, 1, 0, {"best"}, other := world.blob(b"other"))
    with world.database.read() as session:
        (row,) = checkpoints.page(session, world.account_id, claim.job_id).rows
    assert (row.blob_id, row.state_blob_id, checkpoints.kinds(row)) == (other, None, ["best", "last"])


def test_the_same_bytes_serve_several_checkpoints(world: World) -> None:
    claim = world.running()
    for at in (1, 2, 3):
        with world.database.write() as session:
            checkpoints.save(session, claim, at, 0, {"last"}, blob := world.blob(b"no change"), blob)
        assert orphans.remove(world.database) == 0


def test_checkpoints_are_found_by_kind_and_by_epoch(world: World) -> None:
    claim = world.running()
    save(world, claim, 0, "initial")
    save(world, claim, 2, "best")
    save(world, claim, 3, "last")
    job = world.job(claim.job_id)
    with world.database.read() as session:
        found = {
            which: checkpoints.find(session, job, which) for which in ("best", "last", "initial", "3", "1", "x", "²")
        }
    assert {which: row and row.epoch for which, row in found.items()} == {
        "best": 2,
        "last": 3,
        "initial": 0,
        "3": 3,
        "1": None,
        "x": None,
        "²": None,
    }


def test_checkpoints_page_oldest_first(world: World) -> None:
    claim = world.running()
    save(world, claim, 0, "initial")
    save(world, claim, 2, "best")
    save(world, claim, 3, "last")
    with world.database.read() as session:
        first = checkpoints.page(session, world.account_id, claim.job_id, limit=2)
        second = checkpoints.page(session, world.account_id, claim.job_id, limit=2, after=first.next)
        assert [row.epoch for row in [*first.rows, *second.rows]] == [0, 2, 3]
        assert second.next is None
        with pytest.raises(InvalidRequest):
            checkpoints.page(session, world.account_id, claim.job_id, after="job_1")


def test_a_blob_that_was_swept_before_it_was_used_is_asked_for_again(world: World) -> None:
    claim = world.running()
    blob = world.blob(b"weights")
    world.clock.forward(3600)
    orphans.sweep(world.database)
    with world.database.write() as session, pytest.raises(Unavailable):
        checkpoints.save(session, claim, 1, 0, {"last"}, blob)
