"""`steepest predict`: raw rows from a file in, predictions out."""

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.output import echo, emit, printable, table
from steepest.cli.service import Service, connected, pass_service
from steepest.inspect.words import number, percent, size

if TYPE_CHECKING:
    from steepest.client import Client
    from steepest.spec.predictions import Prediction

BATCH = 10_000
"""Rows in one request: the service's own limit."""
BATCH_BYTES = 8 << 20
"""JSON of the rows in one request: half of what the service takes, which rows of many columns reach sooner."""
LEADING_ZERO = re.compile(r"[+-]?0\d")
"""Such a number is a name: a postcode, an article."""


@click.command()
@click.argument("job")
@click.argument("source", metavar="FILE|DATASET")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to save the predictions of a data set, as Parquet. [default: DATASET.parquet]",
)
@connected
@pass_service
def predict(service: Service, job: str, source: str, output: Path | None) -> None:
    """Predict the rows of FILE, or of a whole data set, with the network that JOB trained.

    FILE is a CSV table whose header names the columns, or JSON: a list of rows, each an object or a list of values in
    the order of the job's features. In a pipe the answer is CSV. DATASET is the id of a data set; its predictions are
    saved as a Parquet file.
    """
    file = Path(source)
    if not file.is_file():
        if not re.fullmatch(r"ds_\w+(-\w+)*", source):
            raise click.BadParameter(f"{source} is neither a file nor the id of a data set", param_hint="'FILE'")
        _predict_dataset(service, job, source, output or Path(f"{source}.parquet"))
        return
    if output is not None:
        raise click.UsageError("--output is for a data set; the predictions of a file go to stdout")
    with service.client() as client:
        rows = _json_rows(file) if file.suffix.lower() == ".json" else _csv_rows(client, job, file)
        found = list(_predicted(client, job, rows))
    if not found:
        raise ValueError(f"{file} holds no rows")
    if service.as_json:
        emit({"object": "list", "data": found})
    else:
        _print(found)


def _predict_dataset(service: Service, job: str, dataset: str, output: Path) -> None:
    with service.client() as client:
        found = client.predictions.wait(client.predictions.create_for_dataset(job, dataset))
        if found.error is not None:
            from steepest.cli.report import explain

            explain(found.error, "the prediction")
            raise click.exceptions.Exit(1)
        saved = client.predictions.download(found, output)
    if service.as_json:
        emit({"path": str(saved), "bytes": saved.stat().st_size, "prediction": found})
    else:
        rows = found.result.rows if found.result else 0
        echo(f"{saved}  {rows:,} rows, {size(saved.stat().st_size)}")


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
    if (
        kind in ("boolean", "categorical", "datetime", "text")
        or (kind is None and LEADING_ZERO.match(text))
        or "_" in text
    ):
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
    from steepest.spec.predictions import ClassPrediction, LabelsPrediction, ValuesPrediction

    if isinstance(item, ClassPrediction):
        return ["label", *item.probabilities], [printable(item.label), *item.probabilities.values()]
    if isinstance(item, LabelsPrediction):
        return ["labels", *item.probabilities], [printable(", ".join(item.labels)), *item.probabilities.values()]
    if isinstance(item, ValuesPrediction):
        return list(item.values), list(item.values.values())
    return ["value"], [item.value]


def _glance(item: "Prediction") -> tuple[list[str], list[str]]:
    """Header and cells of what a person looks for in a row."""
    from steepest.spec.predictions import ClassPrediction, LabelsPrediction, ValuesPrediction

    if isinstance(item, ClassPrediction):
        return ["LABEL", "PROBABILITY"], [item.label, percent(max(item.probabilities.values()))]
    if isinstance(item, LabelsPrediction):
        return ["LABELS"], [", ".join(item.labels)]
    if isinstance(item, ValuesPrediction):
        return list(item.values), [number(value) for value in item.values.values()]
    return ["VALUE"], [number(item.value)]
