"""Submit, look, list, cancel, delete: a job as its owner sees it."""

import re
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import event, func, select

from steepest.spec.errors import Conflict, InvalidRequest, NotFound, Poison, ValidationFailed
from steepest.spec.states import FULFILLED, REQUESTS, JobState, possible
from store import attempts, checkpoints, datasets, events, history, ids, jobs, lineage, orphans
from store.jobs import JobFilter
from store.models import BlobRow, BlobState, CheckpointRow, ChunkRow, EpochRow, EventRow, JobRow, LabelRow
from tests.unit.store.world import RESULT, World, epoch

ANOTHER_ACCOUNT = "acc_00000000000070008000000000000002"


def test_a_submitted_job_is_queued_with_its_first_event_and_comes_back_as_it_was_sent(world: World) -> None:
    sent = world.submit(name="first", metadata={"team": "red"})
    job = world.job(sent.id)
    assert (job.status, job.attempt, job.last_event, job.epochs) == (JobState.QUEUED, 0, 1, 9)
    assert (job.name, job.labels, job.warnings) == ("first", {"team": "red"}, ["a warning"])
    assert job.spec == sent.spec
    assert job.resolved_spec.features == ("x",)
    assert job.created_at == world.clock()
    with world.database.read() as session:
        page = events.page(session, world.account_id, job.id)
    assert [(event.number, event.type, event.data) for event in page.rows] == [(1, "job.queued", {})]


def test_a_job_needs_a_data_set_that_is_there_and_ready(world: World) -> None:
    with pytest.raises(ValidationFailed) as missing:
        world.submit(type("Nothing", (), {"id": "ds_" + "0" * 32})())
    assert [problem.pointer for problem in missing.value.problems] == ["/dataset"]
    with pytest.raises(Conflict, match="validating"):
        world.submit(world.upload())


def test_another_account_sees_nothing(world: World) -> None:
    job = world.submit()
    with world.database.write() as session:
        for look in (jobs.get, jobs.pause, jobs.resume, jobs.retry, jobs.cancel, jobs.delete):
            with pytest.raises(NotFound):
                look(session, ANOTHER_ACCOUNT, job.id)
        assert jobs.page(session, ANOTHER_ACCOUNT).rows == []
        assert events.page(session, ANOTHER_ACCOUNT, job.id).rows == []


def test_pages_go_newest_first_and_miss_nothing_that_comes_in_between(world: World) -> None:
    dataset = world.dataset()
    made = [world.submit(dataset).id for _ in range(5)]
    with world.database.read() as session:
        first = jobs.page(session, world.account_id, limit=2)
    world.submit(dataset)
    with world.database.read() as session:
        second = jobs.page(session, world.account_id, limit=2, after=first.next)
        third = jobs.page(session, world.account_id, limit=2, after=second.next)
    assert [row.id for page in (first, second, third) for row in page.rows] == made[::-1]
    assert (first.has_more, third.has_more, third.next) == (True, False, None)


def test_a_cursor_of_the_wrong_form_is_refused(world: World) -> None:
    with world.database.read() as session, pytest.raises(InvalidRequest, match="after"):
        jobs.page(session, world.account_id, after="job_\x00'; --")


def test_lists_are_filtered(world: World) -> None:
    one, other = world.dataset(b"1"), world.dataset(b"2")
    a = world.submit(one, name="a", metadata={"team": "red", "run": "1"}).id
    world.clock.forward(60)
    b = world.submit(other, name="b", metadata={"team": "red", "run": "2"}).id
    world.claim(b)

    def found(wanted: JobFilter) -> list[str]:
        with world.database.read() as session:
            return [row.id for row in jobs.page(session, world.account_id, wanted).rows]

    assert found(JobFilter()) == [b, a]
    assert found(JobFilter(status=JobState.RUNNING)) == [b]
    assert found(JobFilter(dataset_id=one.id)) == [a]
    assert found(JobFilter(name="a")) == [a]
    assert found(JobFilter(metadata={"team": "red"})) == [b, a]
    assert found(JobFilter(metadata={"team": "red", "run": "1"})) == [a]
    assert found(JobFilter(metadata={"team": "blue"})) == []
    assert found(JobFilter(created_after=world.clock() - timedelta(seconds=30))) == [b]


