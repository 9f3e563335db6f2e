"""Measurements as tables for people, and as JSON for programs."""

import json
import os
import platform
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.rounds import Measured, Outcome


def console() -> Console:
    """Wide enough for the tables, also into a file."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=150)


def machine(threads: int) -> dict[str, Any]:
    """Where the figures come from."""
    return {"processor": _processor(), "cores": os.cpu_count(), "threads": threads, "python": platform.python_version()}


def save(path: Path, threads: int, measurements: dict[str, Any]) -> None:
    """Write all figures into a file."""
    path.write_text(json.dumps({"machine": machine(threads)} | measurements, indent=1) + "\n")


def columns(title: str, *names: str) -> Table:
    """A table of figures, the first column of words."""
    table = Table(*names, title=title, title_justify="left", title_style="bold")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def of_outcome(outcome: Outcome) -> Table:
    """Median, minimum and maximum, and the ratios of medians."""
    metric = "test R2" if outcome.work.task == "regression" else "test accuracy"
    names = ("ms an epoch", "min", "max", "of best peer's time", "over the floor", "start-up s", "test loss", metric)
    table = columns(f"{outcome.work.name}: {outcome.work.what}", "", *names)
    for measured in outcome.contenders.values():
        if measured.failure is not None:
            table.add_row(measured.entry.title, measured.failure)
        else:
            table.add_row(measured.entry.title, *_cells(outcome, measured), style="bold" if measured.entry.ours else "")
    return table


def _cells(outcome: Outcome, measured: Measured) -> list[str]:
    best, floor = outcome.best_peer, outcome.floor
    return [
        *(milliseconds(seconds) for seconds in (measured.middle, min(measured.epochs), max(measured.epochs))),
        f"{measured.middle / best.middle:.2f}x" if best else "",
        f"{measured.middle / floor.middle:.2f}x" if floor else "",
        f"{measured.startup:.1f}",
        "" if measured.loss is None else f"{measured.loss:.5f}",
        "" if measured.figure is None else f"{measured.figure:.4f}",
    ]


def of_goals(outcomes: list[Outcome]) -> Table:
    """How many times as long as ours each peer took, work by work."""
    table = columns("Time over that of steepest", "", *(outcome.work.name for outcome in outcomes))
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.contenders if name != "steepest")
    for name in names:
        cells = []
        for outcome in outcomes:
            ours, theirs = outcome.standing.get("steepest"), outcome.standing.get(name)
            cells.append(f"{theirs.middle / ours.middle:.2f}" if ours and theirs else "-")
        title = next(outcome.contenders[name].entry.title for outcome in outcomes if name in outcome.contenders)
        table.add_row(title, *cells)
    return table


def milliseconds(seconds: float) -> str:
    """With four digits that count."""
    return f"{1000 * seconds:.4g}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
