"""Whose job is next: by priority, then by who has fewest at work, then by age, among those that may run."""

import random
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

from steepest.spec.errors import Diverged
from steepest.spec.job import JobSpec
from steepest.spec.states import JobState
from store import attempts, jobs, keys, scheduling
from store.database import Database, now
from store.fence import Claim
from store.models import DEFAULT_ACCOUNT, AccountRow, JobRow, KeyRow
from store.scheduling import MOST_AHEAD, Slot
from tests.unit.store.world import ENVIRONMENT, LEASE, World, resolved

ERROR = Diverged("The loss became NaN.", epoch=1, step=1, layer="layers.0").error()
SLOT = Slot("cpu", "worker:1", "worker:")
ACCOUNTS = [DEFAULT_ACCOUNT, *(f"acc_0000000000007000800000000000000{number}" for number in (2, 3))]


@pytest.fixture
def tenants(database: Database) -> list[str]:
    with database.write() as session:
        session.add_all(AccountRow(id=each, name="other", created_at=now(session)) for each in ACCOUNTS[1:])
    return ACCOUNTS


@pytest.fixture
def datasets(world: World, tenants: list[str]) -> dict[str, str]:
    return {account_id: replace(world, account_id=account_id).dataset().id for account_id in tenants}


def submit(
    world: World, dataset: str, *, account: str = DEFAULT_ACCOUNT, priority: int = 0, key: str = "", memory: int = 1
) -> str:
    world.clock.forward(0.01)
    spec = JobSpec.model_validate({"dataset": dataset, "target": "y", "priority": priority})
    with world.database.write() as session:
        return jobs.submit(session, account, spec, resolved(spec), key_id=key, memory_bytes=memory).id


def claim(world: World, slot: Slot = SLOT) -> Claim | None:
    with world.database.write() as session:
        return scheduling.claim(session, slot, LEASE)


def claimed(world: World, slot: Slot = SLOT) -> str | None:
    found = claim(world, slot)
    return None if found is None else found.job_id


def ahead(world: World, *job_ids: str) -> dict[str, int]:
    with world.database.read() as session:
        rows = session.scalars(select(JobRow).where(JobRow.id.in_(job_ids))).all()
        return scheduling.ahead(session, rows)


def test_the_oldest_goes_first_and_the_highest_priority_before_it(world: World, datasets: dict[str, str]) -> None:
    dataset = datasets[DEFAULT_ACCOUNT]
    low, old, new, high = (submit(world, dataset, priority=priority) for priority in (-1, 0, 0, 1))
    assert [claimed(world) for _ in range(5)] == [high, old, new, low, None]


def test_who_has_fewest_at_work_goes_first_among_equals(world: World, datasets: dict[str, str]) -> None:
    first, second, _ = ACCOUNTS
    many = [submit(world, datasets[first], account=first) for _ in range(3)]
    few = [submit(world, datasets[second], account=second) for _ in range(2)]
    assert [claimed(world) for _ in range(5)] == [many[0], few[0], many[1], few[1], many[2]]


def test_priority_comes_before_fairness(world: World, datasets: dict[str, str]) -> None:
    first, second, _ = ACCOUNTS
    submit(world, datasets[first], account=first)
    claim(world)
    urgent = submit(world, datasets[first], account=first, priority=5)
    submit(world, datasets[second], account=second)
    assert claimed(world) == urgent


@pytest.mark.parametrize("seed", range(4))
def test_any_order_is_that_of_a_plain_sort(world: World, datasets: dict[str, str], seed: int) -> None:
    draw = random.Random(seed)
    waiting: dict[str, tuple[int, str]] = {}
    held: list[Claim] = []
    for _ in range(60):
        if draw.random() < 0.6:
            account, priority = draw.choice(ACCOUNTS), draw.choice((-1, 0, 0, 2))
            job_id = submit(world, datasets[account], account=account, priority=priority, key=draw.choice(("", "k")))
            waiting[job_id] = (priority, account)
        elif held and draw.random() < 0.3:
            with world.database.write() as session:
                attempts.fail(session, held.pop(draw.randrange(len(held))), ERROR)
        else:
            at_work = [each.job.account_id for each in held]
            best = min(waiting, key=lambda one: (-waiting[one][0], at_work.count(waiting[one][1]), one), default=None)
            found = claim(world)
            assert (found and found.job_id) == best
            if found is not None:
                del waiting[found.job_id]
                held.append(found)