def test_every_list_and_poll_uses_an_index(world: World) -> None:
    """What the functions really execute is asked for its plan; no plan may read a table from end to end."""
    claim = world.running(metadata={"k": "v"})
    after = ids.new_id(ids.JOB)
    executed: list[tuple[str, Any]] = []

    def note(_1: object, _2: object, statement: str, parameters: object, _3: object, _4: object) -> None:
        executed.append((statement, parameters))

    event.listen(world.database.engine, "before_cursor_execute", note)
    with world.database.read() as session:
        for wanted in (
            JobFilter(),
            JobFilter(status=JobState.QUEUED),
            JobFilter(dataset_id=claim.job.dataset_id),
            JobFilter(name="a"),
            JobFilter(metadata={"k": "v"}),
            JobFilter(created_after=world.clock()),
        ):
            jobs.page(session, world.account_id, wanted, after=after)
        jobs.get(session, world.account_id, claim.job_id)
        datasets.page(session, world.account_id, after=ids.new_id(ids.DATASET))
        datasets.overdue(session)
        attempts.overdue(session)
        attempts.state(session, claim)
        events.page(session, world.account_id, claim.job_id, after=1)
        events.transitions(session, world.account_id, [claim.job_id])
        lineage.of(session, world.account_id, [claim.job_id])
        lineage.earlier(session, world.account_id, claim.job.resolved_spec, "0" * 64)
        history.page(session, world.account_id, claim.job_id, after=1)
        checkpoints.page(session, world.account_id, claim.job_id)
        checkpoints.resumable(session, claim)
    orphans.sweep(world.database)
    orphans.remove(world.database)
    event.remove(world.database.engine, "before_cursor_execute", note)

    explain = "EXPLAIN QUERY PLAN " if world.database.is_sqlite else "EXPLAIN "
    with world.database.read() as session:
        ask = session.connection().exec_driver_sql
        if not world.database.is_sqlite:
            ask("SET LOCAL enable_seqscan = off")  # which small tables invite
        selects = [(statement, parameters) for statement, parameters in executed if "FROM " in statement]
        for statement, parameters in selects:
            plan = "; ".join(str(row[-1]) for row in ask(explain + statement, parameters))
            assert not re.search(r"\bSCAN (?!.*USING)|Seq Scan", plan), (statement, plan)
    assert len(selects) >= 21


def test_a_queued_job_is_cancelled_at_once_and_to_ask_again_changes_nothing(world: World) -> None:
    job = world.submit()
    for _ in range(2):
        with world.database.write() as session:
            row = jobs.cancel(session, world.account_id, job.id)
        assert (row.status, row.last_event) == (JobState.CANCELLED, 2)
    assert world.job(job.id).finished_at == world.clock()
    with world.database.write() as session:
        assert attempts.claim(session, job.id, "worker", 15) is None


def test_a_running_job_is_asked_to_stop_and_to_ask_again_changes_nothing(world: World) -> None:
    claim = world.running()
    for _ in range(2):
        with world.database.write() as session:
            row = jobs.cancel(session, world.account_id, claim.job_id)
        assert (row.status, row.last_event, row.worker) == (JobState.CANCELLING, 3, "worker")


def test_a_finished_job_cannot_be_cancelled(world: World) -> None:
    claim = world.running()
    with world.database.write() as session:
        attempts.finish(session, claim, RESULT, "epochs")
    with (
        world.database.write() as session,
        pytest.raises(Conflict, match=r"succeeded.*cannot be cancelled.*delete") as refused,
    ):
        jobs.cancel(session, world.account_id, claim.job_id)
    assert refused.value.extensions == {"state": "succeeded", "possible": ["delete"]}


