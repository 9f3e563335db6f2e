"""Ingest of a CSV file beside pandas, polars and pyarrow, which do the bare read: seconds, MB/s and peak memory.

Each reads in a process of its own, imports before the clock starts; rounds are interleaved, and the file is read once
before, so that no one waits for the disk. Ours also infers kinds, counts, and writes the columns where they are mapped.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import numpy as np
from rich.console import Console

from benchmarks import data, report
from benchmarks.process import CHECKOUT, environment, pinned
from benchmarks.rounds import Options
from benchmarks.startup import LAUNCHER, MEGABYTE

COLUMNS: Final = 50
ROWS_AT_ONCE: Final = 100_000
LESS: Final = 10
"""A file of so many times fewer rows shows whether memory grows with the file."""

SECONDS_GOAL: Final = 2.0
MEMORY_GOAL: Final = 500.0

OURS: Final = "steepest"


@dataclass(frozen=True)
class Reading:
    """One read of the file."""

    seconds: float
    peak: float
    """Most bytes in memory, of the whole process."""


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """The file of `options.rows` rows by all, and ours on a tenth of it too."""
    path, less = (written(console, rows) for rows in (options.rows, options.rows // LESS))
    readings: dict[str, list[Reading]] = {name: [] for name in READERS}
    small: list[Reading] = []
    for number in range(options.rounds + 1):
        for name in READERS:
            with console.status(f"{name}, round {number}"):
                reading = measured(name, path, options.threads)
            if number:
                readings[name].append(reading)
        small.append(measured(OURS, less, options.threads))
    size = path.stat().st_size
    middle = {name: median(reading.seconds for reading in each) for name, each in readings.items()}
    fastest = min(seconds for name, seconds in middle.items() if name != OURS)
    title = f"Reading a CSV file of {options.rows:,} rows and {COLUMNS} columns, {size / MEGABYTE:,.0f} MB"
    table = report.columns(title, "", "s", "min", "max", "MB/s", "of the fastest peer's time", "peak MB")
    figures: dict[str, Any] = {"rows": options.rows, "columns": COLUMNS, "bytes": size}
    for name, each in readings.items():
        seconds = sorted(reading.seconds for reading in each)
        peak = max(reading.peak for reading in each)
        cells = (f"{middle[name]:.2f}", f"{seconds[0]:.2f}", f"{seconds[-1]:.2f}", f"{size / middle[name] / 1e6:.0f}")
        table.add_row(name, *cells, f"{middle[name] / fastest:.2f}x", f"{peak / MEGABYTE:.0f}")
        figures[name] = {"seconds": seconds, "median": middle[name], "peak_bytes": peak}
    console.print(table)
    figures["peak_bytes_of_a_tenth"] = max(reading.peak for reading in small)
    ratio, peak = middle[OURS] / fastest, figures[OURS]["peak_bytes"] / MEGABYTE
    console.print(
        f"goals: {ratio:.2f}x of {SECONDS_GOAL}x; {peak:.0f} of {MEMORY_GOAL:.0f} MB"
        f" ({figures['peak_bytes_of_a_tenth'] / MEGABYTE:.0f} MB on a tenth of the rows)"
    )
    return figures


def written(console: Console, rows: int) -> Path:
    """The file: six columns of decimals, one of codes, one of numbers, one of labels, one of fractions; and again."""
    path = data.CACHE / f"ingest-{rows}-{COLUMNS}.csv"
    if path.exists():
        return path
    import pyarrow as pa
    from pyarrow import csv

    data.CACHE.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    aside = path.with_suffix(".aside")
    with console.status(f"writing {rows:,} rows"), aside.open("wb") as file:
        for start in range(0, rows, ROWS_AT_ONCE):
            columns = {f"x{place}": _drawn(random, place, min(ROWS_AT_ONCE, rows - start)) for place in range(COLUMNS)}
            how = csv.WriteOptions(include_header=not start, quoting_style="none")
            csv.write_csv(pa.table(columns), file, how)
    return aside.rename(path)


def _drawn(random: np.random.Generator, place: int, rows: int) -> Any:
    kind = place % 10
    if kind < 6:
        return random.normal(size=rows).round(4)
    if kind < 8:
        return random.integers(0, 100 if kind == 6 else 1_000_000, rows)
    if kind == 8:
        return np.array(["red", "green", "blue", "amber"])[random.integers(0, 4, rows)]
    return random.random(rows)


def measured(name: str, path: Path, threads: int) -> Reading:
    """A read in a process of its own; a small one starts it, for memory counts from the fork."""
    program = [sys.executable, "-m", "benchmarks.ingest", name, str(path)]
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, *program],
        stdout=subprocess.PIPE,
        env=environment(threads) | {"POLARS_MAX_THREADS": str(threads)},
        cwd=CHECKOUT,
        text=True,
        preexec_fn=pinned(threads),
    )
    if ran.returncode:
        raise RuntimeError(f"{name} ended with code {ran.returncode}")
    seconds, _, peak = ran.stdout.split()[-3:]
    return Reading(float(seconds), float(peak) * (1 if sys.platform == "darwin" else 1024))


def _steepest() -> Callable[[str], object]:
    import steepest.data.formats.csv
    from steepest.data.ingest import ingest

    assert steepest.data.formats.csv

    def read(path: str) -> object:
        with tempfile.TemporaryDirectory(dir=data.CACHE) as folder, Path(path).open("rb") as file:
            return ingest(file, "csv", Path(folder) / "columns")

    return read


def _pyarrow() -> Callable[[str], object]:
    from pyarrow import csv

    return lambda path: csv.read_csv(path)


def _polars() -> Callable[[str], object]:
    import polars

    return lambda path: polars.read_csv(path)


def _pandas() -> Callable[[str], object]:
    import pandas

    return lambda path: pandas.read_csv(path)


READERS: Final = {OURS: _steepest, "pyarrow": _pyarrow, "polars": _polars, "pandas": _pandas}


def main(name: str, path: str) -> None:
    """Read, and print the seconds."""
    read = READERS[name]()
    start = perf_counter()
    kept = read(path)
    print(perf_counter() - start)
    del kept


if __name__ == "__main__":
    main(*sys.argv[1:])
