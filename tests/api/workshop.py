"""What a worker does, done by its real code within the test's process."""

from dataclasses import replace
from pathlib import Path

from store.database import Database
from store.settings import Settings
from tests.api.doubles import RecordingQueue
from worker import computations, ingest, runner
from worker.cache import Cache
from worker.drain import Drain
from worker.identity import Identity
from worker.process import Process


class Workshop:
    """Reads data sets, trains jobs and works out computations when a test says so."""

    def __init__(self, settings: Settings, database: Database, queue: RecordingQueue) -> None:
        drain = Drain.make(settings.home)
        self._process = Process(
            settings=replace(settings, lease_seconds=60.0),
            identity=Identity("test@here/1", ("cpu", "short", "computations"), Path(drain.path)),
            database=database,
            queue=queue,
            cache=Cache(settings.home / "cache", 1 << 28),
            drain=drain,
        )

    def ingest(self, dataset_id: str) -> None:
        """Read an upload: it becomes ready or failed."""
        ingest.run(self._process, dataset_id)

    def train(self, job_id: str) -> None:
        """Train a queued job to its end."""
        runner.run(self._process, job_id)

    def compute(self, computation_id: str) -> None:
        """Work out a long computation."""
        computations.run(self._process, computation_id)

    def close(self) -> None:
        """Remove what a worker leaves behind."""
        self._process.drain.remove()