def in_state(world: World, state: JobState) -> JobRow:
    """A job that came into a state by the way that jobs come there."""
    job = world.submit()
    with world.database.write() as session:
        if state in (JobState.PAUSED, JobState.CANCELLED):
            ask = jobs.pause if state is JobState.PAUSED else jobs.cancel
            return ask(session, world.account_id, job.id)
        if state is JobState.QUEUED:
            return job
        claim = attempts.claim(session, job.id, "worker", 15)
        assert claim is not None
        if state is JobState.FAILED:
            return attempts.fail(session, claim, Poison("It ended three times.", failures=3, attempt=3).error())
        if state is JobState.SUCCEEDED:
            return attempts.finish(session, claim, RESULT, "epochs")
        if state is not JobState.RUNNING:
            ask = jobs.pause if state is JobState.PAUSING else jobs.cancel
            ask(session, world.account_id, job.id)
    return world.job(job.id)


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("name", REQUESTS)
def test_each_request_in_each_state(world: World, state: JobState, name: str) -> None:
    job, ask = in_state(world, state), getattr(jobs, name)
    assert job.status is state
    expected = REQUESTS[name].get(state, state if state in FULFILLED[name] else None)
    if expected is None:
        with world.database.write() as session, pytest.raises(Conflict, match=f"is {state.value}") as refused:
            ask(session, world.account_id, job.id)
        assert refused.value.extensions == {"state": state.value, "possible": list(possible(state))}
        assert world.job(job.id).last_event == job.last_event
        return
    for _ in range(2):  # to ask again changes nothing
        with world.database.write() as session:
            row = ask(session, world.account_id, job.id)
        assert (row.status, row.last_event) == (expected, job.last_event + (expected is not state))
    assert (row.announce_at is not None) is (expected is JobState.QUEUED)


def test_a_failed_job_that_is_retried_begins_without_a_failure(world: World) -> None:
    job = in_state(world, JobState.FAILED)
    with world.database.write() as session:
        row = jobs.retry(session, world.account_id, job.id)
    assert (row.status, row.failures, row.error, row.finished_at) == (JobState.QUEUED, 0, None, None)
    with world.database.read() as session:
        last = events.page(session, world.account_id, job.id).rows[-1]
    assert (last.type, last.data["reason"]) == ("job.queued", "retry")


def test_without_its_data_set_no_failed_job_is_retried(world: World) -> None:
    job = in_state(world, JobState.FAILED)
    with world.database.write() as session:
        datasets.delete(session, world.account_id, job.dataset_id)
    with world.database.write() as session, pytest.raises(Conflict, match="deleted"):
        jobs.retry(session, world.account_id, job.id)
    assert world.job(job.id).status is JobState.FAILED


def test_a_failed_job_is_not_retried_on_columns_of_other_kinds(world: World) -> None:
    job = in_state(world, JobState.FAILED)
    with world.database.read() as session:
        before = datasets.get(session, world.account_id, job.dataset_id).columns or []
    for columns, refused in (([*before, *before], True), (before, False)):
        with world.database.write() as session:
            datasets.get(session, world.account_id, job.dataset_id).columns = columns
        with world.database.write() as session, pytest.raises(Conflict, match="columns") if refused else nullcontext():
            jobs.retry(session, world.account_id, job.id)
        assert world.job(job.id).status is (JobState.FAILED if refused else JobState.QUEUED)


@pytest.mark.parametrize("waits", [JobState.PAUSED, JobState.QUEUED])
def test_who_cancels_a_job_that_waits_to_go_on_keeps_its_weights_alone(world: World, waits: JobState) -> None:
    claim = world.running()
    weights, state = world.blob(b"weights"), world.blob(b"state")
    with world.database.write() as session:
        checkpoints.save(session, claim, 1, 0, {"last"}, weights, state)
        if waits is JobState.PAUSED:
            jobs.pause(session, world.account_id, claim.job_id)
        assert attempts.release(session, claim) is waits
    with world.database.write() as session:
        job = jobs.cancel(session, world.account_id, claim.job_id)
        last = checkpoints.find(session, job, "last")
        assert last is not None
        assert (last.blob_id, last.state_blob_id) == (weights, None)
        going = select(BlobRow.id).where(BlobRow.status == BlobState.DELETING)
        assert session.scalars(going).all() == [state]


