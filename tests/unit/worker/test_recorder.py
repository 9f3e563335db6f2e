"""Records are written in batches, none is lost, and a person is told how long it will take."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy.orm import Session

from steepest.trainer.fit import EpochRecord, Progress
from store import attempts
from store.attempts import Claim
from store.database import Database
from tests.unit.worker.conftest import Desk
from worker.recorder import EVERY_SECONDS, Recorder


def record(epoch: int) -> EpochRecord:
    return EpochRecord(epoch, 1.0 / epoch, None, "accuracy", 0.5, None, 0.001, 0.01, best=True, state=lambda: None)  # type: ignore[arg-type,return-value]  # no state is asked for


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def claim(desk: Desk, dataset: str) -> Claim:
    job_id = desk.submit(dataset, epochs=1_000)
    with desk.here.database.write() as session:
        claim = attempts.claim(session, job_id, "w", 15.0)
    assert claim is not None
    return claim


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with every writing transaction."""
    begun: list[int] = []
    real = Database.write

    @contextmanager
    def write(database: Database) -> Iterator[Session]:
        begun.append(1)
        with real(database) as session:
            yield session

    monkeypatch.setattr(Database, "write", write)
    return begun


def test_tiny_epochs_share_transactions(desk: Desk, claim: Claim, clock: Clock, transactions: list[int]) -> None:
    recorder = Recorder(desk.here.database, claim, epochs=1_000, steps_per_epoch=2, clock=clock)
    for epoch in range(1, 101):
        clock.now += 0.01
        recorder.note(record(epoch))
    assert len(transactions) == pytest.approx(100 * 0.01 / EVERY_SECONDS, abs=2)
    with desk.here.database.write() as session:
        recorder.write(session)
    assert desk.epochs(claim.job_id) == list(range(1, 101))


def test_the_first_epoch_is_written_at_once(desk: Desk, claim: Claim, clock: Clock) -> None:
    Recorder(desk.here.database, claim, epochs=9, steps_per_epoch=2, clock=clock).note(record(1))
    assert desk.epochs(claim.job_id) == [1]


def test_time_left_goes_by_this_attempts_own_pace(desk: Desk, claim: Claim, clock: Clock) -> None:
    recorder = Recorder(desk.here.database, claim, epochs=10, steps_per_epoch=100, epoch=5, clock=clock)
    assert recorder.position.eta_seconds is None
    clock.now += 2.0
    recorder.note(Progress(6, 50, 100, 0.5, state=lambda: None))  # type: ignore[arg-type,return-value]  # no state is asked for
    assert recorder.position.eta_seconds == pytest.approx(2.0 / 50 * 450)
    assert (recorder.position.epoch, recorder.position.step) == (5, 50)
