"""What is over goes when its time has come, with all it has, and nothing that is at work loses anything."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from steepest.spec.errors import NotFound, Poison
from steepest.spec.outcome import Environment
from steepest.spec.states import JobState
from store import attempts, checkpoints, computations, datasets, fsck, history, jobs, retention
from store.database import Database
from store.fence import Claim
from store.models import BlobRow, CheckpointRow, DatasetRow, EpochRow, JobRow
from store.orphans import remove
from store.retention import Retention
from store.settings import Keep
from tests.conftest import copied
from tests.invariants import violations
from tests.unit.store.world import ENVIRONMENT, EVALUATION, RESULT, Clock, World, epoch

DAY = 86_400.0
State = Literal["queued", "running", "paused", "pausing", "cancelling", "succeeded", "failed", "cancelled"]
STATES: tuple[State, ...] = (
    "queued", "running", "paused", "pausing", "cancelling", "succeeded", "failed", "cancelled",
)  # fmt: skip
OVER = ("succeeded", "failed", "cancelled")


def trained(world: World, claim: Claim, epochs: int = 5) -> None:
    """Leave what an attempt leaves: epochs, a first and a last checkpoint, the latter with a state."""
    names = [f"{claim.job_id} {what}".encode() for what in ("initial", "weights", "state")]
    initial, weights, state = (world.blob(name) for name in names)
    with world.database.write() as session:
        attempts.start(session, claim, Environment.model_validate(ENVIRONMENT))
        checkpoints.save(session, claim, 0, 0, ["initial"], initial)
        history.append(session, claim, [epoch(number) for number in range(1, epochs + 1)])
        checkpoints.save(session, claim, epochs, 0, ["best", "last"], weights, state)


def job(world: World, state: State, dataset: str | None = None) -> str:
    """A job in a state, with what it leaves where an attempt came so far."""
    row = world.submit() if dataset is None else world.submit(datasets_row(world, dataset))
    if state == "queued":
        return row.id
    claim = world.claim(row.id)
    trained(world, claim)
    with world.database.write() as session:
        if state in ("paused", "pausing"):
            jobs.pause(session, world.account_id, row.id)
        if state in ("cancelled", "cancelling"):
            jobs.cancel(session, world.account_id, row.id)
        if state in ("paused", "cancelled"):
            attempts.release(session, claim)
        if state == "succeeded":
            attempts.finish(session, claim, RESULT, "epochs")
        if state == "failed":
            attempts.fail(session, claim, ERROR)
    assert world.job(row.id).status == state
    return row.id


def datasets_row(world: World, dataset_id: str) -> DatasetRow:
    with world.database.read() as session:
        return datasets.get(session, world.account_id, dataset_id)


ERROR = Poison("It ended its worker.", failures=3, attempt=3).error()


def count(world: World, table: type[JobRow | EpochRow | CheckpointRow | BlobRow]) -> int:
    with world.database.read() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def sound(world: World) -> None:
    assert violations(world.database) == []
    assert list(fsck.check(world.database)) == []


@pytest.mark.parametrize("state", STATES)
def test_nothing_goes_unless_a_rule_says_so(world: World, state: State) -> None:
    job(world, state)
    world.clock.forward(10_000 * DAY)
    before = [count(world, table) for table in (JobRow, EpochRow, CheckpointRow, BlobRow)]
    assert Retention(world.database, Keep()).run() is False
    assert before == [count(world, table) for table in (JobRow, EpochRow, CheckpointRow, BlobRow)]


@pytest.mark.parametrize("state", STATES)
def test_what_is_at_work_loses_nothing_to_any_rule(world: World, state: State) -> None:
    job_id = job(world, state)
    world.clock.forward(2 * DAY)
    Retention(world.database, Keep(1, 1, 1, 1)).run()
    with world.database.read() as session:
        there = session.get(JobRow, job_id)
        sets = datasets.page(session, world.account_id).rows
    assert (there is None) is (state in OVER)
    assert (len(sets) == 0) is (state in OVER)
    if there is not None and there.attempt:
        assert (count(world, EpochRow), count(world, CheckpointRow)) == (5, 2)
    sound(world)
    remove(world.database)
    if state in OVER:
        assert count(world, BlobRow) == 0


@settings(max_examples=15)
@given(
    made=st.lists(st.tuples(st.sampled_from(STATES), st.floats(0, 6)), max_size=6),
    keep=st.floats(0.5, 5),
    most=st.integers(1, 5),
)
def test_exactly_the_jobs_whose_time_has_come_go(
    _template: str,  # noqa: PT019 (its value is the URL)
    tmp_path_factory: pytest.TempPathFactory,
    made: list[tuple[State, float]],
    keep: float,
    most: int,
) -> None:
    with copied(_template, tmp_path_factory.mktemp("law")) as url:
        clock = Clock()
        with Database(url, clock=clock) as database:
            world = World(database, clock)
            start, expected = clock.at, set()
            for state, age in sorted(made, key=lambda one: -one[1]):
                clock.at = start + timedelta(days=6 - age)
                job_id = job(world, state)
                if not (state in OVER and clock.at <= start + timedelta(days=6) - timedelta(days=keep)):
                    expected.add(job_id)
            clock.at = start + timedelta(days=6)
            rules = Retention(database, Keep(jobs_days=keep))
            for _ in range(40):  # small passes, each by another process: nothing depends on what one remembers
                if not rules.run(most):
                    break
                rules = Retention(database, Keep(jobs_days=keep))
            with database.read() as session:
                assert set(session.scalars(select(JobRow.id))) == expected
            sound(world)


def test_a_long_history_goes_in_parts_and_goes_on_after_a_death(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EPOCHS_AT_ONCE", 2)
    job_id = job(world, "succeeded")
    world.clock.forward(2 * DAY)
    left = []
    while Retention(world.database, Keep(histories_days=1)).run(most=1):
        left.append(count(world, EpochRow))
        sound(world)
    assert left == [3, 1, 0]
    assert world.job(job_id).epoch == 5
    assert count(world, CheckpointRow) == 2


def test_a_failed_job_whose_history_went_is_retried_from_its_beginning(world: World) -> None:
    job_id = job(world, "failed")
    world.clock.forward(2 * DAY)
    Retention(world.database, Keep(histories_days=1)).run()
    with world.database.write() as session:
        jobs.retry(session, world.account_id, job_id)
    claim = world.claim(job_id)
    with world.database.write() as session:
        assert not checkpoints.resumable(session, claim)
        history.rewind(session, claim, 0)
        history.append(session, claim, [epoch(1)])
    assert world.job(job_id).epochs_removed == 0
    sound(world)


@pytest.mark.parametrize(("state", "kept"), [("succeeded", [5]), ("failed", [5]), ("cancelled", [5])])
def test_one_checkpoint_stays(world: World, state: State, kept: list[int]) -> None:
    job_id = job(world, state)
    world.clock.forward(2 * DAY)
    rules = Retention(world.database, Keep(checkpoints_days=1))
    rules.run()
    with world.database.read() as session:
        rows = session.scalars(select(CheckpointRow).where(CheckpointRow.job_id == job_id)).all()
    assert [row.epoch for row in rows] == kept
    assert all(row.state_blob_id is None for row in rows)
    remove(world.database)
    assert count(world, BlobRow) == 2  # its data and its weights
    sound(world)


def test_a_job_that_is_being_evaluated_stays_until_that_is_over(world: World) -> None:
    job_id = job(world, "succeeded")
    row = world.computation(world.job(job_id))
    world.clock.forward(2 * DAY)
    rules = Retention(world.database, Keep(jobs_days=1, datasets_days=1))
    rules.run()
    assert world.job(job_id).status is JobState.SUCCEEDED
    with world.database.write() as session:
        claim = computations.claim(session, row.id, "worker", 15)
        assert claim is not None
        computations.succeed(session, claim, EVALUATION)
    rules.run()
    with pytest.raises(NotFound):
        world.job(job_id)


def test_a_data_set_is_kept_from_its_last_use_though_the_job_is_gone(world: World) -> None:
    dataset = world.dataset()
    world.clock.forward(10 * DAY)
    job(world, "succeeded", dataset.id)
    rules = Retention(world.database, Keep(jobs_days=1, datasets_days=3))
    world.clock.forward(2 * DAY)
    rules.run()
    assert count(world, JobRow) == 0
    assert datasets_row(world, dataset.id).used_at == world.clock.at - timedelta(days=2)
    world.clock.forward(1.5 * DAY)
    rules.run()
    with pytest.raises(NotFound):
        datasets_row(world, dataset.id)
    remove(world.database)
    assert count(world, BlobRow) == 0


def test_data_sets_are_looked_at_a_few_at_a_time_and_none_is_forgotten(world: World) -> None:
    for number in range(5):
        world.dataset(f"x,y\n{number},a\n".encode())
    world.clock.forward(2 * DAY)
    rules = Retention(world.database, Keep(datasets_days=1))
    passes = 1
    while rules.run(most=2):
        passes += 1
    with world.database.read() as session:
        assert datasets.page(session, world.account_id).rows == []
    assert passes == 3


def test_every_look_uses_an_index(world: World, tmp_path: Path) -> None:
    if not world.database.is_sqlite:
        pytest.skip("a server reads small tables whole")
    with world.database.read() as session:
        for condition, index in (
            ("finished_at IS NOT NULL", "ix_jobs_finished_at"),
            ("finished_at IS NOT NULL AND epochs_removed < epoch", "ix_jobs_with_history"),
            ("finished_at IS NOT NULL AND checkpoints_removed_at IS NULL", "ix_jobs_with_checkpoints"),
        ):
            query = (
                f"EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE {condition} AND finished_at <= 'x' ORDER BY finished_at"
            )
            plan = str(session.connection().exec_driver_sql(query).all())
            assert "SEARCH jobs USING INDEX ix_jobs_" in plan, index
            assert "TEMP B-TREE" not in plan
