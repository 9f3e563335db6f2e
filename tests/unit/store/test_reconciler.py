"""The reconciler puts right what a death left behind, says again what may have been lost, and tidies up."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from steepest.spec.errors import NotFound, Unavailable
from steepest.spec.states import DatasetState, JobState
from store import attempts, blobs, computations, datasets, idempotency, jobs, workers
from store.database import Database
from store.models import BlobRow, ChunkRow, IdempotencyRow, WorkerRow
from store.patience import MOST_FAILURES
from store.queue import Queue
from store.reconciler import Reconciler, Tick, wait_after
from store.settings import Keep, Settings
from tests.unit.store.world import COLUMNS, LEASE, World


class Broker(Queue):
    """A broker that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.prompted: list[tuple[str, str]] = []
        self.kept: frozenset[str] | None = frozenset()
        self.away = False

    def announce_job(self, job_id: str, device: str = "cpu") -> None:
        self.told.append(job_id)

    def prompt_job(self, job_id: str, device: str) -> None:
        self.prompted.append((job_id, device))

    def announce_dataset(self, dataset_id: str) -> None:
        self.told.append(dataset_id)

    def announce_computation(self, computation_id: str) -> None:
        self.told.append(computation_id)

    def waiting(self) -> frozenset[str] | None:
        if self.away:
            raise Unavailable("away")
        return self.kept

    def heard(self) -> list[str]:
        told, self.told = self.told, []
        return told


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def reconciler(database: Database, broker: Broker, tmp_path: Path) -> Reconciler:
    return Reconciler(database, broker, Settings(home=tmp_path, lease_seconds=LEASE))


def test_nothing_to_do_is_nothing_done(world: World, reconciler: Reconciler) -> None:
    world.running()
    world.submit()
    assert reconciler.tick() == Tick()


def test_a_job_whose_worker_fell_silent_is_queued_and_announced_in_the_same_look(
    world: World, reconciler: Reconciler, broker: Broker
) -> None:
    claim = world.running()
    world.clock.forward(LEASE)
    assert reconciler.tick() == Tick(expired=1, announced=1)
    assert broker.heard() == [claim.job_id]
    assert world.job(claim.job_id).status is JobState.QUEUED


def test_a_cancelled_job_whose_worker_fell_silent_is_over(world: World, reconciler: Reconciler, broker: Broker) -> None:
    claim = world.running()
    with world.database.write() as session:
        jobs.cancel(session, world.account_id, claim.job_id)
    world.clock.forward(LEASE)
    assert reconciler.tick() == Tick(expired=1)
    assert (world.job(claim.job_id).status, broker.heard()) == (JobState.CANCELLED, [])


def test_a_poison_job_is_not_announced_again(world: World, reconciler: Reconciler, broker: Broker) -> None:
    job = world.submit()
    for _ in range(MOST_FAILURES):
        world.claim(job.id)
        world.clock.forward(LEASE)
        broker.heard()
        reconciler.tick()
    assert (world.job(job.id).status, broker.heard()) == (JobState.FAILED, [])


def test_a_data_set_whose_worker_fell_silent_is_announced_again(
    world: World, reconciler: Reconciler, broker: Broker
) -> None:
    row = world.upload()
    with world.database.write() as session:
        datasets.claim(session, row.id, "worker", LEASE)
    world.clock.forward(LEASE)
    assert reconciler.tick() == Tick(expired=1, announced=1)
    assert broker.heard() == [row.id]


def test_a_computation_whose_worker_fell_silent_is_announced_again(
    world: World, reconciler: Reconciler, broker: Broker
) -> None:
    row = world.computation()
    with world.database.write() as session:
        computations.claim(session, row.id, "worker", LEASE)
    world.clock.forward(LEASE)
    assert reconciler.tick() == Tick(expired=1, announced=1)
    assert broker.heard() == [row.id]


def test_lost_messages_are_repeated_ever_more_seldom(world: World, reconciler: Reconciler, broker: Broker) -> None:
    row, job, computation = world.upload(), world.submit(), world.computation()
    heard: dict[str, list[float]] = {row.id: [], job.id: [], computation.id: []}
    for second in range(0, 2000, 30):
        reconciler.tick()
        for told in broker.heard():
            heard[told].append(second)
        world.clock.forward(30)
    assert heard[row.id] == heard[job.id] == heard[computation.id]
    assert heard[job.id][:7] == [30, 90, 210, 450, 750, 1050, 1350]


def test_what_waits_in_the_broker_is_not_said_twice(world: World, reconciler: Reconciler, broker: Broker) -> None:
    dataset = world.dataset()
    waiting, lost = world.submit(dataset), world.submit(dataset)
    broker.kept = frozenset({waiting.id})
    world.clock.forward(31)
    assert reconciler.tick() == Tick(announced=1)
    assert broker.heard() == [lost.id]
    broker.kept = None  # so many messages that everything is taken to be among them
    world.clock.forward(600)
    assert reconciler.tick() == Tick()


