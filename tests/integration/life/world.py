"""The world of a life, in one thread at a time and by one clock: every run takes equal steps.

The API, the workers and the reconciler are the real ones. The lease has no thread: it looks whenever the work shows
that it is alive. Time passes only where someone waits.
"""

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import pytest
from flask.testing import FlaskClient
from safetensors import numpy as tensors
from sqlalchemy import func, select

from service.app import create_app
from service.context import KEY
from service.kept import Kept
from steepest.export import safetensors
from steepest.spec.errors import Unavailable
from steepest.trainer import clock
from steepest.trainer.fit import EpochRecord, Finished, Progress
from steepest.trainer.state import State
from store import keys
from store.database import Database
from store.models import DEFAULT_ACCOUNT, BlobRow, ChunkRow, ComputationRow, DatasetRow, JobRow
from store.queue import Queue
from store.reconciler import Reconciler
from store.settings import Settings
from tests.integration.life.broker import Broker, Message, WatchedQueue
from tests.integration.life.faults import Kind, Sites
from tests.integration.life.turns import Turns
from tests.invariants import violations
from worker import attempt, computations, ingest, loading, recorder, runner
from worker.cache import Cache
from worker.drain import Drain
from worker.identity import Identity
from worker.lease import Lease
from worker.process import Process
from worker.recorder import Recorder
from worker.saving import Saver
from worker.training import Training

EPOCHS: Final = 3
LEASE: Final = 3.0
ROUNDS: Final = 40
"""Looks of the reconciler after which work that has not ended is taken to be lost."""

Arrays = dict[str, tuple[str, tuple[int, ...], bytes]]
"""Each array's type, shape and bytes; the ids in a file's metadata differ."""


class Violation(BaseException):
    """A promise is broken: no handler of the code under test may catch it."""


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


@dataclass
class Memory:
    """What is known between two steps of a life, and is in no file."""

    seconds: float = 0.0
    key: str = ""
    messages: list[Message] = field(default_factory=list)
    dataset: str = ""
    jobs: list[str] = field(default_factory=list)
    uploads: int = 0
    evaluations: int = 0
    trained: dict[tuple[str, int], Arrays] = field(default_factory=dict)
    """The weights of each job after each epoch, whichever attempt came there."""
    got: list[Any] = field(default_factory=list)
    """What the owner got, which a fault must not change."""


class Home:
    """Where all lives take place, one after the other: of one `Database`, which so compiles its statements once."""

    def __init__(self, folder: Path) -> None:
        self.time = Time()
        self.path = folder / "home"
        url = f"sqlite:///{self.path / 'steepest.db'}"
        self.database = Database(url, clock=self.time.now)
        self.settings = Settings(
            home=self.path, database_url=url, broker_url="memory://", threads=4, lease_seconds=LEASE
        )
        self._app = create_app(self.settings, self.database, Queue(self.settings.broker_url))

    def client(self, queue: Queue) -> FlaskClient:
        """Of an API that has just started, with `queue`."""
        service = replace(self._app.extensions[KEY], queue=queue)
        emptied = replace(service, models=Kept(1 << 20), kinds=Kept(1 << 20), exports=Kept(1 << 20))
        self._app.extensions[KEY] = emptied
        return self._app.test_client()

    def take(self, copy: Path) -> None:
        """Go back to what was saved."""
        self.database.close()
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(copy, self.path)

    def save(self, copy: Path) -> None:
        """Save all files as they are."""
        self.database.close()
        shutil.copytree(self.path, copy)


class _Plan(NamedTuple):
    """What happens once a worker comes to a place."""

    place: str
    epoch: int
    act: Callable[[], object]


