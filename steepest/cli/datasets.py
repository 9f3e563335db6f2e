"""`steepest datasets`: send tables to the service and look at them."""

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from steepest.cli.output import age, echo, emit, facts, moment, number, size, stderr_console, table
from steepest.cli.service import Service, connected, pass_service

if TYPE_CHECKING:
    from steepest.client import Client
    from steepest.spec.answers import Dataset

SHOWN = 20


@click.group(invoke_without_command=True)
@connected
@click.pass_context
def datasets(ctx: click.Context) -> None:
    """Upload, list, show and delete data sets. Without a command: list."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_datasets, limit=SHOWN)


@datasets.command("upload")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="What to call it; else the file's name.")
@connected
@pass_service
def upload_dataset(service: Service, file: Path, name: str | None) -> None:
    """Upload FILE, a CSV table or an npz file with X and y, and wait until the service has read it."""
    with service.client() as client:
        dataset = upload(client, file, name)
    if service.as_json:
        emit(dataset)
    else:
        echo(summary(dataset))


@datasets.command("list")
@click.option("--limit", default=SHOWN, show_default=True, type=click.IntRange(min=1), help="How many at most.")
@connected
@pass_service
def list_datasets(service: Service, limit: int) -> None:
    """List data sets, newest first."""
    with service.client() as client:
        found = list(islice(client.datasets.list(page_size=min(limit, 1000)), limit))
    if service.as_json:
        emit(found)
        return
    if not found:
        echo("There are no data sets yet. Upload one: steepest datasets upload FILE", err=True)
        return
    rows = [(item.id, item.status, number(item.rows), age(item.created_at), item.name) for item in found]
    table(("ID", "STATUS", "ROWS", "AGE", "NAME"), rows, right=("ROWS", "AGE"))


@datasets.command("show")
@click.argument("dataset")
@connected
@pass_service
def show_dataset(service: Service, dataset: str) -> None:
    """Show DATASET: its columns and their statistics."""
    with service.client() as client:
        found = client.datasets.get(dataset)
    if service.as_json:
        emit(found)
        return
    facts(
        [
            ("id", found.id),
            ("name", found.name),
            ("status", found.status),
            ("error", found.error.detail if found.error else None),
            ("format", f"{found.format}, {size(found.bytes)}"),
            ("rows", None if found.rows is None else number(found.rows)),
            ("created", moment(found.created_at)),
            ("sha256", found.sha256),
            *(("warning", warning) for warning in found.warnings),
        ]
    )
    if found.columns:
        click.echo()
        columns = [
            (
                column.name,
                column.kind,
                number(column.missing),
                number(column.distinct) if column.distinct_exact else f"> {number(column.distinct)}",
                number(column.min),
                number(column.mean),
                number(column.max),
            )
            for column in found.columns
        ]
        headers = ("COLUMN", "KIND", "MISSING", "DISTINCT", "MIN", "MEAN", "MAX")
        table(headers, columns, right=headers[2:])


@datasets.command("delete")
@click.argument("dataset")
@connected
@pass_service
def delete_dataset(service: Service, dataset: str) -> None:
    """Delete DATASET for good. One that an unfinished job needs stays."""
    with service.client() as client:
        client.datasets.delete(dataset)
    if not service.as_json:
        echo(f"{dataset} is deleted.")


def upload(client: "Client", file: Path, name: str | None) -> "Dataset":
    """Send a file, with a progress bar where there is a terminal, and wait until it has been read.

    Raises:
        click.exceptions.Exit: the service could not read it; why has been said.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from steepest.cli.report import explain

    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=stderr_console(),
        transient=True,
        disable=not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task(f"Sending {file.name}", total=None)
        dataset = client.datasets.upload(
            file, name=name, on_progress=lambda sent, total: progress.update(task, completed=sent, total=total)
        )
        progress.update(task, description="Reading it")
        dataset = client.datasets.wait(dataset)
    if dataset.error is not None:
        explain(dataset.error, f"{dataset.id} ({file.name})")
        raise click.exceptions.Exit(1)
    for warning in dataset.warnings:
        echo(f"Warning: {warning}", err=True)
    return dataset


def summary(dataset: "Dataset") -> str:
    """A data set in one line."""
    columns = len(dataset.columns or ())
    return f"{dataset.id}  {dataset.name}: {number(dataset.rows)} rows, {columns} columns, {size(dataset.bytes)}"
