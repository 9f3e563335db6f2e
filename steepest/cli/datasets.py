"""`steepest datasets`: send tables to the service and look at them."""

import sys
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click

from steepest.cli.output import age, echo, emit, facts, moment, stderr_console, table
from steepest.cli.service import Service, connected, pass_service
from steepest.inspect.words import duration, number, size

if TYPE_CHECKING:
    from steepest.client import Client
    from steepest.client.datasets import ColumnChange
    from steepest.spec.answers import Dataset
    from steepest.spec.columns import Column, ColumnKind, Role

SHOWN = 20
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


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
@click.option(
    "--labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file of targets that belongs to FILE, as IDX and npy files come.",
)
@click.option("--delimiter", help="Between a text's cells: a character, or tab, comma, semicolon, pipe, space.")
@click.option("--encoding", help="A text's, such as utf-8 or windows-1252.")
@click.option("--header/--no-header", default=None, help="Whether a text's first line names its columns.")
@click.option("--image-size", metavar="WIDTHxHEIGHT", help="To what a ZIP's pictures are resized.")
@connected
@pass_service
def upload_dataset(service: Service, /, file: Path, name: str | None, **options: Any) -> None:
    """Upload FILE and wait until the service has read it.

    FILE is a table (CSV, TSV, JSON lines, Parquet, Arrow), arrays (npz with X and y, npy, IDX) or a ZIP of folders of
    PNG or JPEG pictures, a folder for each class; packed with gzip or zstd or not. What is not said of delimiter,
    encoding and header is found out.
    """
    with service.client() as client:
        dataset = upload(client, file, name, **options)
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
        headers = ("COLUMN", "KIND", "ROLE", "MISSING", "DISTINCT", "MIN", "MEDIAN", "MEAN", "DEVIATION", "MAX")
        table(headers, [_statistics(column) for column in found.columns], right=headers[3:])


@datasets.command("update")
@click.argument("dataset")
@click.option("--name", help="What to call it from now on.")
@click.option(
    "--kind", "kinds", multiple=True, metavar="COLUMN=KIND", help="Read a column as this kind; may be given again."
)
@click.option("--role", "roles", multiple=True, metavar="COLUMN=ROLE", help="What a column is for; may be given again.")
@connected
@pass_service
def update_dataset(
    service: Service, dataset: str, name: str | None, kinds: tuple[str, ...], roles: tuple[str, ...]
) -> None:
    """Rename DATASET, or say what its columns are.

    Kinds are numeric, integer, boolean, categorical, datetime and text; "auto" goes back to what the column looks
    like. Roles are feature, target, identifier and ignored; only features are learned from by default. Another kind
    has the file read again.
    """
    columns: dict[str, ColumnChange] = {}
    for column, kind in map(_pair, kinds):
        columns.setdefault(column, {})["kind"] = None if kind == "auto" else cast("ColumnKind", kind)
    for column, role in map(_pair, roles):
        columns.setdefault(column, {})["role"] = cast("Role", role)
    if name is None and not columns:
        raise click.UsageError("Say what to change: --name, --kind or --role.")
    with service.client() as client:
        found = client.datasets.wait(client.datasets.update(dataset, name=name, columns=columns or None))
    finish(found, found.name)
    if service.as_json:
        emit(found)
    else:
        echo(summary(found))


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


def upload(client: "Client", file: Path, name: str | None, **options: Any) -> "Dataset":
    """Send a file, with a progress bar where there is a terminal, and wait until it has been read.

    Raises:
        click.exceptions.Exit: the service could not read it; why has been said.
    """
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

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
            file,
            name=name,
            on_progress=lambda sent, total: progress.update(task, completed=sent, total=total),
            **options,
        )
        progress.update(task, description="Reading it")
        dataset = client.datasets.wait(dataset)
    finish(dataset, file.name)
    return dataset


def finish(dataset: "Dataset", name: str) -> None:
    """Say what is to be known of a data set that has been read.

    Raises:
        click.exceptions.Exit: the service could not read it; why has been said.
    """
    from steepest.cli.report import explain

    if dataset.error is not None:
        explain(dataset.error, f"{dataset.id} ({name})")
        raise click.exceptions.Exit(1)
    for warning in dataset.warnings:
        echo(f"Warning: {warning}", err=True)


def summary(dataset: "Dataset") -> str:
    """A data set in one line."""
    columns = len(dataset.columns or ())
    return f"{dataset.id}  {dataset.name}: {number(dataset.rows)} rows, {columns} columns, {size(dataset.bytes)}"


def _statistics(column: "Column") -> tuple[str, ...]:
    """A column's row in the table. Of date-times, figures are dates; their deviation is a time."""
    median = (column.quantiles or {}).get("0.5")
    shown = [number(value) for value in (column.min, median, column.mean, column.deviation, column.max)]
    if column.kind == "datetime":
        spread = "-" if column.deviation is None else duration(column.deviation / 1000)
        shown = [_date(column.min), _date(median), _date(column.mean), spread, _date(column.max)]
    about = "" if column.distinct_exact else "~ "
    return (column.name, column.kind, column.role, number(column.missing), about + number(column.distinct), *shown)


def _date(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return (EPOCH + timedelta(milliseconds=milliseconds)).strftime("%Y-%m-%d %H:%M")


def _pair(text: str) -> tuple[str, str]:
    """`column=value`, at the last sign: a name may have one too."""
    column, sign, value = text.rpartition("=")
    if not sign or not column:
        raise click.UsageError(f'"{text}" should be COLUMN=VALUE.')
    return column, value
