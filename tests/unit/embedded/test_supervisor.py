from itertools import pairwise
from pathlib import Path

import pytest

from embedded import supervisor
from embedded.child import Child, Command
from embedded.refusal import Refused
from embedded.supervisor import Supervisor


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Actor(Child):
    """A child without a process: it runs from `start` until told otherwise."""

    def __init__(self, name: str, clock: Clock, *, deaf: bool = False, diary: list[str] | None = None) -> None:
        super().__init__(Command(name, ("true",), {}, grace=3.0), Path("/nowhere"))
        self.clock, self.deaf, self.diary = clock, deaf, diary if diary is not None else []
        self.alive = False

    def start(self) -> None:
        self.alive = True
        self.started_at = self.clock.now
        self.diary.append(f"start {self.name}")

    @property
    def running(self) -> bool:
        return self.alive

    def ask_to_stop(self) -> None:
        self.diary.append(f"ask {self.name}")
        self.alive = self.alive and self.deaf

    def clear(self) -> None:
        self.diary.append(f"clear {self.name}")
        self.alive = False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(supervisor, "time", clock)
    return clock


def test_what_has_died_starts_again_at_once_and_is_cleared_first(clock: Clock) -> None:
    said: list[str] = []
    keeper, child = Supervisor(said.append), Actor("api", clock)
    keeper.start(child)
    clock.now += 60
    child.alive = False
    keeper.tend()
    assert child.diary == ["start api", "clear api", "start api"]
    assert len(said) == 1
    assert "api" in said[0]


def test_a_living_child_is_left_alone(clock: Clock) -> None:
    keeper, child = Supervisor(print), Actor("api", clock)
    keeper.start(child)
    for _ in range(10):
        keeper.tend()
    assert child.diary == ["start api"]


def starts(keeper: Supervisor, child: Actor, clock: Clock, seconds: float) -> list[float]:
    """When a child that dies at once is started, in seconds from now."""
    begin, times = clock.now, []
    while clock.now < begin + seconds:
        child.alive = False
        before = child.diary.count("start api")
        keeper.tend()
        times += [clock.now - begin] * (child.diary.count("start api") - before)
        clock.now += 0.1
    return times


def test_what_dies_in_a_loop_is_started_ever_more_slowly(clock: Clock) -> None:
    keeper, child = Supervisor(lambda _: None), Actor("api", clock)
    keeper.start(child)
    times = starts(keeper, child, clock, 200)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] == 0.0
    assert max(pauses) < supervisor.LONGEST_PAUSE + 0.5
    assert pauses[-1] > supervisor.LONGEST_PAUSE - 0.5
    assert [round(pause) for pause in pauses[1:5]] == [1, 2, 4, 8]


def test_a_long_life_forgives_earlier_deaths(clock: Clock) -> None:
    keeper, child = Supervisor(lambda _: None), Actor("api", clock)
    keeper.start(child)
    starts(keeper, child, clock, 30)
    child.alive = False
    clock.now += 60
    keeper.tend()
    clock.now += 60
    assert starts(keeper, child, clock, 0.1) == [0.0]


def test_a_start_that_fails_again_and_again_is_given_up(clock: Clock) -> None:
    keeper, child = Supervisor(lambda _: None), Actor("api", clock)
    keeper.start(child)
    keeper.check_start()
    starts(keeper, child, clock, 5)
    with pytest.raises(Refused, match="api never started, again"):
        keeper.check_start()


def test_stages_stop_in_order_and_together_within_one(clock: Clock) -> None:
    diary: list[str] = []
    keeper = Supervisor(print)
    api, one, two, broker = (Actor(name, clock, diary=diary) for name in ("api", "one", "two", "broker"))
    for child in (broker, api, one, two):
        keeper.start(child)
    diary.clear()
    keeper.stop([[api], [one, two], [broker]], hurry=lambda: False)
    assert diary == [
        *("ask api", "clear api", "ask one", "ask two", "clear one", "clear two", "ask broker", "clear broker")
    ]


def test_who_does_not_listen_is_killed_after_its_grace(clock: Clock) -> None:
    keeper, child = Supervisor(print), Actor("api", clock, deaf=True)
    keeper.start(child)
    begin = clock.now
    keeper.stop([[child]], hurry=lambda: False)
    assert not child.alive
    assert clock.now - begin == pytest.approx(3.0, abs=0.1)


def test_a_second_request_ends_all_grace(clock: Clock) -> None:
    keeper, child = Supervisor(print), Actor("api", clock, deaf=True)
    keeper.start(child)
    begin = clock.now
    keeper.stop([[child]], hurry=lambda: True)
    assert not child.alive
    assert clock.now == begin


def test_nothing_starts_again_after_the_stop(clock: Clock) -> None:
    keeper, child = Supervisor(print), Actor("api", clock)
    keeper.start(child)
    keeper.stop([], hurry=lambda: False)
    keeper.tend()
    assert child.diary == ["start api", "ask api", "clear api"]
