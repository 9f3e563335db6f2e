"""`steepest predict`: raw rows from a file in, predictions out."""

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.output import emit, number, percent, printable, table
from steepest.cli.service import Service, connected, pass_service

if TYPE_CHECKING:
    from steepest.client import Client
    from steepest.spec.answers import Prediction

BATCH = 10_000
"""Rows in one request: the service's own limit."""
BATCH_BYTES = 8 << 20
"""JSON of the rows in one request: half of what the service takes, which rows of many columns reach sooner."""
LEADING_ZERO = re.compile(r"[+-]?0\d")
"""Such a number is a name: a postcode, an article."""


@click.command()
@click.argument("job")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@connected
@pass_service
def predict(service: Service, job: str, file: Path) -> None:
    """Predict the rows of FILE with the network that JOB trained.

    FILE is a CSV table whose header names the columns, or JSON: a list of rows, each an object or a list of values in
    the order of the job's features. In a pipe the answer is CSV.
    """
    with service.client() as client:
        rows = _json_rows(file) if file.suffix.lower() == ".json" else _csv_rows(client, job, file)
        found = list(_predicted(client, job, rows))
    if not found:
        raise ValueError(f"{file} holds no rows")
    if service.as_json:
        emit({"object": "list", "data": found})
    else:
        _print(found)


def _predicted(client: "Client", job: str, rows: Iterator[Any]) -> Iterator["Prediction"]:
    """Predictions, batch by batch."""
    from steepest.spec.errors import ValidationFailed

    done = 0
    for batch in _batches(rows):
        try:
            yield from client.predictions.create(job, batch)
        except ValidationFailed as error:
            if done:
                raise type(error)(
                    f"in the rows from number {done} of the file (counted from 0) on, {error.detail}",
                    problems=error.problems,
                ) from error
            raise
        done += len(batch)


def _batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    """The rows in lists that fit into a request."""
    batch: list[Any] = []
    size = 0
    for row in rows:
        length = len(json.dumps(row))
        if batch and (len(batch) == BATCH or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def _json_rows(file: Path) -> Iterator[Any]:
    try:
        body = json.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{file} is no JSON: {error}") from error
    rows = body.get("rows") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise ValueError(f'{file} holds no rows; it should be a list of rows, or {{"rows": [...]}}')
    yield from rows


def _csv_rows(client: "Client", job: str, file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table, its cells read as what the job's data set has in that column."""
    trained = client.jobs.get(job)
    columns = _kinds(client, trained.dataset)
    # A table with the target in it, or with a column that training left out, is as good as one without.
    ignored = columns.keys() - set(trained.resolved_spec.features)
    for row in _cells(file):
        yield {name: _cell(cell, columns.get(name)) for name, cell in row.items() if name not in ignored}


def _cells(file: Path) -> Iterator[dict[str, str]]:
    """The rows of a table from column to cell."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        try:
            for row in reader:
                if None in row or None in row.values():
                    raise ValueError(f"{file}, line {reader.line_num}: the row has another length than the header")
                yield row
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{file} is no CSV table in UTF-8: {error}") from error


def _kinds(client: "Client", dataset: str) -> dict[str, str]:
    """What each column of a data set holds; nothing when it has been deleted, which a finished job survives."""
    from steepest.spec.errors import NotFound

    try:
        return {column.name: column.kind for column in client.datasets.get(dataset).columns or ()}
    except NotFound:
        return {}


def _cell(text: str, kind: str | None) -> float | str | None:
    """A cell as the service reads it in a data set. What should be a number and is none goes as it is, to be named."""
    if text == "":
        return None
    if kind == "categorical" or (kind is None and LEADING_ZERO.match(text)) or "_" in text:
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _print(found: "list[Prediction]") -> None:
    if sys.stdout.isatty():
        names, _ = _glance(found[0])
        table(names, [_glance(item)[1] for item in found], right=names[1:] if names[0].startswith("LABEL") else names)
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_whole(found[0])[0])
        writer.writerows(_whole(item)[1] for item in found)


def _whole(item: "Prediction") -> tuple[list[str], list[Any]]:
    """Header and cells of all that is known of a row."""
    from steepest.spec.answers import ClassPrediction, LabelsPrediction, ValuesPrediction

    if isinstance(item, ClassPrediction):
        return ["label", *item.probabilities], [printable(item.label), *item.probabilities.values()]
    if isinstance(item, LabelsPrediction):
        return ["labels", *item.probabilities], [printable(", ".join(item.labels)), *item.probabilities.values()]
    if isinstance(item, ValuesPrediction):
        return list(item.values), list(item.values.values())
    return ["value"], [item.value]


def _glance(item: "Prediction") -> tuple[list[str], list[str]]:
    """Header and cells of what a person looks for in a row."""
    from steepest.spec.answers import ClassPrediction, LabelsPrediction, ValuesPrediction

    if isinstance(item, ClassPrediction):
        return ["LABEL", "PROBABILITY"], [item.label, percent(max(item.probabilities.values()))]
    if isinstance(item, LabelsPrediction):
        return ["LABELS"], [", ".join(item.labels)]
    if isinstance(item, ValuesPrediction):
        return list(item.values), [number(value) for value in item.values.values()]
    return ["VALUE"], [number(item.value)]
