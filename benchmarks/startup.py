"""Seconds and memory from nothing to the first epoch of W1, each in a fresh process; `import numpy` is the measure."""

import subprocess
import sys
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final

from rich.console import Console

from benchmarks import data, report
from benchmarks.contenders import ENTRIES
from benchmarks.contenders.steepest import train_spec
from benchmarks.process import CHECKOUT, command, environment, pinned
from benchmarks.rounds import Options
from benchmarks.works import WORKS

W1_ONCE: Final = replace(WORKS["W1"], epochs=1)
OURS: Final = """
import sys
import numpy as np
import steepest
rows = np.load(sys.argv[1])
steepest.train({spec!r}, rows["X"], rows["y"])
"""
LAUNCHER: Final = """
import os, sys, time
start = time.perf_counter()
process = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
print()
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
"""
MEGABYTE: Final = 1e6


@dataclass(frozen=True)
class Cost:
    """Of a process from start to end."""

    seconds: float
    peak: float
    """Most bytes in memory."""


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """Each program as often as there are rounds, interleaved."""
    data.load(W1_ONCE.rows)
    programs = _programs(options)
    costs: dict[str, list[Cost]] = {title: [] for title in programs}
    for number in range(options.rounds + 1):
        for title, (arguments, threads) in programs.items():
            with console.status(title):
                cost = run(arguments, threads)
            if number:
                costs[title].append(cost)
    table = report.columns("From nothing to a first epoch of W1", "", "s", "min", "max", "of import numpy", "MB")
    base = median(cost.seconds for cost in costs["import numpy"])
    figures = {}
    for title, measured in costs.items():
        seconds = sorted(cost.seconds for cost in measured)
        middle, peak = median(seconds), max(cost.peak for cost in measured)
        cells = (f"{middle:.3f}", f"{seconds[0]:.3f}", f"{seconds[-1]:.3f}", f"{middle / base:.2f}x")
        table.add_row(title, *cells, f"{peak / MEGABYTE:.0f}")
        figures[title] = {"seconds": seconds, "median": middle, "over_numpy": middle / base, "peak_bytes": peak}
    console.print(table)
    return figures


def run(arguments: list[str], threads: int) -> Cost:
    """The wall clock's time and the most memory of a process, which a small one starts: memory counts from the fork."""
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *arguments],
        stdout=subprocess.PIPE,
        env=environment(threads),
        cwd=CHECKOUT,
        text=True,
        preexec_fn=pinned(threads),
    )
    if ran.returncode:
        raise RuntimeError(f"{arguments[:3]} ended with code {ran.returncode}")
    seconds, peak = ran.stdout.split()[-2:]
    return Cost(float(seconds), float(peak) * (1 if sys.platform == "darwin" else 1024))


def _programs(options: Options) -> dict[str, tuple[list[str], int]]:
    """By title: what to run, and with how many threads."""
    threads = options.threads
    rows = str(data.CACHE / f"{W1_ONCE.rows.source}.npz")
    ours = OURS.format(spec=train_spec(W1_ONCE))
    programs = {
        "import numpy": ([sys.executable, "-c", "import numpy"], threads),
        "import steepest, train": ([sys.executable, "-c", ours, rows], threads),
    }
    for name in options.names:
        entry = ENTRIES[name]
        if entry.peer and not entry.threads:
            programs[entry.title] = (command(entry, W1_ONCE, threads, ["--once"]), threads)
    return programs