class World:
    """Of one life, from what was saved before one of its steps, with the shim around it."""

    def __init__(self, home: Home, memory: Memory, sites: Sites, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory, self.sites, self.time = deepcopy(memory), sites, home.time
        self.time.seconds = memory.seconds
        self.database = home.database
        if not memory.key:
            with self.database.write() as session:
                self.memory.key = keys.create(session, DEFAULT_ACCOUNT, ("read", "write"), "life")[1]
        self._settings = home.settings
        self._broker = Broker(sites, self.memory.messages, self._is_committed)
        self._queue = WatchedQueue(self._broker)
        self._client = home.client(self._queue)
        self._drain = Drain.make(home.path)
        self._cache = Cache(home.path / "cache", 1 << 28)
        self._worker, self._other = self._process("one"), self._process("other")
        self._checked = -1
        self._plans: list[_Plan] = []
        self._turns: list[Turns] = []
        self._replace_clocks(monkeypatch)
        self._replace_places(monkeypatch)
        sites.watch_database(self.database, monkeypatch)
        sites.watch_files(home.path, monkeypatch)

    @property
    def disk_failed(self) -> bool:
        """Whether work may have failed by a file, to which a worker answers so."""
        return self.sites.hit is Kind.FILE

    def live(self, step: Callable[["World"], None]) -> None:
        """Take a step."""
        step(self)
        self._plans.clear()
        self.memory.seconds = self.time.seconds

    def ask(self, method: str, path: str, *, key: str | None = None, **request: Any) -> Any:
        """What the API answers, asked again for as long as it says that this may help, as the client does."""
        headers = {"Authorization": f"Bearer {self.memory.key}", **({"Idempotency-Key": key} if key else {})}
        for tries in range(ROUNDS):
            # Unavailable breaks a download off, whose status is sent already.
            with self.sites.process(), suppress(Unavailable):
                answer = self._client.open(path, method=method, headers=headers, buffered=True, **request)
                if answer.status_code < 400:
                    self.check()
                    return answer.get_json() if answer.is_json else answer.data
                if method == "DELETE" and tries and answer.status_code == 404:
                    return None  # an earlier try did it
                problem = answer.get_json()
                # Under this key the first try may still be at work, or have died: its answer or its end is to come.
                at_work = answer.status_code == 409 and "Retry-After" in answer.headers and tries and key
                require(problem["retryable"] or at_work, f"{method} {path}: {problem}")
            self.check()
            self.time.sleep(min(20, 1 << tries))
        raise Violation(f"{method} {path} is never answered")

    def work_until(self, path: str, states: Collection[str]) -> Any:
        """Let workers and reconciler do what there is to do, until a job or data set is in one of these states."""
        for _ in range(ROUNDS):
            while self._deliver(self._worker):
                for turns in self._turns:
                    while not turns.ended:
                        turns.proceed()
            found = self.ask("GET", path)
            if found["status"] in states:
                return found
            self.time.sleep(20)
            self.reconcile()
        raise Violation(f"{path} does not come to be one of {states}")

    def reconcile(self) -> None:
        """One look of the reconciler."""
        self._live(Reconciler(self.database, self._queue, self._settings).tick)

    def plan(self, place: str, epoch: int, act: Callable[[], object]) -> None:
        """Have something happen once a worker comes to a place: `epoch`, `checkpoint`, `finish` or `read`."""
        self._plans.append(_Plan(place, epoch, act))

    def freeze(self) -> None:
        """In a worker: stand still while its lease ends and another one takes the work up, and goes on with it."""
        self.time.sleep(LEASE + 1)
        for _ in range(ROUNDS):
            self.reconcile()
            if self.memory.messages:
                break
            self.time.sleep(20)
        other = Turns(partial(self._deliver, self._other))
        self.plan("epoch", 1, other.stand_still)
        self._turns.append(other)
        other.proceed()

    def check(self) -> None:
        """See that the invariants hold, if anything has changed."""
        if self.sites.commits == self._checked:
            return
        self._checked = self.sites.commits
        with self.sites.unwatched():
            found = violations(self.database)
        require(not found, "; ".join(found))
        require(not self._broker.early, f"announced before the commit: {self._broker.early}")

    def left(self) -> dict[str, int]:
        """How many rows there are yet of what a job and its data set consist of."""
        with self.sites.unwatched(), self.database.read() as session:
            tables = (JobRow, DatasetRow, ComputationRow, BlobRow, ChunkRow)
            counts = {table.__tablename__: session.scalar(select(func.count()).select_from(table)) for table in tables}
        return {name: count for name, count in counts.items() if count}

    def close(self) -> None:
        """End what stands still."""
        for turns in self._turns:
            if not turns.ended:
                turns.abandon()

    def _process(self, name: str) -> Process:
        return Process(
            settings=self._settings,
            identity=Identity(f"{name}@here/1", ("cpu", "short", "computations"), Path(self._drain.path)),
            database=self.database,
            queue=self._queue,
            cache=self._cache,
            drain=self._drain,
        )

    def _deliver(self, worker: Process) -> bool:
        """Hand the oldest message to a worker; whether there was one."""
        if not self.memory.messages:
            return False
        _, task, subject = self.memory.messages.pop(0)
        run = {"steepest.train": runner.run, "steepest.ingest": ingest.run, "steepest.compute": computations.run}[task]
        self._live(partial(run, worker, subject))
        return True

    def _live(self, act: Callable[[], Any]) -> None:
        """Be a process that waits for the database or is started anew."""
        with self.sites.process(), suppress(Unavailable):
            act()
        self.check()

    def _reach(self, place: str, epoch: int) -> None:
        for plan in self._plans:
            if plan.place == place and epoch >= plan.epoch:
                self._plans.remove(plan)
                plan.act()
                return

    def _is_committed(self, subject: str) -> bool:
        with self.sites.unwatched(), self.database.read() as session:
            return any(session.get(table, subject) is not None for table in (JobRow, DatasetRow, ComputationRow))

    def _note(self, job: str, saver: Saver, epoch: int, state: State) -> None:
        """Remember the weights after an epoch, which each attempt that comes there has to have."""
        weights = arrays(safetensors.dump(saver._model(state.theta[0])))
        require(self.memory.trained.setdefault((job, epoch), weights) == weights, f"other weights after epoch {epoch}")

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
        monkeypatch.setattr(computations, "Lease", Looking)
        monkeypatch.setattr(attempt, "time", world)
        monkeypatch.setattr(recorder, "EVERY_SECONDS", -1.0)
        monkeypatch.setattr(clock, "perf_counter", world.monotonic)
        monkeypatch.setattr(Saver, "is_due", lambda *_: True)

    def _replace_places(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have workers tell where they are."""
        obey, checkpoint, finish = Training._obey, Saver.checkpoint, Saver.finish

        def obeying(training: Training, item: Progress | EpochRecord, saver: Saver, recorder: Recorder) -> None:
            if isinstance(item, EpochRecord):
                self._note(training._claim.job_id, saver, item.epoch, item.state())
                self._reach("epoch", item.epoch)
            obey(training, item, saver, recorder)

        def saving(saver: Saver, state: State, *rest: Any, **named: Any) -> None:
            self._reach("checkpoint", state.epoch - 1)
            # None at the last epoch: the end of the job has to clear a state away.
            if state.epoch - 1 < EPOCHS:
                checkpoint(saver, state, *rest, **named)

        def finishing(saver: Saver, run: Finished, *rest: Any, **named: Any) -> None:
            self._reach("finish", run.epochs)
            finish(saver, run, *rest, **named)

        def reading(*args: Any) -> Any:
            schema = loading.schema_of(*args)
            self._reach("read", 0)
            return schema

        monkeypatch.setattr(Training, "_obey", obeying)
        monkeypatch.setattr(Saver, "checkpoint", saving)
        monkeypatch.setattr(Saver, "finish", finishing)
        monkeypatch.setattr(ingest, "schema_of", reading)


@contextmanager
def opened(home: Home, memory: Memory, sites: Sites) -> Iterator[World]:
    """A world over the files that the home has now."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        world = World(home, memory, sites, monkeypatch)
        try:
            yield world
        finally:
            world.close()


def arrays(weights: bytes) -> Arrays:
    """What is in a file of weights."""
    return {name: (str(array.dtype), array.shape, array.tobytes()) for name, array in tensors.load(weights).items()}


def require(holds: object, otherwise: str) -> None:
    """See that something is as it should be.

    Raises:
        Violation: it is not.
    """
    if not holds:
        raise Violation(otherwise)
