"""A lease is renewed in time, tells why to stop, and ends here before it ends in the database."""

from collections.abc import Callable

import pytest

from worker.lease import Lease, Stop


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Database:
    """Answers a lease's questions, or does not."""

    def __init__(self) -> None:
        self.renewals: list[bool] = []
        self.answer: Stop | None = None
        self.down = False

    def __call__(self, renew: bool) -> Stop | None:
        if self.down:
            raise ConnectionError("the database is away")
        self.renewals.append(renew)
        return self.answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database() -> Database:
    return Database()


def lease_of(database: Database, clock: Clock, on_hung: Callable[[], None] = lambda: None) -> Lease:
    return Lease(database, 15.0, taken_at=clock.now, clock=clock, hung_seconds=60.0, on_hung=on_hung)


def beat(lease: Lease, clock: Clock, seconds: float) -> None:
    clock.now += seconds
    lease.beat()


def test_it_is_renewed_at_a_third(database: Database, clock: Clock) -> None:
    lease = lease_of(database, clock)
    for _ in range(12):
        beat(lease, clock, 1.0)
    assert [second + 1 for second, renewed in enumerate(database.renewals) if renewed] == [5, 10]
    assert lease.stop is None


@pytest.mark.parametrize("reason", [Stop.CANCEL, Stop.PAUSE, Stop.FENCED])
def test_it_tells_why_to_stop(database: Database, clock: Clock, reason: Stop) -> None:
    lease = lease_of(database, clock)
    database.answer = reason
    beat(lease, clock, 0.3)
    assert lease.stop is reason


def test_a_pause_may_become_a_cancel(database: Database, clock: Clock) -> None:
    lease = lease_of(database, clock)
    for database.answer in (Stop.PAUSE, Stop.CANCEL):
        beat(lease, clock, 0.3)
    assert lease.stop is Stop.CANCEL


def test_fenced_off_is_for_good(database: Database, clock: Clock) -> None:
    lease = lease_of(database, clock)
    for database.answer in (Stop.FENCED, None):
        beat(lease, clock, 6.0)
    clock.now += 100.0
    assert lease.stop is Stop.FENCED


def test_an_outage_shorter_than_the_lease_is_survived(database: Database, clock: Clock) -> None:
    lease = lease_of(database, clock)
    database.down = True
    for _ in range(14):
        beat(lease, clock, 1.0)
        assert lease.stop is None
    database.down = False
    beat(lease, clock, 0.5)
    assert database.renewals == [True]
    clock.now += 14.9
    assert lease.stop is None


def test_a_worker_cut_off_for_a_lease_stops_itself(database: Database, clock: Clock) -> None:
    lease = lease_of(database, clock)
    database.down = True
    beat(lease, clock, 7.0)
    clock.now += 8.0
    assert lease.stop is Stop.CUT_OFF


def test_work_that_hangs_is_given_up_and_not_renewed(database: Database, clock: Clock) -> None:
    given_up: list[bool] = []
    lease = lease_of(database, clock, on_hung=lambda: given_up.append(True))
    beat(lease, clock, 50.0)
    lease.alive()
    beat(lease, clock, 50.0)
    assert given_up == []
    beat(lease, clock, 11.0)
    assert given_up == [True]
    assert len(database.renewals) == 2


def test_the_thread_asks_by_itself_and_ends_with_the_context(database: Database, clock: Clock) -> None:
    database.answer = Stop.CANCEL
    with Lease(database, 0.05, taken_at=clock.now, clock=clock) as lease:
        while lease.stop is None:
            pass
    asked = len(database.renewals)
    assert asked >= 1
    lease.beat()
    assert len(database.renewals) == asked + 1