def test_a_job_for_another_device_is_not_for_this_worker(world: World, datasets: dict[str, str]) -> None:
    job_id = submit(world, datasets[DEFAULT_ACCOUNT])
    assert claimed(world, replace(SLOT, device="gpu")) is None
    assert claimed(world) == job_id


def test_a_key_at_its_limit_lets_others_pass(world: World, datasets: dict[str, str]) -> None:
    dataset = datasets[DEFAULT_ACCOUNT]
    with world.database.write() as session:
        limited = keys.create(session, DEFAULT_ACCOUNT, ["write"], "limited", max_running=1)[0].id
        free = keys.create(session, DEFAULT_ACCOUNT, ["write"], "free")[0].id
    first, second = (submit(world, dataset, key=limited, priority=1) for _ in range(2))
    other = submit(world, dataset, key=free)
    begun = claim(world)
    assert begun is not None
    assert begun.job_id == first
    assert [claimed(world), claimed(world)] == [other, None]
    with world.database.write() as session:
        attempts.fail(session, begun, ERROR)
    assert claimed(world) == second


def test_the_common_limit_holds_for_keys_that_say_nothing(world: World, datasets: dict[str, str]) -> None:
    with world.database.write() as session:
        generous = keys.create(session, DEFAULT_ACCOUNT, ["write"], "generous", max_running=3)[0].id
        plain = keys.create(session, DEFAULT_ACCOUNT, ["write"], "plain")[0].id
    for key in (generous, plain) * 2:
        submit(world, datasets[DEFAULT_ACCOUNT], key=key)
    slot = replace(SLOT, running_jobs=1)
    taken = [claimed(world, slot) for _ in range(4)]
    assert taken.count(None) == 1
    with world.database.read() as session:
        waiting = session.scalars(select(JobRow.key_id).where(JobRow.status == JobState.QUEUED)).all()
    assert waiting == [plain]


def test_a_worker_takes_what_fits_beside_its_other_jobs(world: World, datasets: dict[str, str]) -> None:
    dataset = datasets[DEFAULT_ACCOUNT]
    big, other_big, small = (submit(world, dataset, memory=memory) for memory in (70, 70, 30))
    slot = replace(SLOT, memory_bytes=100)
    assert [claimed(world, slot) for _ in range(3)] == [big, small, None]
    assert claimed(world, Slot("cpu", "another:1", "another:", memory_bytes=100)) == other_big


def test_a_claim_counts_what_workers_of_this_name_alone_hold(world: World, datasets: dict[str, str]) -> None:
    with world.database.read() as session:
        assert attempts.memory_held(session, "worker:") == 0
    submit(world, datasets[DEFAULT_ACCOUNT], memory=40)
    claim(world)
    with world.database.read() as session:
        assert [attempts.memory_held(session, prefix) for prefix in ("worker:", "work%", "other")] == [40, 0, 0]


def test_the_place_in_the_line_is_told_in_one_query(world: World, datasets: dict[str, str]) -> None:
    dataset = datasets[DEFAULT_ACCOUNT]
    low, old, new, high = (submit(world, dataset, priority=priority) for priority in (-1, 0, 0, 1))
    assert ahead(world, low, old, new, high) == {high: 0, old: 1, new: 2, low: 3}
    assert claimed(world) == high
    assert ahead(world, low, old, new, high) == {old: 0, new: 1, low: 2}


