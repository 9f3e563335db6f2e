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

from embedded.child import Child, Command
from embedded.digits import captions, pictures
from embedded.home import held
from embedded.refusal import Refused
from steepest.cli.datasets import summary, upload
from steepest.cli.figures import print_figures
from steepest.cli.follow import until_end
from steepest.cli.output import percent
from steepest.cli.service import Service
from steepest.client import Client
from steepest.inspect.curve import loss_curve
from steepest.spec.answers import ClassPrediction, Dataset, Epoch, Job

CHECKOUT = Path(__file__).resolve().parent.parent
DIGITS = CHECKOUT / "examples" / "digits.csv"
TARGET = "digit"
JOB = {"layers": [{"units": 64, "activation": "relu"}], "seed": 0}
SHOWN = 4
START_SECONDS, STOP_SECONDS = 120.0, 16.0


def demo(environ: Mapping[str, str] = os.environ, folder: Path = CHECKOUT / "demo") -> None:
    """Run the demo; what comes out of it lies in `folder`.

    Raises:
        Refused: another demo runs there, or the service does not start, or the job does not succeed.
    """
    for stopping in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(stopping, _leave)
    home = folder / "home"
    with held(folder):
        shutil.rmtree(home, ignore_errors=True)
        with (
            _service(home, folder / "supervisor.log", environ) as url,
            Client(url, (home / "key").read_text().strip()) as client,
        ):
            _tour(client, folder)
        shutil.rmtree(home)


def _tour(client: Client, folder: Path) -> None:
    """What a client does: upload, submit, follow, look, download, predict."""
    _say(f"The service runs at {client.url}")
    dataset = upload(client, DIGITS, None)
    _say(f"Uploaded {summary(dataset)}")
    job = client.jobs.create(JOB, dataset=dataset, target=TARGET)
    _say(f"Submitted {job.id}")
    job = until_end(Service(), client, job.id)
    if job.result is None or job.status != "succeeded":
        raise Refused(f"The job {job.status}: {job.error.detail if job.error else 'nobody knows why'}")
    print_figures(job.result)
    _show_predictions(client, job, dataset)
    for path in (folder / "weights.safetensors", folder / "weights.npz"):
        client.weights.download(job, path)
    history = list(client.epochs.list(job))
    _write_history(history, folder / "loss_history.csv")
    curve = loss_curve(
        [epoch.training_loss for epoch in history],
        [epoch.validation_loss for epoch in history],
        epochs=[epoch.epoch for epoch in history],
        best_epoch=job.result.best_epoch,
        title="Handwritten digits: loss by epoch",
    )
    (folder / "loss_curve.svg").write_text(curve)
    _say(f"\nIn {_short(folder)}: weights.safetensors, weights.npz, loss_curve.svg, loss_history.csv")
    _say(f"Test accuracy: {percent(job.result.test_accuracy)}")


def _show_predictions(client: Client, job: Job, dataset: Dataset) -> None:
    """Send a few raw rows to the trained network; on a terminal, show what it saw."""
    rows = list(islice(client.datasets.rows(dataset, page_size=SHOWN), SHOWN))
    raw = [[row[name] for name in job.resolved_spec.features] for row in rows]
    read = [answer for answer in client.predictions.create(job, raw) if isinstance(answer, ClassPrediction)]
    if sys.stdout.isatty():
        _say("\n" + "\n".join(pictures(raw)))
        _say(captions([f"{answer.label} ({percent(answer.probabilities[answer.label])})" for answer in read]) + "\n")
    else:
        pairs = [f"{row[TARGET]:g} as {answer.label}" for row, answer in zip(rows, read, strict=True)]
        _say(f"The network reads {', '.join(pairs)}")


def _write_history(history: Sequence[Epoch], path: Path) -> None:
    records = [epoch.model_dump(exclude_none=True) for epoch in history]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(records[0]))
        writer.writeheader()
        writer.writerows(records)


@contextmanager
def _service(home: Path, log: Path, environ: Mapping[str, str]) -> Iterator[str]:
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
        yield _address(supervisor, home / "url")
    finally:
        supervisor.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        while supervisor.running and time.monotonic() < deadline:
            time.sleep(0.02)
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


def _say(words: str) -> None:
    print(words, flush=True)
