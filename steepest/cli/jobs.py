"""`steepest jobs`: what is training, what came of it."""

from itertools import islice
from typing import TYPE_CHECKING

import click

from steepest.cli.figures import figure, print_figures
from steepest.cli.output import age, echo, emit, facts, moment, table
from steepest.cli.service import Service, connected, pass_service
from steepest.inspect.words import duration, loss, number, percent

if TYPE_CHECKING:
    from steepest.spec.answers import Job
    from steepest.spec.resolved import ResolvedJobSpec

SHOWN = 20
STATES = ("queued", "running", "pausing", "paused", "cancelling", "succeeded", "failed", "cancelled")


@click.group(invoke_without_command=True)
@connected
@click.pass_context
def jobs(ctx: click.Context) -> None:
    """List, show and delete jobs, and print their histories. Without a command: list."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_jobs, status=None, dataset=None, name=None, limit=SHOWN)


@jobs.command("list")
@click.option("--status", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--dataset", metavar="DATASET", help="Only jobs on this data set.")
@click.option("--name", help="Only jobs with this name.")
@click.option("--limit", default=SHOWN, show_default=True, type=click.IntRange(min=1), help="How many at most.")
@connected
@pass_service
def list_jobs(service: Service, status: str | None, dataset: str | None, name: str | None, limit: int) -> None:
    """List jobs, newest first."""
    with service.client() as client:
        matching = client.jobs.list(status=status, dataset=dataset, name=name, page_size=min(limit, 1000))
        found = list(islice(matching, limit))
    if service.as_json:
        emit(found)
        return
    if not found:
        echo("There are no such jobs. Start one: steepest train FILE --target COLUMN", err=True)
        return
    rows = [(job.id, _status(job), figure(job.result), age(job.created_at), job.name or "") for job in found]
    table(("ID", "STATUS", "RESULT", "AGE", "NAME"), rows, right=("RESULT", "AGE"))


@jobs.command("show")
@click.argument("job")
@connected
@pass_service
def show_job(service: Service, job: str) -> None:
    """Show JOB: what it trains, how far it is, what came of it."""
    with service.client() as client:
        found = client.jobs.get(job)
    if service.as_json:
        emit(found)
        return
    _describe(found)
    if found.result:
        click.echo()
        print_figures(found.result)


@jobs.command("epochs")
@click.argument("job")
@connected
@pass_service
def show_epochs(service: Service, job: str) -> None:
    """Print JOB's loss history."""
    with service.client() as client:
        found = list(client.epochs.list(job))
    if service.as_json:
        emit(found)
        return
    score = "R2" if any(epoch.training_r2 is not None for epoch in found) else "ACCURACY"
    headers = ("EPOCH", "TRAINING LOSS", "VALIDATION LOSS", f"TRAINING {score}", f"VALIDATION {score}")
    rows = [
        (
            str(epoch.epoch),
            loss(epoch.training_loss),
            loss(epoch.validation_loss),
            percent(epoch.training_accuracy) if score == "ACCURACY" else number(epoch.training_r2),
            percent(epoch.validation_accuracy) if score == "ACCURACY" else number(epoch.validation_r2),
        )
        for epoch in found
    ]
    table(headers, rows, right=headers)


@jobs.command("events")
@click.argument("job")
@connected
@pass_service
def show_events(service: Service, job: str) -> None:
    """Print what happened to JOB."""
    with service.client() as client:
        found = list(client.events.list(job))
    if service.as_json:
        emit(found)
        return
    rows = [
        (str(event.number), moment(event.created_at), event.type, ", ".join(f"{k}={v}" for k, v in event.data.items()))
        for event in found
    ]
    table(("NUMBER", "TIME", "EVENT", "DATA"), rows, right=("NUMBER",))


@jobs.command("delete")
@click.argument("job")
@connected
@pass_service
def delete_job(service: Service, job: str) -> None:
    """Delete JOB for good, with its history and weights. One that runs has to be cancelled first."""
    with service.client() as client:
        client.jobs.delete(job)
    if not service.as_json:
        echo(f"{job} is deleted.")


def _status(job: "Job") -> str:
    """The state, with the share that is done while it runs."""
    return f"{job.status} {100 * job.progress.fraction:.0f} %" if job.status == "running" else job.status


def _describe(job: "Job") -> None:
    spec, progress = job.resolved_spec, job.progress
    eta = "" if job.is_terminal or progress.eta_seconds is None else f", about {duration(progress.eta_seconds)} to go"
    took = (job.finished_at - job.started_at).total_seconds() if job.started_at and job.finished_at else None
    facts(
        [
            ("id", job.id),
            ("name", job.name),
            ("status", job.status + (f", stopped by {job.stopped_by}" if job.stopped_by else "")),
            ("error", f"{job.error.title}: {job.error.detail}" if job.error else None),
            ("data set", job.dataset),
            ("task", f"{spec.task}: {_columns(spec.targets)} from {_columns(spec.features)}"),
            ("network", _network(spec)),
            ("loss", spec.loss.name),
            ("optimizer", f"{spec.optimizer.name}, learning rate {spec.optimizer.learning_rate:g}"),
            ("batch size", str(spec.batch_size)),
            ("epochs", f"{progress.epoch} of {progress.epochs}{eta}"),
            ("created", moment(job.created_at)),
            ("took", None if took is None else duration(took)),
            ("attempt", str(job.attempt) if job.attempt > 1 else None),
            *((f"metadata {name}", value) for name, value in job.metadata.items()),
            *(("warning", warning) for warning in job.warnings),
        ]
    )


def _columns(names: tuple[str, ...]) -> str:
    listed = ", ".join(names)
    return listed if len(listed) <= 40 else f"{len(names)} columns"


def _network(spec: "ResolvedJobSpec") -> str:
    hidden = [f"{layer.units} {layer.activation}" for layer in spec.layers]
    return ", ".join([*hidden, f"{spec.output_activation} output"])
