"""`python -m embedded demo`: from a table of handwritten digits to a network that reads them, over HTTP.

It starts a service of its own under `demo/`, on a free port, and stops it in the end. Everything in between is what any
client does, with the pieces that the `steepest` command is made of.
"""

import csv
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from embedded.child import Child, Command
from embedded.digits import captions, pictures
from embedded.home import held
from embedded.refusal import Refused
from steepest.cli.datasets import summary, upload
from steepest.cli.figures import print_figures
from steepest.cli.follow import until_end
from steepest.cli.output import stdout_console
from steepest.cli.service import Service
from steepest.client import Client
from steepest.inspect.curve import loss_curve
from steepest.inspect.words import percent
from steepest.spec.answers import Dataset, Epoch, Job
from steepest.spec.predictions import ClassPrediction

CHECKOUT = Path(__file__).resolve().parent.parent
DIGITS = CHECKOUT / "examples" / "digits.csv"
TARGET = "digit"
JOB = {
    "layers": [{"units": 128, "activation": "relu"}],
    "optimizer": {"name": "adam", "learning_rate": 0.003},
    "seed": 0,
}
SHOWN = 4
WEIGHTS = ("weights.safetensors", "weights.npz")
CURVE, HISTORY = "loss_curve.svg", "loss_history.csv"
START_SECONDS, STOP_SECONDS = 120.0, 16.0


def demo(environ: Mapping[str, str] = os.environ, folder: Path = CHECKOUT / "demo") -> None:
    """Run the demo; what comes out of it lies in `folder`.

    Raises:
        Refused: another demo runs there, or the service does not start, or the job does not succeed.
    """
    for stopping in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stopping, _leave)
    console, began = stdout_console(), time.monotonic()
    _say(console, "Handwritten digits: from a table to a trained network, over HTTP\n", style="bold")
    home = folder / "home"
    with held(folder):
        shutil.rmtree(home, ignore_errors=True)
        with _service(console, home, folder / "supervisor.log", environ) as url:
            with Client(url, (home / "key").read_text().strip()) as client:
                accuracy = _tour(console, client, folder)
            _say(console, f"\nTest accuracy {percent(accuracy)}", style="bold green")
            _say(console, f"In {_short(folder)}: {', '.join((*WEIGHTS, CURVE, HISTORY))}")
        shutil.rmtree(home)
    _say(console, f"Everything is stopped again, after {time.monotonic() - began:.0f} s.")


def _tour(console: Console, client: Client, folder: Path) -> float | None:
    """What a client does: upload, submit, follow, look, predict, download. The test accuracy comes out."""
    _say(console, f"The service runs at {client.url}")
    dataset = upload(client, DIGITS, None)
    _say(console, f"Uploaded {summary(dataset)}")
    submitted = client.jobs.create(JOB, dataset=dataset, target=TARGET)
    _say(console, f"Submitted {submitted.id}")
    job = until_end(Service(), client, submitted.id)
    if job.result is None or job.status != "succeeded":
        raise Refused(f"The job {job.status}: {job.error.detail if job.error else 'nobody knows why'}")
    _say(console, "")
    print_figures(job.result)
    _show_predictions(console, client, job, dataset)
    for name in WEIGHTS:
        client.weights.download(job, folder / name)
    history = list(client.epochs.list(job))
    _write_history(history, folder / HISTORY)
    curve = loss_curve(
        [epoch.training_loss for epoch in history],
        [epoch.validation_loss for epoch in history],
        epochs=[epoch.epoch for epoch in history],
        best_epoch=job.result.best_epoch,
        title="Handwritten digits: loss by epoch",
    )
    (folder / CURVE).write_text(curve)
    return job.result.test_accuracy


def _show_predictions(console: Console, client: Client, job: Job, dataset: Dataset) -> None:
    """Send a few raw rows to the trained network; on a terminal, show what it saw."""
    rows = list(islice(client.datasets.rows(dataset, page_size=SHOWN), SHOWN))
    raw = [[row[name] for name in job.resolved_spec.features] for row in rows]
    read = [answer for answer in client.predictions.create(job, raw) if isinstance(answer, ClassPrediction)]
    if console.is_terminal:
        said = [f"{answer.label} ({percent(answer.probabilities[answer.label])})" for answer in read]
        console.print("\n".join(["", *pictures(raw), captions(said)]), no_wrap=True, overflow="crop")
    else:
        pairs = [f"{row[TARGET]:g} as {answer.label}" for row, answer in zip(rows, read, strict=True)]
        _say(console, f"The network reads {', '.join(pairs)}")


def _write_history(history: Sequence[Epoch], path: Path) -> None:
    records = [epoch.model_dump(exclude_none=True) for epoch in history]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(records)


@contextmanager
def _service(console: Console, home: Path, log: Path, environ: Mapping[str, str]) -> Iterator[str]:
    """A service in a home of its own, at the address that this gives, until the block ends.

    None of the user's settings reach it: a demo has no business in their database.
    """
    own = {name: value for name, value in environ.items() if not name.startswith("STEEPEST_")}
    own |= {"STEEPEST_HOME": str(home), "STEEPEST_PORT": "0"}
    arguments = (sys.executable, "-m", "embedded", "up")
    log.unlink(missing_ok=True)
    supervisor = Child(Command(log.stem, arguments, own, STOP_SECONDS), log.parent)
    supervisor.start()
    try:
        with console.status("Starting a service: database, broker, API, workers"):
            url = _address(supervisor, home / "url")
        yield url
    finally:
        deadline = time.monotonic() + STOP_SECONDS
        while supervisor.running and time.monotonic() < deadline:
            supervisor.ask_to_stop()  # asked twice it does not wait for anybody: what is in this home is of no more use
            time.sleep(0.05)
        supervisor.clear()
    log.unlink(missing_ok=True)


def _address(supervisor: Child, url: Path) -> str:
    """Wait for the file that the supervisor writes when all is up."""
    deadline = time.monotonic() + START_SECONDS
    while not url.exists():
        if not supervisor.running:
            raise Refused(f"The service does not start:\n{supervisor.last_words()}")
        if time.monotonic() > deadline:
            raise Refused(f"The service is not up after {START_SECONDS:g} s; its log is {supervisor.log}.")
        time.sleep(0.02)
    return url.read_text().strip()


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does: what was started is stopped on the way out."""
    raise KeyboardInterrupt


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _say(console: Console, words: str, style: str | None = None) -> None:
    console.print(words, style=style, soft_wrap=True)
