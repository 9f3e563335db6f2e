"""`steepest card`: all that a stranger has to know about a network, on one page."""

from pathlib import Path

import click

from steepest.cli.output import echo, emit
from steepest.cli.service import Service, connected, pass_service


@click.command()
@click.argument("job")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to save: .html or .md. [default: JOB.html]",
)
@connected
@pass_service
def card(service: Service, job: str, output: Path | None) -> None:
    """Save JOB's model card: data, spec, figures with pictures, limits, and how to train it again."""
    with service.client() as client:
        saved = client.jobs.card(job, output or Path(f"{job}.html"))
    if service.as_json:
        emit({"path": str(saved), "bytes": saved.stat().st_size})
    else:
        echo(str(saved))
