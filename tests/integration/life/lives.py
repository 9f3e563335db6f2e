"""Jobs' lives, from the upload to the last byte swept, in one thread and by one clock: every run takes equal steps.

The API, the worker and the reconciler are the real ones. The lease has no thread: it looks whenever the work shows
that it is alive. Time passes only where someone waits. What happens to a job while it trains happens between two of its
epochs, in the thread of its worker.
"""

import errno
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, Self

import pytest
from safetensors import numpy as tensors
from sqlalchemy import func, select

from service.app import create_app
from steepest.spec.errors import Unavailable
from steepest.trainer.fit import EpochRecord, Item, fit
from steepest.trainer.state import State
from store import keys
from store.database import Database
from store.models import DEFAULT_ACCOUNT, BlobRow, DatasetRow, JobRow
from store.reconciler import Reconciler
from store.settings import Settings
from tests.integration.life.faults import Broker, Death, Sites, WatchedQueue
from tests.invariants import violations
from worker import attempt, ingest, recorder, runner, training
from worker.cache import Cache
from worker.drain import Drain
from worker.identity import Identity
from worker.lease import Lease
from worker.process import Process
from worker.saving import Saver

ROWS: Final = ("length,kind\n" + "".join(f"{index % 7}.5,{'ab'[index % 7 > 3]}\n" for index in range(24))).encode()
EPOCHS: Final = 3
MIDDLE: Final = 2
"""The epoch after which something happens to a job that trains."""
ROUNDS: Final = 40
"""Looks of the reconciler after which work that has not ended is taken to be lost."""


