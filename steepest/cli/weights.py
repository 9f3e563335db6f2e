"""`steepest weights`: take a trained network home."""

from pathlib import Path

import click

from steepest.cli.output import echo, size
from steepest.cli.service import Service, connected, pass_service


@click.command()
@click.argument("job")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to save; its suffix, .safetensors or .npz, is the format. [default: JOB.safetensors]",
)
@click.option(
    "--checkpoint",
    metavar="WHICH",
    help="best, last, initial or an epoch. [default: the weights that predictions use]",
)
@connected
@pass_service
def weights(service: Service, job: str, output: Path | None, checkpoint: str | None) -> None:
    """Download JOB's weights into a file.

    The file holds the preprocessing too, so that `steepest.load(FILE)` predicts raw rows.
    """
    with service.client() as client:
        saved = client.weights.download(job, output or Path(f"{job}.safetensors"), checkpoint=checkpoint)
    if service.as_json:
        from steepest.cli.output import emit

        emit({"path": str(saved), "bytes": saved.stat().st_size})
    else:
        echo(f"{saved}  {size(saved.stat().st_size)}")
