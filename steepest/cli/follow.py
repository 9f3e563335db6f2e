"""`steepest follow`: watch a job to its end."""

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import click

from steepest.cli.figures import print_figures
from steepest.cli.output import duration, echo, emit, loss, number, percent, stderr_console
from steepest.cli.service import Service, connected, pass_service

if TYPE_CHECKING:
    from steepest.client import Client
    from steepest.spec.answers import Epoch, Job, Result

LINES = 20
"""About so many epochs get a line of their own where there is no terminal."""


@click.command()
@click.argument("job")
@connected
@pass_service
def follow(service: Service, job: str) -> None:
    """Follow JOB until it ends. Ctrl-C stops only the following: the job goes on."""
    with service.client() as client:
        watch(service, client, job)


def watch(service: Service, client: "Client", job: str) -> None:
    """Show a job's progress on stderr and its figures on stdout.

    Raises:
        click.exceptions.Exit: 1 when the job did not succeed, 130 when the user had enough.
    """
    try:
        ended = until_end(service, client, job)
    except KeyboardInterrupt:
        click.echo("\nThe job goes on without you. To come back, or to stop it:", err=True)
        for command in ("follow", "cancel"):
            echo(f"  {service.again(f'{command} {job}')}", err=True)
        raise click.exceptions.Exit(130) from None
    conclude(service, ended)


def until_end(service: Service, client: "Client", job: str) -> "Job":
    """Show a job's progress on stderr until it ends, however it ends."""
    with _view(service) as view:

        def changed(job: "Job") -> None:
            view.update(job, _latest(client, job))

        return client.jobs.wait(job, on_progress=changed)


def conclude(service: Service, job: "Job") -> None:
    """Print what came of a job that has ended; exit 1 unless it succeeded."""
    from steepest.cli.report import explain

    if service.as_json:
        emit(job)
    if job.error is not None:
        explain(job.error, job.id)
    elif job.status == "cancelled":
        echo(f"{job.id} was cancelled after {job.progress.epoch} epochs.", err=True)
    if job.result is None or job.status != "succeeded":
        raise click.exceptions.Exit(1)
    if service.as_json:
        return
    for warning in job.warnings:
        echo(f"Warning: {warning}", err=True)
    echo(f"{job.id} succeeded:")
    echo(_course(job, job.result))
    print_figures(job.result)
    echo("Its weights:")
    echo(f"  {service.again(f'weights {job.id} -o model.safetensors')}")


def _course(job: "Job", result: "Result") -> str:
    """How training went, in one line."""
    took = (job.finished_at - job.started_at).total_seconds() if job.started_at and job.finished_at else None
    parts = [
        f"{result.epochs} epochs" + (f" in {duration(took)}" if took is not None else ""),
        "stopped early" if job.stopped_by == "early_stopping" else None,
        f"best epoch {result.best_epoch}" if result.best_epoch else None,
        f"{result.parameters:,} parameters",
    ]
    return ", ".join(part for part in parts if part)


def _latest(client: "Client", job: "Job") -> "Epoch | None":
    """The newest record of the loss history."""
    from steepest.spec.errors import Unavailable

    if not job.progress.epoch:
        return None
    try:
        newest = list(client.epochs.list(job, after=job.progress.epoch - 1))
    except Unavailable:
        # The wait outlives a restart of the service; so does what is shown beside it.
        return None
    return newest[-1] if newest else None


class View(AbstractContextManager["View"], Protocol):
    """Where progress is shown."""

    def update(self, job: "Job", epoch: "Epoch | None") -> None:
        """The job changed; `epoch` is the newest record, if there is one."""


def _view(service: Service) -> View:
    if service.as_json:
        return Silence()
    return Bar() if sys.stderr.isatty() else Lines()


class Silence:
    """Shows nothing: a program reads the final JSON."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        return None

    def update(self, job: "Job", epoch: "Epoch | None") -> None:
        """Nothing to do."""


class Lines(Silence):
    """A line for each change of state and for about every twentieth part of the epochs."""

    def __init__(self) -> None:
        self._status = ""
        self._next_epoch = 0

    def update(self, job: "Job", epoch: "Epoch | None") -> None:
        """Print a line if enough has happened."""
        if job.status != self._status:
            self._status = job.status
            echo(f"{job.id} {_waiting(job)}", err=True)
        if epoch is not None and epoch.epoch >= self._next_epoch:
            step = max(1, job.progress.epochs // LINES)
            self._next_epoch = epoch.epoch // step * step + step
            echo(f"epoch {epoch.epoch} of {job.progress.epochs}: {', '.join(_figures(epoch))}", err=True)


class Bar:
    """A progress bar with the epoch, the losses and the time that is left."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[epoch]}", markup=False),
            TextColumn("{task.fields[figures]}", markup=False, style="cyan"),
            TextColumn("{task.fields[eta]}", markup=False),
            console=stderr_console(),
            expand=True,
        )
        self._task = self._progress.add_task("connecting", total=None, epoch="", figures="", eta="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._progress.stop()

    def update(self, job: "Job", epoch: "Epoch | None") -> None:
        """Draw the bar anew."""
        progress = job.progress
        left = None if job.is_terminal else progress.eta_seconds
        self._progress.update(
            self._task,
            description=_waiting(job),
            # A queued job has a pulsing bar; one that stopped early is as done as one that ran all its epochs.
            total=None if job.status == "queued" else 1.0,
            completed=1.0 if job.status == "succeeded" else progress.fraction,
            epoch=f"{progress.epoch}/{progress.epochs}",
            figures=" ".join(_figures(epoch)) if epoch else "",
            eta="" if left is None else f"{duration(left)} left",
            refresh=True,
        )


def _waiting(job: "Job") -> str:
    return "waits for a worker" if job.status == "queued" else str(job.status)


def _figures(epoch: "Epoch") -> list[str]:
    """An epoch's losses and its best score, short enough to stand beside a bar."""
    score = epoch.validation_accuracy if epoch.validation_accuracy is not None else epoch.training_accuracy
    r2 = epoch.validation_r2 if epoch.validation_r2 is not None else epoch.training_r2
    return [
        f"loss {loss(epoch.training_loss)}",
        *([f"val {loss(epoch.validation_loss)}"] if epoch.validation_loss is not None else []),
        *([f"acc {percent(score)}"] if score is not None else []),
        *([f"R2 {number(r2)}"] if r2 is not None else []),
    ]