def test_a_broker_that_is_away_delays_no_announcement_beyond_its_return(
    world: World, reconciler: Reconciler, broker: Broker
) -> None:
    job = world.submit()
    broker.away = True
    for _ in range(20):
        world.clock.forward(60)
        assert reconciler.tick() == Tick()
    broker.away = False
    assert reconciler.tick() == Tick(announced=1)
    assert broker.heard() == [job.id]


def test_several_at_once_do_everything_once(world: World, broker: Broker, tmp_path: Path) -> None:
    dataset = world.dataset()
    claims = [world.claim(world.submit(dataset).id) for _ in range(5)]
    world.clock.forward(LEASE)
    settings = Settings(home=tmp_path, lease_seconds=LEASE)
    ticks: list[Tick] = []
    threads = [
        threading.Thread(target=lambda: ticks.append(Reconciler(world.database, broker, settings).tick()))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(tick.expired for tick in ticks) == 5
    assert sorted(broker.heard()) == sorted(claim.job_id for claim in claims)
    assert all(world.job(claim.job_id).last_event == 3 for claim in claims)


def test_what_is_untidy_is_cleared_away(world: World, reconciler: Reconciler) -> None:
    def half() -> Iterator[bytes]:
        yield bytes(blobs.CHUNK)
        raise KeyboardInterrupt

    world.blob(b"nobody came for it")
    with pytest.raises(KeyboardInterrupt):
        blobs.write(world.database, world.account_id, half())
    with world.database.write() as session:
        idempotency.reserve(session, world.account_id, "key", "body")
        workers.beat(session, "worker", ["cpu"], 2)
    world.clock.forward(timedelta(days=2).total_seconds())
    for _ in range(25):
        reconciler.tick()
    with world.database.read() as session:
        for table in (BlobRow, ChunkRow, IdempotencyRow, WorkerRow):
            assert session.scalars(select(func.count()).select_from(table)).one() == 0


def test_space_goes_back_to_the_file_system(world: World, reconciler: Reconciler, tmp_path: Path) -> None:
    if not world.database.is_sqlite:
        pytest.skip("PostgreSQL sees to that itself")
    dataset = world.upload(bytes(8 * blobs.CHUNK))
    world.database.close()
    full = (tmp_path / "steepest.db").stat().st_size
    with world.database.write() as session:
        datasets.delete(session, world.account_id, dataset.id)
    reconciler.tick()
    world.database.close()
    assert (tmp_path / "steepest.db").stat().st_size < full - 7 * blobs.CHUNK


def test_it_runs_until_it_is_stopped_and_survives_outages(
    world: World, broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, looks = threading.Event(), []
    reconciler = Reconciler(world.database, broker, replace(Settings(home=tmp_path), lease_seconds=0.006))

    def tick() -> Tick:
        looks.append(1)
        if len(looks) == 1:
            raise Unavailable("the database is away")
        if len(looks) == 2:
            raise RuntimeError("a bug")
        stop.set()
        return Tick()

    monkeypatch.setattr(reconciler, "tick", tick)
    reconciler.run(stop)
    assert len(looks) == 3


def test_waiting_doubles_from_half_a_minute_to_five() -> None:
    assert [wait_after(number).total_seconds() for number in (0, 1, 2, 3, 4, 1000)] == [30, 60, 120, 240, 300, 300]


def test_workers_are_counted_by_their_signs_of_life(world: World) -> None:
    for name in ("one", "two"):
        with world.database.write() as session:
            workers.beat(session, name, ["cpu", "short"], 2)
    world.clock.forward(10)
    with world.database.write() as session:
        workers.beat(session, "one", ["cpu"], 2)
        assert len(workers.alive(session, LEASE)) == 2
    world.clock.forward(10)
    with world.database.write() as session:
        assert len(workers.alive(session, LEASE)) == 1
        workers.leave(session, "one")
        assert len(workers.alive(session, LEASE)) == 0


def test_a_data_set_that_is_ready_is_left_alone(world: World, reconciler: Reconciler) -> None:
    row = world.upload()
    with world.database.write() as session:
        claim = datasets.claim(session, row.id, "worker", LEASE)
        assert claim is not None
        assert datasets.mark_ready(session, claim, 2, COLUMNS).status is DatasetState.READY
    world.clock.forward(3600)
    assert reconciler.tick().announced == 0


def test_what_is_due_by_the_rules_of_retention_goes(world: World, broker: Broker, tmp_path: Path) -> None:
    job = world.succeeded()
    running = world.running()
    settings = Settings(home=tmp_path, lease_seconds=LEASE, keep=Keep(jobs_days=1))
    world.clock.forward(86_400)
    with world.database.write() as session:
        attempts.renew(session, running, LEASE)
    Reconciler(world.database, broker, settings).tick()
    with pytest.raises(NotFound):
        world.job(job.id)
    assert world.job(running.job_id).status is JobState.RUNNING