class Time:
    """The one clock."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        """The database's time."""
        return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """A process's time."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


@dataclass(frozen=True)
class Outcome:
    """What the owner of a job got."""

    weights: dict[str, tuple[str, tuple[int, ...], bytes]]
    """Each array's type, shape and bytes; the ids in a file's metadata differ."""
    predictions: Any


class Life:
    """The world of one job, with the shim around it."""

    def __init__(self, url: str, home: Path, sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sites, self.time = sites, Time()
        self.database = Database(url, clock=self.time.now)
        with self.database.write() as session:
            key = keys.create(session, DEFAULT_ACCOUNT, ("read", "write"), "life")[1]
        settings = Settings(home=home, database_url=url, broker_url="memory://", threads=4)
        self.queue = WatchedQueue(Broker(sites), sites)
        self.queue.broker.is_committed = self._is_committed
        self._client = create_app(settings, self.database, self.queue).test_client()
        self._headers = {"Authorization": f"Bearer {key}"}
        self._settings = replace(settings, lease_seconds=3.0)
        drain = Drain.make(home)
        self._process = Process(
            settings=self._settings,
            identity=Identity("life@here/1", ("cpu", "short", "computations"), Path(drain.path)),
            database=self.database,
            queue=self.queue,
            cache=Cache(home / "cache", 1 << 28),
            drain=drain,
        )
        self._acts: list[Callable[[], None]] = []
        self._replace_clocks(monkeypatch)
        monkeypatch.setattr(training, "fit", self._fit)
        sites.watch_database(self.database, monkeypatch)
        sites.watch_files(monkeypatch)

    def live(self, course: "Course") -> Outcome:
        """All of it; what its owner got.

        Raises:
            AssertionError: an acknowledged request did not reach its end, or an invariant does not hold.
        """
        query = "/v1/datasets?name=rows"
        dataset = self._ask("POST", query, data=ROWS, content_type="text/csv", key="upload")["id"]
        self._work_until(lambda: self._state(f"/v1/datasets/{dataset}") in ("ready", "failed"))
        assert self._state(f"/v1/datasets/{dataset}") == "ready"
        spec = {"dataset": dataset, "target": "kind", "layers": [{"units": 2}], "epochs": EPOCHS, "seed": 7}
        outcome = course(self, spec)
        self._ask("DELETE", f"/v1/datasets/{dataset}")
        for _ in range(4):
            self.time.sleep(700)
            self._reconcile()
        self._check()
        self._nothing_is_left()
        return outcome

    # What may happen to a job.

    def submit(self, spec: dict[str, Any]) -> str:
        """The path of a new job."""
        return f"/v1/jobs/{self._ask('POST', '/v1/jobs', json=spec, key=f'submit {spec}')['id']}"

    def request(self, path: str, name: str) -> str:
        """The state that a job is in after `cancel`, `pause`, `resume` or `retry`."""
        return str(self._ask("POST", f"{path}/{name}")["status"])

    def end(self, path: str) -> str:
        """Work until a job is over, resumed if it was paused; its state."""
        self._work_until(lambda: self._is_over(path))
        return self._state(path)

    def take(self, path: str) -> Outcome:
        """What the owner of a job that succeeded gets; the job is deleted."""
        assert self._state(path) == "succeeded"
        job = self._ask("GET", path)
        assert (job["progress"]["epoch"], job["bit_exact"]) == (EPOCHS, True)
        weights = self._ask("GET", f"{path}/weights")
        predictions = self._ask("POST", f"{path}/predictions", json={"rows": [{"length": 1.5}]})["data"]
        self._ask("DELETE", path)
        arrays = {name: (str(a.dtype), a.shape, a.tobytes()) for name, a in tensors.load(weights).items()}
        return Outcome(arrays, predictions)

    def leave(self, path: str) -> None:
        """Look at what a job left that did not succeed, and delete it."""
        assert self._ask("GET", f"{path}/checkpoints")["data"], "it kept no weights"
        self._ask("GET", f"{path}/weights?checkpoint=initial")
        self._ask("DELETE", path)

    def in_the_middle(self, act: Callable[[], None]) -> None:
        """Have something happen once, after an epoch of the next attempt."""
        self._acts.append(act)

    def be_overtaken(self) -> None:
        """Stand still until the lease is over and another worker has done the work."""
        self.time.sleep(self._settings.lease_seconds + 1)
        self._reconcile()
        self._drain_messages()

    def _is_over(self, path: str) -> bool:
        state = self._state(path)
        if state == "paused":
            self.request(path, "resume")
        return state in ("succeeded", "failed", "cancelled")

    def _ask(self, method: str, path: str, *, key: str | None = None, **request: Any) -> Any:
        """What the API answers, asked again for as long as it says that this may help, as the client does."""
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        for tries in range(ROUNDS):
            with suppress(Death, Unavailable):  # the second breaks a download off, whose status is sent already
                answer = self._client.open(path, method=method, headers=headers, buffered=True, **request)
                if answer.status_code < 400:
                    self.sites.repair()
                    return answer.get_json() if answer.is_json else answer.data
                if method == "DELETE" and tries and answer.status_code == 404:
                    return None  # an earlier try did it
                problem = answer.get_json()
                # Under this key the first try may still be at work, or have died: its answer or its end is to come.
                at_work = answer.status_code == 409 and "Retry-After" in answer.headers and tries and key
                assert problem["retryable"] or at_work, problem
            self.sites.repair()
            self._check()
            self.time.sleep(20)
        raise AssertionError(f"{method} {path} is never answered")

    def _state(self, path: str) -> str:
        return str(self._ask("GET", path)["status"])

    def _work_until(self, done: Callable[[], bool]) -> None:
        for _ in range(ROUNDS):
            self._drain_messages()
            if done():
                return
            self.time.sleep(20)
            self._reconcile()
        raise AssertionError("the work does not end")

    def _drain_messages(self) -> None:
        while self.queue.broker.messages:
            task, subject = self.queue.broker.messages.pop(0)
            run = {"steepest.train": runner.run, "steepest.ingest": ingest.run}[task]
            self._as_process(partial(run, self._process, subject))

    def _reconcile(self) -> None:
        self._as_process(Reconciler(self.database, self.queue, self._settings).tick)

    def _as_process(self, act: Callable[[], Any]) -> None:
        """Do what a process does that logs its errors and goes on, or is started anew."""
        with suppress(Death, Exception):
            act()
        self.sites.repair()
        self._check()

    def _check(self) -> None:
        with self.sites.unwatched():
            found = violations(self.database)
        assert not found, found
        assert not self.queue.broker.early, f"announced before the commit: {self.queue.broker.early}"

    def _is_committed(self, subject: str) -> bool:
        with self.sites.unwatched(), self.database.read() as session:
            return any(session.get(table, subject) is not None for table in (JobRow, DatasetRow))

    def _nothing_is_left(self) -> None:
        with self.sites.unwatched(), self.database.read() as session:
            left = [session.scalar(select(func.count()).select_from(table)) for table in (JobRow, BlobRow)]
        assert left == [0, 0]

    def _fit(self, *arguments: Any, **named: Any) -> Iterator[Item]:
        for item in fit(*arguments, **named):
            if isinstance(item, EpochRecord) and item.epoch == MIDDLE and self._acts:
                self._acts.pop()()
            yield item

    def _replace_clocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = self.time

        class Looking(Lease):
            """A lease that looks when the work shows that it is alive."""

            def __init__(self, *args: Any, taken_at: float, **named: Any) -> None:
                super().__init__(*args, taken_at=world.monotonic(), clock=world.monotonic, **named)

            def __enter__(self) -> Self:
                return self

            def __exit__(self, *_: object) -> None:
                self._ended.set()

            def alive(self) -> None:
                super().alive()
                self.beat()

        monkeypatch.setattr(runner, "Lease", Looking)
        monkeypatch.setattr(ingest, "Lease", Looking)
        monkeypatch.setattr(attempt, "time", world)
        monkeypatch.setattr(recorder, "EVERY_SECONDS", -1.0)
        # None at the last epoch: the end of the job has to clear a state away.
        monkeypatch.setattr(Saver, "checkpoint", _only_before(EPOCHS, Saver.checkpoint))
        monkeypatch.setattr(Saver, "is_due", lambda *_: True)


Course = Callable[[Life, dict[str, Any]], Outcome]
"""What happens to the jobs of a life, and what their owner gets in the end."""


def undisturbed(life: Life, spec: dict[str, Any]) -> Outcome:
    """Paused and resumed while it waits, as anyone may; then it succeeds."""
    path = life.submit(spec)
    assert life.request(path, "pause") == "paused"
    assert life.request(path, "resume") == "queued"
    life.end(path)
    return life.take(path)


def paused(life: Life, spec: dict[str, Any]) -> Outcome:
    """Paused while it trains, and resumed."""
    path = life.submit(spec)
    life.in_the_middle(lambda: _asked(life, path, "pause"))
    life.end(path)
    return life.take(path)


def cancelled(life: Life, spec: dict[str, Any]) -> Outcome:
    """Cancelled while it trains; its owner then has another one trained."""
    path = life.submit(spec)
    life.in_the_middle(lambda: _asked(life, path, "cancel"))
    assert life.end(path) == "cancelled"
    life.leave(path)
    return undisturbed(life, spec | {"name": "another"})


def retried(life: Life, spec: dict[str, Any]) -> Outcome:
    """Failed, because its worker's disk is full, and retried."""
    path = life.submit(spec)
    life.in_the_middle(_disk_is_full)
    if life.end(path) == "failed":  # else its worker died of something else, and the next one had room
        assert life.request(path, "retry") == "queued"
        life.end(path)
    return life.take(path)


def overtaken(life: Life, spec: dict[str, Any]) -> Outcome:
    """Its worker stands still past the lease, and wakes when another one is done."""
    path = life.submit(spec)
    life.in_the_middle(life.be_overtaken)
    life.end(path)
    return life.take(path)


def warm(life: Life, spec: dict[str, Any]) -> Outcome:
    """Begun with the weights of another job, which is deleted meanwhile."""
    first = life.submit(spec)
    life.end(first)
    job = first.rpartition("/")[2]
    second = life.submit(spec | {"warm_start": {"job": job, "checkpoint": "last"}})
    life.take(first)
    life.end(second)
    return life.take(second)


COURSES: Final[tuple[Course, ...]] = (undisturbed, paused, cancelled, retried, overtaken, warm)


def _asked(life: Life, path: str, name: str) -> None:
    life.request(path, name)


def _disk_is_full() -> None:
    raise OSError(errno.ENOSPC, "there is no room")


def _only_before(epoch: int, checkpoint: Callable[..., None]) -> Callable[..., None]:
    def save(saver: Saver, state: State, *rest: Any, **named: Any) -> None:
        if state.epoch - 1 < epoch:
            checkpoint(saver, state, *rest, **named)

    return save
