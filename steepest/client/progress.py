"""Views of a job in progress: a bar in a terminal, a bar and the curve in a notebook, lines anywhere else."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from html import escape
from importlib import import_module
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from steepest.client.picture import Picture
from steepest.inspect.words import duration, loss, number, percent
from steepest.spec.answers import Epoch, Job

if TYPE_CHECKING:
    from rich.console import Console

LINES: Final = 20
"""About so many epochs get a line of their own where there is no terminal."""

SECONDS_BETWEEN_DRAWINGS: Final = 0.5
"""A notebook keeps every picture for as long as it takes to show it."""

STYLES: Final = {
    "box": "font: 13px system-ui, sans-serif; max-width: 760px",
    "rail": "height: 6px; border-radius: 3px; margin: 6px 0; background: rgba(128, 128, 128, .25)",
    "bar": "height: 6px; border-radius: 3px; background: #3b6fd8",
    "words": "opacity: .75; font-variant-numeric: tabular-nums",
}


class View(AbstractContextManager["View"], Protocol):
    """Where progress is shown."""

    def update(self, job: Job, epoch: Epoch | None) -> None:
        """The job changed; `epoch` is the newest record, if there is one."""


class Silence:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def update(self, job: Job, epoch: Epoch | None) -> None:
        """Nothing to do."""


class Lines(Silence):
    """A line for each change of state and for about every twentieth part of the epochs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._status = ""
        self._next_epoch = 0

    def update(self, job: Job, epoch: Epoch | None) -> None:
        """Say a line if enough has happened."""
        if job.status != self._status:
            self._status = job.status
            self._say(f"{job.id} {_doing(job)}")
        if epoch is not None and epoch.epoch >= self._next_epoch:
            step = max(1, job.progress.epochs // LINES)
            self._next_epoch = epoch.epoch // step * step + step
            self._say(f"epoch {epoch.epoch} of {job.progress.epochs}: {', '.join(_figures(epoch))}")


class Bar:
    """A progress bar with the epoch, the losses and the time that is left."""

    def __init__(self, console: "Console") -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[epoch]}", markup=False),
            TextColumn("{task.fields[figures]}", markup=False, style="cyan"),
            TextColumn("{task.fields[eta]}", markup=False),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task("connecting", total=None, epoch="", figures="", eta="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def update(self, job: Job, epoch: Epoch | None) -> None:
        """Draw the bar anew."""
        self._progress.update(
            self._task,
            description=_doing(job),
            # A queued job has a pulsing bar; one that stopped early is as done as one that ran all its epochs.
            total=None if job.status == "queued" else 1.0,
            completed=_share(job),
            epoch=f"{job.progress.epoch}/{job.progress.epochs}",
            figures=" ".join(_figures(epoch)) if epoch else "",
            eta=_eta(job),
            refresh=True,
        )


class Notebook(Silence):
    """A bar, the newest figures and the curve so far, in one output that changes.

    Args:
        curve: Draws the job's curve so far; None while there is nothing to draw.
        clock: Seconds that pass.
    """

    def __init__(self, curve: Callable[[Job], Picture | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._curve = curve
        self._clock = clock
        self._shown: Any = None
        self._shown_at = float("-inf")
        self._status = ""

    def update(self, job: Job, epoch: Epoch | None) -> None:
        """Draw anew, unless it was done a moment ago and the state is the same."""
        if job.status == self._status and self._clock() - self._shown_at < SECONDS_BETWEEN_DRAWINGS:
            return
        self._status = job.status
        curve = self._curve(job) if job.progress.epoch else None
        page = _Html("".join(_page(job, epoch, curve)))
        if self._shown is None:
            self._shown = import_module("IPython.display").display(page, display_id=True)
        elif self._shown:
            self._shown.update(page)
        self._shown_at = self._clock()


def fitting(curve: Callable[[Job], Picture | None]) -> View:
    """The view for where this program runs. IPython is looked at only where it is running already."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if hasattr(shell, "kernel"):
        return Notebook(curve)
    if sys.stderr.isatty():
        from rich.console import Console

        return Bar(Console(file=sys.stderr, markup=False, highlight=False, emoji=False))
    return Lines(lambda line: print(line, file=sys.stderr, flush=True))


class _Html:
    """What a notebook shows as it is."""

    def __init__(self, page: str) -> None:
        self._page = page

    def _repr_html_(self) -> str:
        return self._page


def _page(job: Job, epoch: Epoch | None, curve: Picture | None) -> Iterator[str]:
    place = f"epoch {job.progress.epoch} of {job.progress.epochs}"
    said = [_doing(job), place, *(_figures(epoch) if epoch else ()), _eta(job)]
    yield f'<div style="{STYLES["box"]}"><b>{escape(job.name or job.id)}</b>'
    yield f'<div style="{STYLES["rail"]}"><div style="{STYLES["bar"]}; width: {100 * _share(job):.1f}%"></div></div>'
    yield f'<div style="{STYLES["words"]}">{escape(" · ".join(filter(None, said)))}</div>'
    if job.error is not None:
        yield f"<p>{escape(job.error.title)}: {escape(job.error.detail)}</p>"
    if curve is not None:
        yield curve.svg
    yield "</div>"


def _share(job: Job) -> float:
    return 1.0 if job.status == "succeeded" else job.progress.fraction


def _eta(job: Job) -> str:
    left = None if job.is_terminal else job.progress.eta_seconds
    return "" if left is None else f"{duration(left)} left"


def _doing(job: Job) -> str:
    return "waits for a worker" if job.status == "queued" else str(job.status)


def _figures(epoch: Epoch) -> list[str]:
    """An epoch's losses and its best score, short enough to stand beside a bar."""
    score = epoch.validation_accuracy if epoch.validation_accuracy is not None else epoch.training_accuracy
    r2 = epoch.validation_r2 if epoch.validation_r2 is not None else epoch.training_r2
    return [
        f"loss {loss(epoch.training_loss)}",
        *([f"val {loss(epoch.validation_loss)}"] if epoch.validation_loss is not None else []),
        *([f"acc {percent(score)}"] if score is not None else []),
        *([f"R2 {number(r2)}"] if r2 is not None else []),
    ]
