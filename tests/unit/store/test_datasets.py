"""A data set is created over stored bytes, read under a lease, and deleted when nothing needs it."""

import math

import pytest
from sqlalchemy.orm import Session

from steepest.spec.columns import ColumnChange
from steepest.spec.errors import Conflict, DataUnusable, NotFound
from steepest.spec.states import DatasetState
from store import attempts, datasets, jobs, orphans
from store.datasets import DatasetClaim
from store.fence import FencedOff
from store.models import DatasetRow
from tests.unit.store.world import COLUMNS, LEASE, RESULT, World

ERROR = DataUnusable("Line 3 has 2 fields, the header has 3.").error()


def claimed(world: World) -> DatasetClaim:
    row = world.upload()
    with world.database.write() as session:
        claim = datasets.claim(session, row.id, "worker", LEASE)
    assert claim is not None
    return claim


def test_an_upload_waits_to_be_read(world: World) -> None:
    row = world.upload(b"x,y\n1,a\n")
    with world.database.read() as session:
        found = datasets.get(session, world.account_id, row.id)
    assert (found.status, found.bytes, found.format, found.rows, found.columns) == (
        DatasetState.VALIDATING,
        8,
        "csv",
        None,
        None,
    )
    assert len(found.sha256) == 64


def test_a_data_set_that_was_read_is_ready_with_its_columns(world: World) -> None:
    row = world.dataset()
    with world.database.read() as session:
        found = datasets.get(session, world.account_id, row.id)
    assert (found.status, found.rows, found.worker) == (DatasetState.READY, 2, None)
    assert found.columns is not None
    assert [column.name for column in found.columns] == ["x", "y"]
    assert found.columns[0].mean is not None
    assert math.isnan(found.columns[0].mean)
    assert found.columns[1] == COLUMNS[1]


def test_a_data_set_that_cannot_be_read_says_why(world: World) -> None:
    claim = claimed(world)
    with world.database.write() as session:
        assert datasets.mark_failed(session, claim, ERROR).error == ERROR
    with world.database.write() as session:
        assert datasets.claim(session, claim.dataset_id, "worker", LEASE) is None


def test_only_one_worker_reads_it(world: World) -> None:
    claim = claimed(world)
    with world.database.write() as session:
        assert datasets.claim(session, claim.dataset_id, "another", LEASE) is None


def test_a_worker_that_lost_its_lease_is_fenced_off(world: World) -> None:
    lost = claimed(world)
    world.clock.forward(LEASE)
    with world.database.write() as session:
        assert datasets.overdue(session) == [(lost.dataset_id, 1)]
        assert datasets.expire(session, lost.dataset_id, 1) is DatasetState.VALIDATING
        assert datasets.expire(session, lost.dataset_id, 1) is None
    with world.database.write() as session:
        successor = datasets.claim(session, lost.dataset_id, "successor", LEASE)
    assert successor is not None
    assert successor.attempt == 2

    def ready(session: Session) -> object:
        return datasets.mark_ready(session, lost, 1, COLUMNS)

    def failed(session: Session) -> object:
        return datasets.mark_failed(session, lost, ERROR)

    def released(session: Session) -> None:
        datasets.release(session, lost)

    for write in (ready, failed, released):
        with world.database.write() as session, pytest.raises(FencedOff):
            write(session)
    with world.database.write() as session:
        assert not datasets.renew(session, lost, LEASE)
        assert datasets.renew(session, successor, LEASE)


def test_a_data_set_that_ends_its_worker_three_times_is_given_up(world: World) -> None:
    row = world.upload()
    for attempt, state in ((1, DatasetState.VALIDATING), (2, DatasetState.VALIDATING), (3, DatasetState.FAILED)):
        with world.database.write() as session:
            datasets.claim(session, row.id, "worker", LEASE)
        world.clock.forward(LEASE)
        with world.database.write() as session:
            assert datasets.expire(session, row.id, attempt) is state
    with world.database.read() as session:
        error = datasets.get(session, world.account_id, row.id).error
    assert error is not None
    assert (error.code, error.fault) == ("ingest_lost", "system")


def test_a_drained_worker_hands_its_data_set_back(world: World) -> None:
    claim = claimed(world)
    with world.database.write() as session:
        datasets.release(session, claim)
    with world.database.write() as session:
        again = datasets.claim(session, claim.dataset_id, "another", LEASE)
    assert again is not None
    assert again.dataset.failures == 0


def test_a_data_set_in_use_cannot_be_deleted_and_an_unused_one_can(world: World) -> None:
    dataset = world.dataset()
    job = world.submit(dataset)
    for _ in ("queued", "running"):
        with world.database.write() as session, pytest.raises(Conflict, match=job.id):
            datasets.delete(session, world.account_id, dataset.id)
        with world.database.write() as session:
            attempts.claim(session, job.id, "worker", LEASE)
    with world.database.write() as session:
        jobs.cancel(session, world.account_id, job.id)
        with pytest.raises(Conflict, match="cancelling"):
            datasets.delete(session, world.account_id, dataset.id)
    world.clock.forward(LEASE)
    with world.database.write() as session:
        attempts.expire(session, job.id, 1)
    with world.database.write() as session:
        datasets.delete(session, world.account_id, dataset.id)
    assert orphans.remove(world.database) == 1
    with world.database.read() as session, pytest.raises(NotFound):
        datasets.get(session, world.account_id, dataset.id)


