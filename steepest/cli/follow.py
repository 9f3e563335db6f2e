"""`steepest follow`: watch a job to its end."""

import sys
from typing import TYPE_CHECKING

import click

from steepest.cli.figures import print_figures
from steepest.cli.output import echo, emit, stderr_console
from steepest.cli.service import Service, connected, pass_service
from steepest.inspect.words import duration

if TYPE_CHECKING:
    from steepest.client import Client
    from steepest.client.progress import View
    from steepest.spec.answers import Job
    from steepest.spec.outcome import Result


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
    return client.jobs.watch(job, view=_view(service))


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


def _view(service: Service) -> "View":
    """A program reads the final JSON alone."""
    from steepest.client.progress import Bar, Lines, Silence

    if service.as_json:
        return Silence()
    return Bar(stderr_console()) if sys.stderr.isatty() else Lines(lambda line: echo(line, err=True))
