"""How the time of an epoch grows: along one axis at a time, with the exponent of the power law that fits best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from rich.console import Console

from benchmarks import report
from benchmarks.contenders import ENTRIES
from benchmarks.rounds import Options, Outcome, measure
from benchmarks.shapes import epochs_for
from benchmarks.works import ADAM, W2, Net, Rows, Work

ROWS: Final = 10_000
FEATURES: Final = 20


@dataclass(frozen=True)
class Axis:
    """What grows, from where to where, while all else stays."""

    name: str
    values: Sequence[int]
    work: Callable[[int], Work]


def _work(
    name: str,
    value: int,
    *,
    rows: int = ROWS,
    hidden: Sequence[int] = (64,),
    batch: int = 128,
) -> Work:
    work = Work(
        f"{name} {value:,}",
        f"{name} {value:,}",
        Rows("drawn", rows, FEATURES, 10),
        "multiclass",
        (FEATURES, *hidden, 10),
        ADAM,
        batch,
        epochs=1,
    )
    return replace(work, epochs=1 + epochs_for(work, 1e11))


def _stack(nets: int) -> Work:
    rates = np.geomspace(3e-4, 2e-2, nets)
    each = tuple(Net(float(rate), 1) for rate in rates)
    return replace(W2, name=f"stack {nets}", what=f"stack {nets}", nets=each, epochs=max(2, 33 // nets))


AXES: Final = (
    Axis(
        "rows",
        (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
        lambda value: _work("rows", value, rows=value, batch=256),
    ),
    Axis(
        "width",
        (16, 32, 64, 128, 256, 512, 1_024, 2_048),
        lambda value: _work("width", value, hidden=(value, value)),
    ),
    Axis("batch", (1, 4, 16, 64, 256, 1_024, 4_096, ROWS), lambda value: _work("batch", value, batch=value)),
    Axis("depth", (1, 2, 5, 10, 20), lambda value: _work("depth", value, hidden=[64] * value)),
    Axis("stack", (1, 3, 10, 32, 100, 316, 1_000), _stack),
)


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """Every axis: ours, and of the peers those that were asked for by name; JAX if all were."""
    chosen = tuple(name for name in options.names if name in ("steepest", "jax"))
    options = replace(options, names=chosen, rounds=min(options.rounds, 3))
    return {axis.name: _measured(console, axis, options) for axis in AXES}


def _measured(console: Console, axis: Axis, options: Options) -> dict[str, Any]:
    outcomes = []
    for value in axis.values:
        with console.status(f"{axis.name} {value:,}"):
            outcomes.append(measure(axis.work(value), options))
    table = report.columns(f"An epoch by {axis.name}, ms", axis.name, *(ENTRIES[name].title for name in options.names))
    for value, outcome in zip(axis.values, outcomes, strict=True):
        table.add_row(f"{value:,}", *(_cell(outcome, name) for name in options.names))
    exponents = {name: exponent(axis.values, outcomes, name) for name in options.names}
    table.add_row("exponent", *(f"{power:.2f}" for power in exponents.values()), style="bold")
    console.print(table)
    points = [{"value": value} | outcome.to_dict() for value, outcome in zip(axis.values, outcomes, strict=True)]
    return {"exponents": exponents, "points": points}


def exponent(values: Sequence[int], outcomes: Sequence[Outcome], name: str) -> float:
    """P of seconds = c value^p, by least squares of the logarithms."""
    pairs = [
        (value, outcome.standing[name].middle)
        for value, outcome in zip(values, outcomes, strict=True)
        if name in outcome.standing
    ]
    if len(pairs) < 2:
        return float("nan")
    x, y = np.log(pairs).T
    return float(np.polyfit(x, y, 1)[0])


def _cell(outcome: Outcome, name: str) -> str:
    measured = outcome.standing.get(name)
    return report.milliseconds(measured.middle) if measured else "failed"
