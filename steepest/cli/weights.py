"""`steepest weights`: take a trained network home."""

from pathlib import Path

import click

from steepest.cli.output import echo
from steepest.cli.service import Service, connected, pass_service
from steepest.inspect.words import size


@click.command()
@click.argument("job")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to save; its suffix is the format unless --format says it. [default: JOB.FORMAT]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["safetensors", "npz", "onnx", "json", "py"]),
    help="The file's format. [default: OUTPUT's suffix, else safetensors]",
)
@click.option(
    "--checkpoint",
    metavar="WHICH",
    help="best, last, initial or an epoch. [default: the weights that predictions use]",
)
@connected
@pass_service
def weights(service: Service, job: str, output: Path | None, format_: str | None, checkpoint: str | None) -> None:
    """Download JOB's weights into a file.

    Every format holds the preprocessing too. `steepest.load(FILE)` predicts raw rows from safetensors, npz and json;
    onnx runs under ONNX runtimes, and py is a Python program that needs NumPy alone: `python FILE rows.csv`.
    """
    with service.client() as client:
        target = output or Path(f"{job}.{format_ or 'safetensors'}")
        saved = client.weights.download(job, target, format=format_, checkpoint=checkpoint)
    if service.as_json:
        from steepest.cli.output import emit

        emit({"path": str(saved), "bytes": saved.stat().st_size})
    else:
        echo(f"{saved}  {size(saved.stat().st_size)}")
