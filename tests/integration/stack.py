"""A real stack in processes of its own, for tests: broker, database, workers and reconciler, to be killed at will.

By default it is the embedded one: SQLite, and the Valkey server from the wheel behind a Unix socket. With
STEEPEST_TEST_DATABASE_URL (a PostgreSQL server's) and STEEPEST_TEST_BROKER_URL (a Redis database of its own, which is
emptied) the same tests run on those.
"""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, TypeVar

import redis
from sqlalchemy import select

from embedded import broker
from service.submission import examine
from steepest.spec.errors import Unavailable
from steepest.spec.states import TERMINAL, DatasetState
from store import blobs, computations, datasets, jobs
from store.database import Database
from store.models import (
    DEFAULT_ACCOUNT,
    CheckpointRow,
    ComputationKind,
    ComputationRow,
    DatasetRow,
    EpochRow,
    EventRow,
    JobRow,
)
from store.queue import Queue
from store.settings import Settings

T = TypeVar("T")
CHECKOUT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


class Server:
    """A process of the stack, in a session of its own, with its log in a file."""

    def __init__(self, name: str, arguments: list[str], environ: dict[str, str], logs: Path, checkout: Path) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                arguments,
                env=environ,
                cwd=checkout,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The main process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the main process is there."""
        return self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL the main process."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def drain(self) -> float:
        """SIGTERM the main process; the seconds until it has ended."""
        began = time.monotonic()
        self._process.terminate()
        self._process.wait(PATIENCE)
        return time.monotonic() - began

    def clear(self) -> None:
        """Leave nothing of it behind."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)


