"""One worker process over a real database, with a queue that only remembers what was announced."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.submission import examine
from steepest.export import safetensors
from steepest.export.model import Model
from steepest.trainer.fit import EpochRecord, Finished, Progress, fit
from store import blobs, checkpoints, computations, datasets, jobs
from store.celery_settings import CPU
from store.database import Database
from store.models import DEFAULT_ACCOUNT, ComputationKind, ComputationRow, DatasetRow, EpochRow, EventRow, JobRow
from store.queue import Queue
from store.settings import Settings
from worker import ingest, runner, training
from worker.cache import Cache
from worker.drain import Drain
from worker.identity import Identity
from worker.process import Process

Item = Progress | EpochRecord | Finished
Hook = Callable[[Callable[[Item], None]], None]


class Announcements(Queue):
    """Sends nothing."""

    def __init__(self) -> None:
        super().__init__("memory://")
        self.jobs: list[str] = []
        self.prompted: list[str] = []
        self.datasets: list[str] = []
        self.computations: list[str] = []

    def announce_job(self, job_id: str, device: str = CPU) -> None:
        self.jobs.append(job_id)

    def prompt_job(self, job_id: str, device: str) -> None:
        self.prompted.append(job_id)

    def announce_dataset(self, dataset_id: str) -> None:
        self.datasets.append(dataset_id)

    def announce_computation(self, computation_id: str) -> None:
        self.computations.append(computation_id)


class Desk:
    """A worker process, and what tests ask of its database."""

    def __init__(self, here: Process, queue: Announcements) -> None:
        self.here = here
        self.queue = queue

    def restart(self) -> None:
        """Another worker in the place of one that shut down."""
        self.here.drain.remove()
        self.here = replace(self.here, drain=Drain.make(self.here.settings.home))

    def upload(self, content: bytes) -> str:
        blob = blobs.write(self.here.database, DEFAULT_ACCOUNT, io.BytesIO(content))
        with self.here.database.write() as session:
            return datasets.create(session, DEFAULT_ACCOUNT, blob.id, name="test", format="csv").id

    def dataset(self, dataset_id: str) -> DatasetRow:
        with self.here.database.read() as session:
            return datasets.get(session, DEFAULT_ACCOUNT, dataset_id)

    def submit(self, dataset_id: str, **fields: Any) -> str:
        body = {"dataset": dataset_id, "target": "y", "epochs": 6, "early_stopping": None, **fields}
        with self.here.database.write() as session:
            submission = examine(session, DEFAULT_ACCOUNT, body, self.here.settings.limits)
            return jobs.submit(session, DEFAULT_ACCOUNT, submission.spec, submission.resolved).id

    def job(self, job_id: str) -> JobRow:
        with self.here.database.read() as session:
            return jobs.get(session, DEFAULT_ACCOUNT, job_id)

    def computation(self, job_id: str, computation_id: str, kind: ComputationKind) -> ComputationRow:
        with self.here.database.read() as session:
            return computations.get(session, DEFAULT_ACCOUNT, job_id, kind, computation_id)

    def ask(self, job_id: str, kind: ComputationKind, dataset_id: str, **parameters: Any) -> str:
        with self.here.database.write() as session:
            job = jobs.get(session, DEFAULT_ACCOUNT, job_id)
            return computations.create(session, job, kind, dataset_id, parameters).id

    def content(self, row: ComputationRow) -> bytes:
        with self.here.database.read() as session:
            blob = blobs.get(session, DEFAULT_ACCOUNT, row.blob_id or "")
        return blobs.read_all(self.here.database, blob)

    def model(self, job_id: str) -> Model:
        with self.here.database.read() as session:
            row = checkpoints.find(session, jobs.get(session, DEFAULT_ACCOUNT, job_id), "last")
            assert row is not None
            blob = blobs.get(session, DEFAULT_ACCOUNT, row.blob_id)
        return safetensors.load(blobs.read_all(self.here.database, blob))

    def events(self, job_id: str) -> list[str]:
        with self.here.database.read() as session:
            return [row.type for row in session.query(EventRow).filter_by(job_id=job_id).order_by(EventRow.number)]

    def told(self, job_id: str, kind: str) -> list[Any]:
        """What the events of a kind say."""
        with self.here.database.read() as session:
            rows = session.query(EventRow).filter_by(job_id=job_id, type=kind).order_by(EventRow.number)
            return [row.data for row in rows]

    def epochs(self, job_id: str) -> list[int]:
        with self.here.database.read() as session:
            return [row.epoch for row in session.query(EpochRow).filter_by(job_id=job_id).order_by(EpochRow.epoch)]

    def weights(self, job_id: str, which: str = "last") -> bytes:
        """The bits of the weights themselves."""
        with self.here.database.read() as session:
            row = checkpoints.find(session, jobs.get(session, DEFAULT_ACCOUNT, job_id), which)
            assert row is not None
            blob = blobs.get(session, DEFAULT_ACCOUNT, row.blob_id)
        return safetensors.load(blobs.read_all(self.here.database, blob)).theta.tobytes()


@pytest.fixture
def desk(tmp_path: Path, database: Database) -> Desk:
    settings = Settings(home=tmp_path, database_url=str(database.url), broker_url="memory://", lease_seconds=15.0)
    drain = Drain.make(tmp_path)
    queue = Announcements()
    cache = Cache(settings.cache, settings.cache_bytes)
    return Desk(Process(settings, Identity.new("cpu@test", ["cpu"], drain.path), database, queue, cache, drain), queue)


def table(rows: int = 60) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows, 3)).round(3)
    return X, (X.sum(axis=1) > 0).astype(int)


def csv(rows: int = 60) -> bytes:
    X, y = table(rows)
    lines = (",".join(map(str, [*row, label])) for row, label in zip(X, y, strict=True))
    return "\n".join(["x0,x1,x2,y", *lines, ""]).encode()


@pytest.fixture
def dataset(desk: Desk) -> str:
    dataset_id = desk.upload(csv())
    ingest.run(desk.here, dataset_id)
    return dataset_id


@pytest.fixture
def before_each(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Item], None]], None]:
    """Have something happen in the trainer just before each of its records."""

    def install(happen: Callable[[Item], None]) -> None:
        def watched(*arguments: Any, **options: Any) -> Iterator[Item]:
            for item in fit(*arguments, **options):
                happen(item)
                yield item

        monkeypatch.setattr(training, "fit", watched)

    return install


def at_epoch(epoch: int, act: Callable[[], None]) -> Callable[[Item], None]:
    """Act once, just before that epoch's record."""
    done: list[int] = []

    def happen(item: Item) -> None:
        if isinstance(item, EpochRecord) and item.epoch == epoch and not done:
            done.append(epoch)
            act()

    return happen


def calm_weights(desk: Desk, dataset: str, which: str = "last") -> bytes:
    """The weights of the same job when nothing disturbs it."""
    job_id = desk.submit(dataset)
    runner.run(desk.here, job_id)
    return desk.weights(job_id, which)