def test_a_finished_job_outlives_its_data_set(world: World) -> None:
    dataset = world.dataset()
    claim = world.claim(world.submit(dataset).id)
    with world.database.write() as session:
        attempts.finish(session, claim, RESULT, "epochs")
    with world.database.write() as session:
        datasets.delete(session, world.account_id, dataset.id)
    assert world.job(claim.job_id).dataset_id == dataset.id


def test_a_data_set_may_be_deleted_while_it_is_read(world: World) -> None:
    claim = claimed(world)
    with world.database.write() as session:
        datasets.delete(session, world.account_id, claim.dataset_id)
    with world.database.write() as session:
        assert not datasets.renew(session, claim, LEASE)
        with pytest.raises(FencedOff):
            datasets.mark_ready(session, claim, 1, COLUMNS)


def test_data_sets_are_listed_newest_first_and_renamed(world: World) -> None:
    made = [world.upload(bytes([number])).id for number in range(3)]
    with world.database.write() as session:
        datasets.change(session, world.account_id, made[0], "other")
    with world.database.read() as session:
        first = datasets.page(session, world.account_id, limit=2)
        second = datasets.page(session, world.account_id, limit=2, after=first.next)
    assert [row.id for row in [*first.rows, *second.rows]] == made[::-1]
    assert second.rows[0].name == "other"


def changed(world: World, dataset_id: str, **changes: dict[str, str | None]) -> DatasetRow:
    columns = {name: ColumnChange.model_validate(change) for name, change in changes.items()}
    with world.database.write() as session:
        return datasets.change(session, world.account_id, dataset_id, columns=columns)


def roles(row: DatasetRow) -> dict[str, str]:
    return {column.name: column.role for column in row.columns or []}


def test_a_role_counts_at_once_and_is_kept_when_the_file_is_read_again(world: World) -> None:
    made = world.dataset().id
    row = changed(world, made, x={"role": "ignored"})
    assert (row.status, roles(row)) == (DatasetState.READY, {"x": "ignored", "y": "feature"})
    row = changed(world, made, x={"kind": "categorical"})
    assert (row.status, row.kinds) == (DatasetState.VALIDATING, {"x": "categorical"})
    with world.database.write() as session:
        claim = datasets.claim(session, made, "worker", LEASE)
        assert claim is not None
        assert claim.dataset.kinds == {"x": "categorical"}
        row = datasets.mark_ready(session, claim, 2, COLUMNS)
    assert roles(row) == {"x": "ignored", "y": "feature"}
    assert roles(changed(world, made, x={"role": None})) == {"x": "feature", "y": "feature"}


def test_a_kind_that_is_what_it_was_has_nothing_read_again(world: World) -> None:
    made = world.dataset().id
    assert changed(world, made, x={"kind": None}).status is DatasetState.READY
    assert changed(world, made, x={"kind": "text"}).status is DatasetState.VALIDATING


def test_a_data_set_that_is_read_again_is_announced_until_somebody_comes(world: World) -> None:
    made = world.dataset().id
    row = changed(world, made, x={"kind": "text"})
    assert row.announce_at is not None
    assert (row.worker, row.lease_until, row.finished_at, row.failures) == (None, None, None, 0)


def test_a_failed_data_set_is_read_again_as_told(world: World) -> None:
    claim = claimed(world)
    with world.database.write() as session:
        datasets.mark_failed(session, claim, ERROR)
    row = changed(world, claim.dataset_id, anything={"kind": "text"})
    assert (row.status, row.error) == (DatasetState.VALIDATING, None)


def test_a_data_set_that_failed_is_read_again_for_the_same_kinds(world: World) -> None:
    made = world.dataset().id
    changed(world, made, x={"kind": "text"})
    with world.database.write() as session:
        claim = datasets.claim(session, made, "worker", LEASE)
        assert claim is not None
        datasets.mark_failed(session, claim, ERROR)
    assert changed(world, made, x={"role": "ignored"}).status is DatasetState.FAILED
    row = changed(world, made, x={"kind": "text"})
    assert (row.status, row.error, row.failures) == (DatasetState.VALIDATING, None, 0)


def test_columns_are_not_changed_while_they_are_read(world: World) -> None:
    made = world.upload().id
    with pytest.raises(Conflict, match="is being read"):
        changed(world, made, x={"role": "ignored"})


def test_an_unknown_column_is_named(world: World) -> None:
    made = world.dataset().id
    with pytest.raises(datasets.UnknownColumns) as caught:
        changed(world, made, xx={"role": "ignored"}, y={"role": "target"})
    (problem,) = caught.value.problem().problems
    assert (problem.pointer, problem.detail) == ("/columns/xx", 'the data set has no column "xx"; did you mean "x"?')
    with world.database.read() as session:
        assert roles(datasets.get(session, world.account_id, made)) == {"x": "feature", "y": "feature"}


def test_a_job_that_is_not_over_keeps_the_kinds_but_not_the_roles(world: World) -> None:
    row = world.dataset()
    world.submit(row)
    assert changed(world, row.id, x={"role": "identifier"}).status is DatasetState.READY
    with pytest.raises(Conflict, match="is queued"):
        changed(world, row.id, x={"kind": "text"})
    with world.database.read() as session:
        assert datasets.get(session, world.account_id, row.id).kinds == {}
