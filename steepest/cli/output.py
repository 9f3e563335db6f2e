"""Answers on stdout: tables for a terminal, aligned plain lines for a pipe, JSON for a program."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from steepest.inspect.words import duration

if TYPE_CHECKING:
    from rich.console import Console


def printable(text: str) -> str:
    """Text without characters that would command the terminal, whoever wrote it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def stdout_console() -> "Console":
    """Where tables go. Names are data, so no markup, no highlighting."""
    from rich.console import Console

    return Console(file=sys.stdout, markup=False, highlight=False, emoji=False)


def stderr_console() -> "Console":
    """Where progress goes."""
    from rich.console import Console

    return Console(file=sys.stderr, markup=False, highlight=False, emoji=False)


def echo(text: str, *, err: bool = False) -> None:
    """One line for a person."""
    click.echo(printable(text), err=err)


def emit(value: Any) -> None:
    """A model, or a list of models, as JSON."""
    from pydantic_core import to_json

    click.echo(to_json(value, indent=2, inf_nan_mode="strings").decode())


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A table; the columns named in `right` are aligned there. The first column is never cut short."""
    cells = [[printable(cell) for cell in row] for row in rows]
    console = stdout_console()
    if not console.is_terminal:
        _plain_table(headers, cells, right)
        return
    from rich.table import Table

    drawn = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for position, header in enumerate(headers):
        drawn.add_column(
            header,
            justify="right" if header in right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=max((len(row[0]) for row in cells), default=0) if position == 0 else None,
        )
    for row in cells:
        drawn.add_row(*row)
    console.print(drawn)


def _plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    lines = [headers, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    for line in lines:
        aligned = (
            cell.rjust(width) if header in right else cell.ljust(width)
            for cell, width, header in zip(line, widths, headers, strict=True)
        )
        click.echo("  ".join(aligned).rstrip())


def facts(pairs: Sequence[tuple[str, str | None]]) -> None:
    """Names and values, one a line; what is None is left out."""
    known = [(name, value) for name, value in pairs if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        echo(f"{name.ljust(width)}  {value}")


def age(at: datetime) -> str:
    """How long ago something was."""
    return duration(max(0.0, (datetime.now(UTC) - at).total_seconds()))


def moment(at: datetime) -> str:
    """A time on this machine's clock."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