def test_a_paused_job_keeps_its_data_set(world: World) -> None:
    job = in_state(world, JobState.PAUSED)
    with world.database.write() as session, pytest.raises(Conflict):
        datasets.delete(session, world.account_id, job.dataset_id)


@pytest.mark.parametrize("held", [False, True])
def test_a_job_that_is_not_over_cannot_be_deleted(world: World, held: bool) -> None:
    job = world.submit()
    if held:
        world.claim(job.id)
    with world.database.write() as session, pytest.raises(Conflict, match="Cancel it"):
        jobs.delete(session, world.account_id, job.id)
    assert world.job(job.id).id == job.id


def test_deleting_a_finished_job_leaves_nothing_of_it(world: World) -> None:
    claim = world.running(metadata={"k": "v"})
    blob, state = world.blob(b"weights"), world.blob(b"state")
    with world.database.write() as session:
        history.append(session, claim, [epoch(1)])
        checkpoints.save(session, claim, 1, 0, {"last"}, blob, state)
        attempts.finish(session, claim, RESULT, "epochs")
    with world.database.write() as session:
        jobs.delete(session, world.account_id, claim.job_id)
    orphans.remove(world.database)
    with world.database.read() as session:
        for table in (JobRow, EventRow, EpochRow, CheckpointRow, LabelRow):
            assert session.scalars(select(func.count()).select_from(table)).one() == 0
        # What is left is the data set's.
        for bytes_of in (BlobRow, ChunkRow):
            assert session.scalars(select(func.count()).select_from(bytes_of)).one() == 1
    with world.database.read() as session, pytest.raises(NotFound):
        jobs.get(session, world.account_id, claim.job_id)


def test_bytes_that_another_job_has_too_stay(world: World) -> None:
    dataset = world.dataset()
    claims = [world.claim(world.submit(dataset).id) for _ in range(2)]
    for claim in claims:
        with world.database.write() as session:
            checkpoints.save(session, claim, 1, 0, {"last"}, world.blob(b"the same weights"))
            attempts.finish(session, claim, RESULT, "epochs")
    for number, claim in enumerate(claims):
        with world.database.write() as session:
            jobs.delete(session, world.account_id, claim.job_id)
        assert orphans.remove(world.database) == number


def test_name_and_metadata_change_in_any_state(world: World) -> None:
    job = world.submit(name="old", metadata={"a": "1"})
    with world.database.write() as session:
        jobs.change(session, world.account_id, job.id, {"metadata": {"b": "2"}})
    assert (world.job(job.id).name, world.job(job.id).labels) == ("old", {"b": "2"})
    with world.database.write() as session:
        jobs.change(session, world.account_id, job.id, {"name": None})
    assert (world.job(job.id).name, world.job(job.id).labels) == (None, {"b": "2"})
    with world.database.read() as session:
        assert jobs.page(session, world.account_id, JobFilter(metadata={"a": "1"})).rows == []
        assert len(jobs.page(session, world.account_id, JobFilter(metadata={"b": "2"})).rows) == 1


def test_ids_sort_by_time() -> None:
    made = [ids.new_id(ids.JOB) for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
    assert all(ids.is_id("job", one) and not ids.is_id("ds", one) for one in made)


def test_what_no_database_can_hold_or_find_is_refused_or_not_there(world: World) -> None:
    with pytest.raises(ValidationError, match=r"U\+0000"):
        world.submit(name="a\x00b")
    claim = world.running()
    with world.database.read() as session:
        assert events.page(session, world.account_id, claim.job_id, after=10**30).rows == []
    if not world.database.is_sqlite:  # which holds anything
        with pytest.raises(InvalidRequest, match="cannot be stored"), world.database.read() as session:
            jobs.page(session, world.account_id, JobFilter(name="a\x00b"))
