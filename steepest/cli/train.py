"""`steepest train`: from a table to a trained network in one line."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.body import Body, assign, extended, layers, read_spec
from steepest.cli.datasets import summary, upload
from steepest.cli.follow import watch
from steepest.cli.output import echo, emit
from steepest.cli.service import Service, connected, pass_service

if TYPE_CHECKING:
    from steepest.client import Client

EXAMPLES = """
\b
Examples:
  steepest train flowers.csv --target species --follow
  steepest train DATASET --target price --layers 128,64 --epochs 200
  steepest train digits.csv --target digit --optimizer momentum
  steepest train digits.csv --target digit --set split.test=0.3
"""
FIELDS = ("name", "epochs", "batch_size", "seed")
"""Options that are fields of the job, under the same name."""


@click.command(epilog=EXAMPLES)
@click.argument("source", required=False)
@click.option("--target", metavar="COLUMN", multiple=True, help="The column to predict; once for each of several.")
@click.option("--follow", is_flag=True, help="Show progress until the job has ended.")
@click.option("--layers", metavar="UNITS", help="Units of the hidden layers, as 64,32, or none.")
@click.option("--activation", metavar="NAME", help="Of the hidden layers: relu, tanh, gelu, ...")
@click.option("--epochs", type=int, metavar="N", help="Passes over the training rows at most.")
@click.option("--batch-size", metavar="ROWS", help="Rows in a step: a number, or full.")
@click.option("--optimizer", metavar="NAME", help="adam, momentum, lbfgs, ...")
@click.option("--learning-rate", type=float, metavar="RATE", help="Length of a step.")
@click.option("--seed", type=int, metavar="N", help="Of everything that is random.")
@click.option("--name", help="What to call the job.")
@click.option("--set", "settings", metavar="PATH=VALUE", multiple=True, help="Any other field, as split.test=0.2.")
@click.option(
    "--spec",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A whole job as JSON, which other options overrule.",
)
@click.option("--validate-only", is_flag=True, help="Print what would be trained; train nothing.")
@connected
@pass_service
def train(service: Service, /, source: str | None, follow: bool, validate_only: bool, **options: Any) -> None:
    """Train a network that predicts one column of SOURCE.

    SOURCE is a file (CSV, or npz with X and y), or the id of a data set. All but the target has a default.
    """
    body = _body(options)
    with service.client() as client:
        uploaded = _settle_dataset(service, client, source, body)
        try:
            if validate_only:
                emit(client.jobs.validate(body))
                return
            job = client.jobs.create(body)
        except Exception:
            if uploaded:
                echo(f"The file is uploaded; {uploaded} stands for it from now on.", err=True)
            raise
        if follow:
            echo(f"{job.id} is {job.status}.", err=True)
            watch(service, client, job.id)
        elif service.as_json:
            emit(job)
        else:
            echo(f"{job.id} is {job.status}. Follow it: {service.again(f'follow {job.id}')}")


def _body(options: dict[str, Any]) -> Body:
    """The job's body: the spec file, overruled by options, overruled by `--set`."""
    body = read_spec(options["spec"]) if options["spec"] else {}
    given = {name: value for name, value in options.items() if value is not None}
    if "batch_size" in given and given["batch_size"].isdecimal():
        given["batch_size"] = int(given["batch_size"])
    body |= {name: given[name] for name in FIELDS if name in given}
    if targets := given["target"]:
        body["target"] = targets[0] if len(targets) == 1 else list(targets)
    if "layers" in given:
        body["layers"] = layers(given["layers"], given.get("activation"))
    elif "activation" in given:
        body["layers"] = extended(body.get("layers", [{}]), activation=given["activation"])
    if "optimizer" in given:
        body["optimizer"] = {"name": given["optimizer"]}
    if "learning_rate" in given:
        body["optimizer"] = extended(body.get("optimizer", {}), learning_rate=given["learning_rate"])
    for setting in given["settings"]:
        assign(body, setting)
    return body


def _settle_dataset(service: Service, client: "Client", source: str | None, body: Body) -> str | None:
    """Put the data set's id into the body, after uploading it if need be; the id if so."""
    if source is None:
        if "dataset" not in body:
            raise click.UsageError("Missing argument 'SOURCE': a file, or the id of a data set.")
        return None
    if not Path(source).exists() and re.fullmatch(r"ds_\w+(-\w+)*", source):
        body["dataset"] = source
        return None
    if not Path(source).is_file():
        raise click.BadParameter(f"{source} is neither a file nor the id of a data set", param_hint="'SOURCE'")
    _check_before_upload(body)
    dataset = upload(client, Path(source), None)
    if not service.as_json:
        echo(summary(dataset), err=True)
    body["dataset"] = dataset.id
    return dataset.id


def _check_before_upload(body: Body) -> None:
    """Refuse what the service would refuse whatever the data are, before sending gigabytes.

    Raises:
        ValidationFailed: with every problem, as the service would say it.
    """
    from steepest.spec.job import JobSpec
    from steepest.spec.problems import parse

    parse(JobSpec, {**body, "dataset": "ds_"})
