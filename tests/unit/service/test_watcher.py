"""The watcher: who waits looks again after a commit, and only then; not too many wait; a stop frees all."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from service.watcher import Watcher
from steepest.spec.errors import Unavailable
from store import workers
from store.database import Database


def commit(database: Database) -> None:
    with database.write() as session:
        workers.beat(session, "somebody", ["cpu"], 1)


class Looks:
    """Counts the looks; the answer is how many commits were seen to have happened."""

    def __init__(self) -> None:
        self.count = 0
        self.found = 0

    def __call__(self) -> int:
        self.count += 1
        return self.found


def in_thread(task: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(task()))
    thread.start()
    return thread, answers


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.002)


def test_nothing_to_wait_for_answers_at_once(database: Database) -> None:
    watcher, looks = Watcher(database, 1), Looks()
    assert watcher.until(looks, lambda found: False, 0) == 0
    assert watcher.until(looks, lambda found: True, 30) == 0
    assert (looks.count, watcher.waiting) == (2, 0)


def test_a_commit_makes_who_waits_look_again(database: Database) -> None:
    watcher, looks = Watcher(database, 1), Looks()
    thread, answers = in_thread(lambda: watcher.until(looks, lambda found: found >= 2, 30))
    for step in (1, 2):
        until(lambda: watcher.waiting == 1)
        looks.found = step
        commit(database)
    thread.join(20)
    assert answers == [2]
    assert watcher.waiting == 0


def test_without_a_commit_nobody_looks(database: Database) -> None:
    watcher, looks = Watcher(database, 1), Looks()
    assert watcher.until(looks, lambda found: False, 0.4) == 0
    # At first, once when the watching begins, and no more.
    assert looks.count <= 2


def test_a_writer_neither_stops_nor_wakes_the_watch_before_it_commits(database: Database) -> None:
    with database.watch() as version:
        before = version()
        with database.write() as session:
            workers.beat(session, "somebody", ["cpu"], 1)
            if database.is_sqlite:
                assert version() == before
        after = version()
        assert after != before
        assert version() == after


def test_one_too_many_answers_at_once(database: Database) -> None:
    watcher, looks = Watcher(database, 1), Looks()
    thread, _ = in_thread(lambda: watcher.until(looks, lambda found: False, 30))
    until(lambda: watcher.waiting == 1)
    assert watcher.until(lambda: 7, lambda found: False, 30) == 7
    watcher.close()
    thread.join(20)
    assert not thread.is_alive()
    assert watcher.until(lambda: 8, lambda found: False, 30) == 8


def test_what_looking_raises_reaches_who_waits(database: Database) -> None:
    watcher = Watcher(database, 1)

    def away() -> int:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        watcher.until(away, lambda found: False, 30)
    assert watcher.waiting == 0


def test_the_watch_outlives_an_outage(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    watcher, looks = Watcher(database, 1), Looks()
    watch = database.watch
    failures: list[bool] = []

    def sometimes() -> Any:
        if not failures:
            failures.append(True)
            raise Unavailable("away")
        return watch()

    monkeypatch.setattr(database, "watch", sometimes)
    monkeypatch.setattr("service.watcher.SECONDS_AFTER_FAILURE", 0.01)
    thread, answers = in_thread(lambda: watcher.until(looks, lambda found: found == 1, 30))
    until(lambda: bool(failures))
    looks.found = 1
    commit(database)
    thread.join(20)
    assert answers == [1]
