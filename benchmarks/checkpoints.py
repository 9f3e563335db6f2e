"""What checkpoints cost a job: seconds that training stands still for one, as a share of the time between two."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from rich.console import Console

from benchmarks import report
from benchmarks.process import CHECKOUT, environment
from benchmarks.rounds import Options
from worker.rhythm import DEFAULT_SECONDS, MOST

ROWS: Final = 20_000
EVERY_SECONDS: Final = 1.0
"""More often than by default, so that a run of seconds has many."""


@dataclass(frozen=True)
class Shape:
    """A network, and how long it is trained."""

    inputs: int
    units: tuple[int, ...]
    seconds: float

    @property
    def what(self) -> str:
        """In words."""
        return "-".join(map(str, (self.inputs, *self.units, 10)))


SHAPES: Final = (Shape(20, (64,), 12.0), Shape(784, (256, 128), 12.0), Shape(784, (2_048, 2_048), 30.0))


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """In a process of its own: a worker's code over SQLite on this machine's disk."""
    with console.status("jobs with a checkpoint each second"):
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.checkpoints"],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=environment(options.threads),
            cwd=CHECKOUT,
        )
    figures: list[dict[str, Any]] = json.loads(ran.stdout.splitlines()[-1])
    names = ("", "parameters", "MB", "checkpoints", "ms each", "min", "max", "s between by default", "of the time")
    table = report.columns("Checkpoints, Adam, single precision", *names)
    for each in figures:
        seconds = each["seconds"]
        between = max(DEFAULT_SECONDS, median(seconds) / MOST)
        table.add_row(
            each["what"],
            f"{each['parameters']:,}",
            f"{each['bytes'] / 1e6:.1f}",
            str(len(seconds)),
            *(f"{1e3 * value:.1f}" for value in (median(seconds), min(seconds), max(seconds))),
            f"{between:.0f}",
            f"{median(seconds) / between:.2%}",
        )
    console.print(table)
    return {"checkpoints": figures}


def measured(shape: Shape, home: Path) -> dict[str, Any]:
    """Train through the worker's own code, and time each of its checkpoints."""
    from service.submission import examine
    from store import blobs, datasets, jobs, migrate
    from store.database import Database
    from store.models import DEFAULT_ACCOUNT
    from store.queue import Queue
    from store.settings import Settings
    from worker import ingest, runner
    from worker.cache import Cache
    from worker.drain import Drain
    from worker.identity import Identity
    from worker.process import Process
    from worker.saving import Saver

    settings = Settings(home=home, broker_url="memory://")
    migrate.upgrade(settings.database_url)
    seconds: list[float] = []
    drain = Drain.make(home)
    with Database(settings.database_url) as database:
        identity = Identity("checkpoints@here/1", ("cpu",), drain.path)
        here = Process(settings, identity, database, Queue("memory://"), Cache(home / "cache", 1 << 30), drain)
        blob = blobs.write(database, DEFAULT_ACCOUNT, [_rows(shape)])
        with database.write() as session:
            dataset = datasets.create(session, DEFAULT_ACCOUNT, blob.id, "drawn", "npz").id
        ingest.run(here, dataset)
        body = {
            "dataset": dataset,
            "target": "y",
            "layers": [{"units": units} for units in shape.units],
            "epochs": 1_000_000,
            "max_seconds": shape.seconds,
            "early_stopping": None,
            "checkpoint_every": {"seconds": EVERY_SECONDS},
        }
        with database.write() as session:
            asked = examine(session, DEFAULT_ACCOUNT, body, settings.limits)
            job_id = jobs.submit(session, DEFAULT_ACCOUNT, asked.spec, asked.resolved).id
        with patch.object(Saver, "checkpoint", _timed(Saver.checkpoint, seconds)):
            runner.run(here, job_id)
        with database.read() as session:
            job = jobs.get(session, DEFAULT_ACCOUNT, job_id)
        if job.result is None:
            raise RuntimeError(f"the job {job.status}: {job.error.detail if job.error else ''}")
    state_bytes = 16 * job.result.parameters  # weights, the best ones, and Adam's two moments
    return {"what": shape.what, "parameters": job.result.parameters, "bytes": state_bytes, "seconds": seconds}


def _timed(checkpoint: Callable[..., None], seconds: list[float]) -> Callable[..., None]:
    def timed(*arguments: Any, **named: Any) -> None:
        start = perf_counter()
        checkpoint(*arguments, **named)
        seconds.append(perf_counter() - start)

    return timed


def _rows(shape: Shape) -> bytes:
    random = np.random.default_rng(1)
    X = random.normal(size=(ROWS, shape.inputs)).astype(np.float32)
    y = np.argmax(X[:, :10] + random.normal(size=(ROWS, 10)), axis=1)
    file = BytesIO()
    np.savez(file, X=X, y=y)
    return file.getvalue()


if __name__ == "__main__":
    import steepest

    steepest.warm_up()
    found = []
    for shape in SHAPES:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:  # of the checkout's disk: /tmp may be in memory
            found.append(measured(shape, Path(folder)))
    print(json.dumps(found))