class Stack:
    """The running parts, and what a test asks of them."""

    def __init__(self, settings: Settings, logs: Path) -> None:
        self.settings = settings
        self.logs = logs
        self.database = Database(settings.database_url)
        self.queue = Queue(settings.broker_url)
        self._servers: list[Server] = []
        self._broker: Server | None = None

    def start(self, name: str, *arguments: str, checkout: Path = CHECKOUT, **settings: str) -> Server:
        """Start a process of some release's checkout, with the stack's settings in its environment and some more."""
        environ = {
            # Compiled modules are kept: a worker would take seconds longer to start without them.
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "STEEPEST_HOME": str(self.settings.home),
            "STEEPEST_DATABASE_URL": self.settings.database_url,
            "STEEPEST_BROKER_URL": self.settings.broker_url,
            "STEEPEST_LEASE_SECONDS": str(self.settings.lease_seconds),
            "PYTHONPATH": str(checkout),
            **settings,
        }
        server = Server(name, list(arguments), environ, self.logs, checkout)
        self._servers.append(server)
        return server

    def worker(self, queue: str = "cpu", slots: int = 1, checkout: Path = CHECKOUT) -> Server:
        """Start a worker; `ready` waits for it."""
        node = f"{queue}-{token_hex(3)}@test"
        celery = (sys.executable, "-m", "celery", "-A", "worker", "worker", "--without-mingle", "--without-gossip")
        return self.start(node, *celery, "-Q", queue, "-c", str(slots), "-n", node, checkout=checkout)

    def ready(self, *workers: Server) -> None:
        """Wait until the workers take messages."""
        for worker in workers:
            until(lambda worker=worker: " ready." in worker.log.read_text() or not worker.running)  # type: ignore[misc]
            assert worker.running, worker.log.read_text()[-3000:]

    def trainers(self, count: int) -> list[Server]:
        """At least `count` workers that train: those that are alive, and new ones for the rest."""
        alive = [server for server in self._servers if server.name.startswith("cpu") and server.running]
        alive += [self.worker("cpu") for _ in range(count - len(alive))]
        self.ready(*alive)
        return alive

    def holder(self, job_id: str) -> Server:
        """The worker that holds a running job."""
        name = self.job(job_id).worker
        assert name is not None, "nobody holds the job"
        return next(server for server in self._servers if name.startswith(f"{server.name}/"))

    def reconciler(self) -> Server:
        """Start a reconciler."""
        return self.start("reconciler", sys.executable, "-m", "store.reconciler")

    @property
    def owns_broker(self) -> bool:
        """Whether the broker is the stack's own, which tests may stop."""
        return self.settings.broker_url.startswith("redis+socket")

    def start_broker(self) -> None:
        """Start the stack's own broker, on the data that it left."""
        listen = self.settings.broker_socket
        broker.make_socket_folder(listen)
        command = broker.broker_command(broker.server_program(), self.settings.home / "broker", listen)
        self._broker = self.start("broker", *command.arguments)
        until(lambda: broker.what_is_missing(listen) is None)

    def stop_broker(self) -> None:
        """Take the broker away."""
        assert self._broker is not None
        self._broker.kill()

    def close(self) -> None:
        """End every process."""
        for server in reversed(self._servers):
            server.clear()
        self.queue.close()
        self.database.close()

    # what a test asks

    def upload(self, content: bytes, form: str = "csv") -> str:
        """Store and announce a data set; its id."""
        blob = blobs.write(self.database, DEFAULT_ACCOUNT, io.BytesIO(content))
        with self.database.write() as session:
            row = datasets.create(session, DEFAULT_ACCOUNT, blob.id, name="test", format=form)
        self.queue.announce_dataset(row.id)
        return row.id

    def dataset(self, dataset_id: str) -> DatasetRow:
        """A data set as it is now."""
        with self.database.read() as session:
            return datasets.get(session, DEFAULT_ACCOUNT, dataset_id)

    def ingested(self, content: bytes) -> str:
        """Upload a data set and wait until it is ready; its id."""
        dataset_id = self.upload(content)
        until(lambda: self.dataset(dataset_id).status is not DatasetState.VALIDATING)
        row = self.dataset(dataset_id)
        assert row.status is DatasetState.READY, row.error
        return dataset_id

    def submit(self, body: dict[str, Any]) -> str:
        """Save and announce a job; its id."""
        with self.database.write() as session:
            submission = examine(session, DEFAULT_ACCOUNT, body, self.settings.limits)
            row = jobs.submit(session, DEFAULT_ACCOUNT, submission.spec, submission.resolved)
        self.queue.announce_job(row.id)
        return row.id

    def compute(self, job_id: str, kind: ComputationKind, dataset_id: str, **parameters: Any) -> str:
        """Save and announce a long computation about a job; its id."""
        with self.database.write() as session:
            job = jobs.get(session, DEFAULT_ACCOUNT, job_id)
            row = computations.create(session, job, kind, dataset_id, {"dataset": dataset_id, **parameters})
        self.queue.announce_computation(row.id)
        return row.id

    def computation(self, computation_id: str) -> ComputationRow:
        """A computation as it is now."""
        with self.database.read() as session:
            return session.get_one(ComputationRow, computation_id)

    def cancel(self, job_id: str) -> None:
        """Ask for the job's end."""
        with self.database.write() as session:
            jobs.cancel(session, DEFAULT_ACCOUNT, job_id)

    def pause(self, job_id: str) -> None:
        """Ask for the job's worker to be freed."""
        with self.database.write() as session:
            jobs.pause(session, DEFAULT_ACCOUNT, job_id)

    def resume(self, job_id: str) -> None:
        """Let a paused job go on."""
        with self.database.write() as session:
            row = jobs.resume(session, DEFAULT_ACCOUNT, job_id)
        self.queue.announce_job(row.id, row.device)

    def job(self, job_id: str) -> JobRow:
        """A job as it is now."""
        with self.database.read() as session:
            return jobs.get(session, DEFAULT_ACCOUNT, job_id)

    def child_of(self, job_id: str) -> int:
        """The process that trains a running job."""
        worker = self.job(job_id).worker
        assert worker is not None, "nobody holds the job"
        return int(worker.rpartition("/")[2])

    def freeze(self, job_id: str) -> int:
        """SIGSTOP the process that trains a running job, but not while it holds a lock, which would freeze the rest."""
        child = self.child_of(job_id)
        while True:
            with self.database.write():  # with SQLite, nobody else writes now
                os.kill(child, signal.SIGSTOP)
            try:
                with self.database.write() as session:  # with PostgreSQL, the row may be locked
                    session.execute(select(JobRow.id).where(JobRow.id == job_id).with_for_update(nowait=True))
            except Unavailable:
                os.kill(child, signal.SIGCONT)
                time.sleep(0.05)
            else:
                return child

    def ended(self, job_id: str) -> JobRow:
        """Wait for the job's end."""
        until(lambda: self._is_over(job_id))
        return self.job(job_id)

    def under_way(self, job_id: str) -> None:
        """Wait until the job runs and has a checkpoint to go on from."""
        until(lambda: any(row.is_last for row in self.rows_of(job_id, CheckpointRow)) or self._is_over(job_id))
        assert not self._is_over(job_id), "the job was over before anything could happen to it: make it longer"

    def _is_over(self, job_id: str) -> bool:
        return self.job(job_id).status in TERMINAL

    def rows_of(self, job_id: str, table: type[T]) -> list[T]:
        """A job's events, epochs or checkpoints, in order."""
        order = {EventRow: (EventRow.number,), EpochRow: (EpochRow.epoch,), CheckpointRow: (CheckpointRow.epoch,)}
        with self.database.read() as session:
            query = session.query(table).filter_by(job_id=job_id)
            return query.order_by(*order[table]).all()  # type: ignore[index]  # one of the three

    def weights(self, job_id: str, kind: str = "best") -> bytes:
        """The stored weights of a kind."""
        row = next(row for row in self.rows_of(job_id, CheckpointRow) if getattr(row, f"is_{kind}"))
        with self.database.read() as session:
            blob = blobs.get(session, DEFAULT_ACCOUNT, row.blob_id)
        return blobs.read_all(self.database, blob)


@contextmanager
def running(home: Path, database_url: str, lease_seconds: float) -> Iterator[Stack]:
    """A stack over a migrated database, without workers and reconciler, which each test starts as it needs them."""
    logs = home / "logs"
    home.mkdir(mode=0o700)
    logs.mkdir()
    broker_url = os.environ.get("STEEPEST_TEST_BROKER_URL", "")
    settings = Settings(home=home, database_url=database_url, broker_url=broker_url, lease_seconds=lease_seconds)
    stack = Stack(settings, logs)
    try:
        if stack.owns_broker:
            stack.start_broker()
        else:
            _empty(settings.broker_url)
        yield stack
    finally:
        stack.close()
        if not stack.owns_broker:
            _empty(settings.broker_url)


def _empty(broker_url: str) -> None:
    with redis.Redis.from_url(broker_url) as server:
        server.flushdb()


def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until `true` is; look often, and give up only when something is certainly wrong."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.01)
