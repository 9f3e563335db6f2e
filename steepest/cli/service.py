"""Which service a command talks to, and in which form it answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import httpx

    from steepest.client import Client

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Service:
    """What the options `--url`, `--key` and `--json` said, before or after the command's name."""

    url: str | None = None
    key: str | None = None
    as_json: bool = False
    transport: "httpx.BaseTransport | None" = None

    def client(self) -> "Client":
        """A client for it."""
        from steepest.client import Client

        return Client(self.url, self.key, transport=self.transport)

    def again(self, command: str) -> str:
        """A command line that reaches the same service, to be shown."""
        return f"steepest {command}" + (f" --url {self.url}" if self.url else "")


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Put an option that was given where every command finds it; the one nearest to the command counts."""
    if value:
        setattr(ctx.ensure_object(Service), str(parameter.name), value)
    else:
        ctx.ensure_object(Service)


def connected(command: F) -> F:
    """Add the options that every command has."""
    options = (
        click.option(
            "--url", metavar="URL", expose_value=False, callback=_keep, help="Address of the service [STEEPEST_URL]."
        ),
        click.option("--key", metavar="KEY", expose_value=False, callback=_keep, help="API key [STEEPEST_API_KEY]."),
        click.option(
            "--json", "as_json", is_flag=True, expose_value=False, callback=_keep, help="Print JSON, for programs."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


pass_service = click.make_pass_decorator(Service)
