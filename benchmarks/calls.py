"""What a call of `steepest.train` costs beyond its epochs: a call with one epoch, less an epoch of a long call."""

import json
import subprocess
import sys
from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import Any, Final

from rich.console import Console

from benchmarks import data, report
from benchmarks.process import CHECKOUT, environment, pinned
from benchmarks.rounds import Options
from benchmarks.works import WORKS

NAMES: Final = ("W1", "W2")
LONG: Final = 50
CALLS: Final = 20


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """In a process of its own, after `warm_up()`."""
    for name in NAMES:
        data.load(WORKS[name].rows)
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.calls", *NAMES],
        capture_output=True,
        text=True,
        check=True,
        env=environment(options.threads),
        cwd=CHECKOUT,
        preexec_fn=pinned(options.threads),
    )
    figures: dict[str, dict[str, float]] = json.loads(ran.stdout)
    table = report.columns("A call of train", "", "ms beyond its epochs", "min", "max", "ms an epoch")
    for name, of_work in figures.items():
        keys = ("median", "min", "max", "epoch")
        table.add_row(f"{name}: {WORKS[name].what}", *(report.milliseconds(of_work[key]) for key in keys))
    console.print(table)
    return figures


def measured(name: str) -> dict[str, float]:
    """Seconds of calls on the data of a work."""
    import steepest
    from benchmarks.contenders.steepest import train_spec

    work = WORKS[name]
    rows = data.load(work.rows)
    short, long = (train_spec(replace(work, epochs=epochs)) for epochs in (1, LONG))
    steepest.warm_up()
    steepest.train(short, rows.X, rows.y)
    ends: list[float] = []
    steepest.train(long, rows.X, rows.y, on_epoch=lambda _: ends.append(perf_counter()))
    epoch = (ends[-1] - ends[0]) / (len(ends) - 1)
    costs = []
    for _ in range(CALLS):
        start = perf_counter()
        steepest.train(short, rows.X, rows.y)
        costs.append(perf_counter() - start - epoch)
    return {"median": median(costs), "min": min(costs), "max": max(costs), "epoch": epoch}


if __name__ == "__main__":
    print(json.dumps({name: measured(name) for name in sys.argv[1:]}))