def test_a_place_far_back_is_told_as_the_most(
    world: World, datasets: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_AHEAD == 1000
    monkeypatch.setattr(scheduling, "MOST_AHEAD", 2)
    line = [submit(world, datasets[DEFAULT_ACCOUNT]) for _ in range(4)]
    assert ahead(world, *line) == dict(zip(line, (0, 1, 2, 2), strict=True))


def test_those_that_wait_are_counted_up_to_a_bound(world: World, datasets: dict[str, str]) -> None:
    for _ in range(3):
        submit(world, datasets[DEFAULT_ACCOUNT])
    claim(world)
    with world.database.read() as session:
        assert [scheduling.pending(session, DEFAULT_ACCOUNT, most) for most in (1, 9)] == [1, 2]
        assert scheduling.pending(session, ACCOUNTS[1], 9) == 0


def test_a_revoked_key_still_limits_what_it_submitted(world: World, datasets: dict[str, str]) -> None:
    with world.database.write() as session:
        row = keys.create(session, DEFAULT_ACCOUNT, ["write"], "limited", max_running=1)[0]
        session.flush()
        key_id = row.id
    for _ in range(2):
        submit(world, datasets[DEFAULT_ACCOUNT], key=key_id)
    with world.database.write() as session:
        session.get_one(KeyRow, key_id).revoked_at = world.clock.at
    claim(world)
    assert claimed(world) is None


def begun_elsewhere(world: World, dataset: str, **fields: Any) -> str:
    """A job that began in `ENVIRONMENT` and waits again."""
    job_id = submit(world, dataset, **fields)
    with world.database.write() as session:
        claim = attempts.claim(session, job_id, "another:1", LEASE)
        assert claim is not None
        attempts.start(session, claim, ENVIRONMENT)
        attempts.release(session, claim)
    return job_id


def test_a_job_waits_for_a_worker_of_the_environment_that_it_began_in(world: World, datasets: dict[str, str]) -> None:
    dataset = datasets[DEFAULT_ACCOUNT]
    here = replace(SLOT, environments={"one", ENVIRONMENT.sha256}, environment_wait_seconds=60)
    elsewhere = replace(here, environments={"one", "two"})
    first, second = (begun_elsewhere(world, dataset, priority=1) for _ in range(2))
    fresh = submit(world, dataset)
    assert claimed(world, elsewhere) == fresh
    assert claimed(world, elsewhere) is None
    assert claimed(world, here) == first
    world.clock.forward(59)
    assert claimed(world, elsewhere) is None
    world.clock.forward(1)
    assert claimed(world, elsewhere) == second


def test_the_wait_begins_anew_with_each_return_to_the_queue(world: World, datasets: dict[str, str]) -> None:
    job_id = begun_elsewhere(world, datasets[DEFAULT_ACCOUNT])
    elsewhere = replace(SLOT, environments={"one"}, environment_wait_seconds=60)
    with world.database.write() as session:
        jobs.pause(session, DEFAULT_ACCOUNT, job_id)
    world.clock.forward(100)
    with world.database.write() as session:
        jobs.resume(session, DEFAULT_ACCOUNT, job_id)
    assert claimed(world, elsewhere) is None
    world.clock.forward(60)
    assert claimed(world, elsewhere) == job_id


def test_a_clock_that_was_set_back_makes_no_job_wait_for_hours(world: World, datasets: dict[str, str]) -> None:
    job_id = begun_elsewhere(world, datasets[DEFAULT_ACCOUNT])
    world.clock.forward(-3600)
    assert claimed(world, replace(SLOT, environments={"one"}, environment_wait_seconds=60)) == job_id


def test_memory_and_environment_are_asked_for_together(world: World, datasets: dict[str, str]) -> None:
    dataset = datasets[DEFAULT_ACCOUNT]
    slot = replace(SLOT, memory_bytes=10, environments={"one"}, environment_wait_seconds=60)
    begun_elsewhere(world, dataset, memory=5)
    submit(world, dataset, memory=50)
    fits = submit(world, dataset, memory=5)
    assert [claimed(world, slot) for _ in range(2)] == [fits, None]


@pytest.mark.parametrize("choosy", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
def test_the_choice_reads_indexes_alone(world: World, *, bounded: bool, choosy: bool) -> None:
    """No plan walks through all jobs, or sorts all that wait."""
    if not world.database.is_sqlite:
        pytest.skip("a table of a few rows is read whole there, index or not")
    query = scheduling.best(bounded=bounded, choosy=choosy)
    slot = replace(SLOT, environments={"an environment"})
    with world.database.read() as session:
        bind = session.get_bind()
        query = query.params(scheduling._values(session, slot, 100))
        compiled = query.compile(bind, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in session.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))]
    assert any("ix_jobs_queue" in line for line in plan)
    assert not [line for line in plan if line.startswith("SCAN jobs") and "INDEX" not in line]
