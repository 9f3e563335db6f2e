"""The root of the command, and what it does with an error: one or two clear lines, never a traceback."""

import click

from steepest.cli.card import card
from steepest.cli.control import cancel, pause, resume, retry
from steepest.cli.datasets import datasets
from steepest.cli.evaluate import evaluate
from steepest.cli.follow import follow
from steepest.cli.jobs import jobs
from steepest.cli.predict import predict
from steepest.cli.service import Service, connected
from steepest.cli.train import train
from steepest.cli.weights import weights


class Root(click.Group):
    """A group whose commands may raise anything."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; say what went wrong and choose the exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.Abort, click.exceptions.Exit, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            raise click.exceptions.Exit(130) from None
        except Exception as error:
            # Imported here: it brings pydantic, which `--help` can do without.
            from steepest.cli.report import report

            service = ctx.find_object(Service)
            report(error, as_json=service is not None and service.as_json)
            raise click.exceptions.Exit(1) from error


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="steepest")
@connected
def main() -> None:
    r"""Train feed-forward neural networks on a steepest service.

    From a table to a network that predicts:

    \b
      steepest train flowers.csv --target species --follow
      steepest weights JOB -o model.safetensors
      steepest predict JOB new_flowers.csv

    The service is the one that `make up` starts on this machine, unless --url and --key or the environment variables
    STEEPEST_URL and STEEPEST_API_KEY name another.
    """


for command in (train, follow, jobs, pause, resume, retry, cancel, evaluate, weights, card, predict, datasets):
    main.add_command(command)
