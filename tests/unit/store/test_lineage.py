"""Where weights come from, and which earlier job came from the same."""

import threading

import pytest

from steepest.spec.columns import Column, ColumnChange
from steepest.spec.job import JobSpec
from steepest.spec.resolved import ResolvedJobSpec
from store import attempts, datasets, jobs, lineage
from store.fence import Claim
from store.models import JobRow, LineageRow
from tests.unit.store.world import COLUMNS, LEASE, RESULT, World, resolved

CODE, OTHER_CODE, SPLIT = "c" * 64, "d" * 64, "e" * 64


def train(world: World, job: JobRow, code: str = CODE) -> None:
    """An attempt from its beginning to success."""
    claim = world.claim(job.id)
    begin(world, claim, code)
    with world.database.write() as session:
        attempts.finish(session, claim, RESULT, "epochs")


def begin(world: World, claim: Claim, code: str = CODE, *, resumed: bool = False) -> None:
    with world.database.write() as session:
        lineage.trained(session, claim, version="1", code_sha256=code, split_sha256=SPLIT, resumed=resumed)


def found(world: World, job: JobRow, code: str = CODE) -> str | None:
    """The job that such a job would be answered with."""
    with world.database.read() as session:
        row = lineage.earlier(session, world.account_id, job.resolved_spec, code)
    return row.id if row else None


def of(world: World, job_id: str) -> LineageRow:
    with world.database.read() as session:
        return lineage.of(session, world.account_id, [job_id])[job_id]


def test_a_job_knows_at_once_what_it_comes_from_and_later_what_trained_it(world: World) -> None:
    dataset = world.dataset()
    job = world.submit(dataset)
    row = of(world, job.id)
    assert (row.dataset_sha256, row.split_sha256, row.code_version, row.code_sha256) == (
        dataset.sha256,
        None,
        None,
        None,
    )
    assert row.spec_sha256 == lineage.spec_sha256(job.resolved_spec)
    train(world, job)
    row = of(world, job.id)
    assert (row.split_sha256, row.code_version, row.code_sha256) == (SPLIT, "1", CODE)


def test_only_a_job_that_succeeded_is_found_and_the_newest_of_them(world: World) -> None:
    dataset = world.dataset()
    first, second, third = (world.submit(dataset) for _ in range(3))
    assert found(world, first) is None
    train(world, first)
    assert found(world, third) == first.id
    train(world, second)
    assert found(world, third) == second.id
    begin(world, world.claim(third.id))
    assert found(world, third) == second.id
    with world.database.write() as session:
        jobs.delete(session, world.account_id, second.id)
    assert found(world, third) == first.id


def test_equal_bytes_under_another_id_are_the_same_data(world: World) -> None:
    earlier = world.submit(world.dataset())
    train(world, earlier)
    assert found(world, world.submit(world.dataset())) == earlier.id
    assert found(world, world.submit(world.dataset(b"x,y\n1,a\n3,b\n"))) is None


def test_equal_bytes_that_are_read_in_another_way_are_other_data(world: World) -> None:
    train(world, world.submit(world.dataset()))
    uploaded = world.upload()
    columns = [Column(name="x", kind="categorical", count=2, missing=0, distinct=2), COLUMNS[1]]
    with world.database.write() as session:
        claim = datasets.claim(session, uploaded.id, "worker", LEASE)
        assert claim is not None
        row = datasets.mark_ready(session, claim, 2, columns, [])
    assert found(world, world.submit(row)) is None


def test_a_role_is_no_other_data(world: World) -> None:
    dataset = world.dataset()
    earlier = world.submit(dataset)
    train(world, earlier)
    with world.database.write() as session:
        datasets.change(session, world.account_id, dataset.id, columns={"x": ColumnChange(role="identifier")})
    assert found(world, world.submit(dataset)) == earlier.id


@pytest.mark.parametrize("change", [{"seed": 1}, {"epochs": 8}, {"layers": []}, {"max_seconds": 1.0}])
def test_another_spec_is_another_job(world: World, change: dict[str, object]) -> None:
    dataset = world.dataset()
    train(world, world.submit(dataset))
    assert found(world, world.submit(dataset, **change)) is None


@pytest.mark.parametrize(
    "change", [{"name": "n"}, {"metadata": {"k": "v"}}, {"reuse": True}, {"checkpoint_every": {"seconds": 1.0}}]
)
def test_names_and_the_like_decide_nothing(world: World, change: dict[str, object]) -> None:
    dataset = world.dataset()
    earlier = world.submit(dataset)
    train(world, earlier)
    assert found(world, world.submit(dataset, **change)) == earlier.id


def test_every_field_of_a_spec_counts_unless_it_is_known_not_to() -> None:
    """A field of a later release changes the hash without being named here."""
    spec = resolved(JobSpec.model_validate({"dataset": "ds_1", "target": "y"}))
    assert set(ResolvedJobSpec.model_fields) > lineage.DECIDES_NOTHING
    hashes = {lineage.spec_sha256(spec.model_copy(update={name: "other"})) for name in lineage.DECIDES_NOTHING}
    assert hashes == {lineage.spec_sha256(spec)}


def test_other_code_trains_anew(world: World) -> None:
    job = world.submit()
    train(world, job)
    assert found(world, job, OTHER_CODE) is None
    assert found(world, job) == job.id


def test_weights_of_two_codes_come_from_neither(world: World) -> None:
    job = world.submit()
    claim = world.claim(job.id)
    begin(world, claim)
    with world.database.write() as session:
        attempts.release(session, claim)
    claim = world.claim(job.id)
    begin(world, claim, OTHER_CODE, resumed=True)
    assert (of(world, job.id).code_version, of(world, job.id).code_sha256) == ("1", None)
    begin(world, claim, OTHER_CODE, resumed=True)
    assert of(world, job.id).code_sha256 is None
    begin(world, claim, OTHER_CODE)  # from the beginning
    assert of(world, job.id).code_sha256 == OTHER_CODE
    begin(world, claim, OTHER_CODE, resumed=True)
    assert of(world, job.id).code_sha256 == OTHER_CODE


def test_another_accounts_jobs_do_not_exist(world: World) -> None:
    job = world.submit()
    train(world, job)
    with world.database.read() as session:
        assert lineage.earlier(session, "acc_2", job.resolved_spec, CODE) is None


def test_a_job_that_is_about_to_be_the_answer_is_not_deleted_meanwhile(world: World) -> None:
    job = world.submit()
    train(world, job)
    deleted = threading.Event()

    def delete() -> None:
        with world.database.write() as session:
            jobs.delete(session, world.account_id, job.id)
        deleted.set()

    other = threading.Thread(target=delete)
    with world.database.write() as session:
        assert lineage.earlier(session, world.account_id, job.resolved_spec, CODE, held=True) is not None
        other.start()
        assert not deleted.wait(0.3)
    other.join()
    assert found(world, job) is None
