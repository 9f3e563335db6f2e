"""`steepest pause`, `resume`, `retry` and `cancel`: what is to become of a job."""

from typing import TYPE_CHECKING

import click

from steepest.cli.output import echo, emit
from steepest.cli.service import Service, connected, pass_service

if TYPE_CHECKING:
    from steepest.spec.answers import Job


@click.command()
@click.argument("job")
@connected
@pass_service
def pause(service: Service, job: str) -> None:
    """Pause JOB: it frees its worker, and goes on when it is resumed."""
    with service.client() as client:
        _tell(service, client.jobs.pause(job), stopping="pausing")


@click.command()
@click.argument("job")
@connected
@pass_service
def resume(service: Service, job: str) -> None:
    """Go on with JOB, which is paused, from its last checkpoint."""
    with service.client() as client:
        _tell(service, client.jobs.resume(job))


@click.command()
@click.argument("job")
@connected
@pass_service
def retry(service: Service, job: str) -> None:
    """Go on with JOB, which has failed, from its last checkpoint."""
    with service.client() as client:
        _tell(service, client.jobs.retry(job))


@click.command()
@click.argument("job")
@connected
@pass_service
def cancel(service: Service, job: str) -> None:
    """Cancel JOB for good, whether it waits, runs or is paused."""
    with service.client() as client:
        _tell(service, client.jobs.cancel(job), stopping="cancelling")


def _tell(service: Service, job: "Job", stopping: str | None = None) -> None:
    if service.as_json:
        emit(job)
    else:
        echo(f"{job.id} {'stops within a second' if job.status == stopping else f'is {job.status}'}.")
