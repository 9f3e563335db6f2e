"""What a service adds to a job of a second: over HTTP, to the end of the job, less the same training in process."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import numpy as np
from rich.console import Console

import steepest
from benchmarks import data, report
from benchmarks.process import CHECKOUT, environment
from benchmarks.rounds import Options
from benchmarks.works import WORKS
from steepest.client import Client

WORK: Final = WORKS["W2"]
SECONDS: Final = 1.0
START_SECONDS: Final = 120.0


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """In a process of its own, so that both sides have the same environment."""
    data.load(WORK.rows)
    with console.status("a service and its jobs"):
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.overhead", str(options.rounds)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=environment(options.threads),
            cwd=CHECKOUT,
        )
    figures: dict[str, Any] = json.loads(ran.stdout)
    table = report.columns(f"A job of a second: digits, {figures['epochs']:,} epochs", "", "s", "min", "max")
    for title, seconds in figures["seconds"].items():
        table.add_row(title, *(f"{value:.3f}" for value in (median(seconds), min(seconds), max(seconds))))
    console.print(table)
    return figures


def measured(rounds: int) -> dict[str, Any]:
    """Alternately in process and on an embedded service, which is started for this and stopped after it."""
    rows = data.load(WORK.rows)
    X, y = np.vstack((rows.X, rows.X_test)), np.concatenate((rows.y, rows.y_test))
    steepest.warm_up()
    fields: dict[str, Any] = {
        "layers": [{"units": WORK.widths[1]}],
        "batch_size": WORK.batch_size,
        "early_stopping": None,
    }
    fields["epochs"] = _epochs_for_a_second(fields, X, y)
    seconds: dict[str, list[float]] = {"in process": [], "over HTTP": [], "extra": [], "epochs on the worker": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        service(Path(folder)) as url,
        Client(url, (Path(folder) / "key").read_text().strip()) as client,
    ):
        dataset = client.datasets.wait(client.datasets.upload(_npz(X, y), name="digits"))
        for number in range(rounds + 1):
            start = perf_counter()
            steepest.train(fields, X, y)
            middle = perf_counter()
            job = client.jobs.wait(client.jobs.create(fields, dataset=dataset, target="y"))
            end = perf_counter()
            if job.status != "succeeded":
                raise RuntimeError(f"the job {job.status}: {job.error.detail if job.error else ''}")
            if number:
                trained = sum(epoch.seconds for epoch in client.epochs.list(job))
                parts = (middle - start, end - middle, (end - middle) - (middle - start), trained)
                for of_part, part in zip(seconds.values(), parts, strict=True):
                    of_part.append(part)
    return {"epochs": fields["epochs"], "seconds": seconds}


def _epochs_for_a_second(fields: dict[str, Any], X: Any, y: Any) -> int:
    ends: list[float] = []
    steepest.train(fields | {"epochs": 100}, X, y, on_epoch=lambda _: ends.append(perf_counter()))
    return max(1, round(SECONDS / ((ends[-1] - ends[0]) / (len(ends) - 1))))


def _npz(X: Any, y: Any) -> BytesIO:
    file = BytesIO()
    np.savez(file, X=X, y=y)
    file.seek(0)
    return file


@contextmanager
def service(home: Path) -> Iterator[str]:
    """The address of an embedded service in a home of its own, until the block ends."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("STEEPEST_")}
    own |= {"STEEPEST_HOME": str(home), "STEEPEST_PORT": "0"}
    with (home / "up.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "embedded", "up"], env=own, cwd=CHECKOUT, stdout=log)
        try:
            deadline = time.monotonic() + START_SECONDS
            while not (home / "url").exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the service does not start: {(home / 'up.log').read_text()[-2000:]}")
                time.sleep(0.02)
            yield (home / "url").read_text().strip()
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
