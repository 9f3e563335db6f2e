"""Train on data several times larger than memory: MB/s beside a bare read of the same file, and peak memory.

Where this machine lets us, the process and its part of the system's file cache are held to a quarter of the inputs.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from rich.console import Console

from benchmarks import data, report
from benchmarks.process import CHECKOUT, environment
from benchmarks.rounds import Options
from benchmarks.startup import MEGABYTE
from steepest.data.rooms import mapped
from steepest.data.spool import Spool, pack
from steepest.data.stored import open_prepared, store
from steepest.data.table import NumericColumn, Table
from steepest.run import limited_threads
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.shuffling import shuffle_of
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec
from steepest.trainer.engines.choice import choose
from steepest.trainer.fit import fit
from steepest.trainer.network import Network
from steepest.trainer.records import EpochRecord
from steepest.trainer.rows import Rows

COLUMNS: Final = 256
EPOCHS: Final = 3
TIMES: Final = 4
"""How many times larger than memory the inputs are."""

LEAST_MEMORY: Final = 320 << 20
"""Of a process that trains at all."""

GROUPS: Final = Path("/sys/fs/cgroup")
READ_BYTES: Final = 4 << 20


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """In a process of its own."""
    inputs = options.rows * COLUMNS * 4
    data.CACHE.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory(dir=data.CACHE) as folder,
        console.status(f"{2 * inputs / 1e9:.1f} GB of columns"),
        limited(max(LEAST_MEMORY, inputs // TIMES)) as (group, limit),
    ):
        ran = subprocess.run(
            [sys.executable, "-m", "benchmarks.larger", folder, str(options.rows)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env=environment(options.threads),
            cwd=CHECKOUT,
            preexec_fn=partial(_join, group) if group else None,
        )
    figures: dict[str, Any] = json.loads(ran.stdout) | {"memory_bytes": limit}
    held = f"memory held to {limit / MEGABYTE:,.0f} MB" if limit else "memory not held"
    table = report.columns(f"{options.rows:,} rows of {COLUMNS} numbers, {held}", "", "MB", "s", "MB/s")
    for title, (size, seconds) in figures["phases"].items():
        table.add_row(title, f"{size / 1e6:,.0f}", f"{seconds:.1f}", f"{size / seconds / 1e6:,.0f}")
    console.print(table)
    console.print(
        f"peak resident {figures['peak_bytes'] / MEGABYTE:,.0f} MB, of which maps of files can be taken away;"
        f" the process's own at the end {figures['own_bytes'] / MEGABYTE:,.0f} MB"
    )
    return figures


@contextmanager
def limited(most: int) -> Iterator[tuple[Path | None, int | None]]:
    """A group of processes that has so much memory, and the limit; None where we may make none."""
    for parent, name in ((GROUPS / "memory", "memory.limit_in_bytes"), (GROUPS, "memory.max")):
        group = parent / f"steepest-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / name).write_text(str(most))
            yield group, most
        except OSError:
            continue
        finally:
            group.rmdir()
        return
    yield None, None


def _join(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))


def columns(folder: Path, rows: int) -> Table:
    """A table as an ingest leaves it: two classes, told apart by the first column."""
    random = np.random.default_rng(0)
    spools = [Spool(folder / f"{index}", np.float64) for index in range(COLUMNS + 1)]
    for start in range(0, rows, 20_000):
        block = random.random((min(20_000, rows - start), COLUMNS))
        for index, spool in enumerate(spools):
            spool.append(block[:, index] if index < COLUMNS else (block[:, 0] > 0.5).astype(float))
    pack(spools, folder / "numbers.npy")
    names = [*(f"x{index}" for index in range(COLUMNS)), "y"]
    numbers = mapped(folder / "numbers.npy")
    return Table(rows, tuple(NumericColumn(name, each) for name, each in zip(names, numbers, strict=True)))


def spec_of(rows: int) -> ResolvedTrainSpec:
    """Little work for each row, so that the disk shows."""
    facts = TargetFacts("y", rows, 2, numeric=True, whole=True, classes=("0", "1"), counts=(rows // 2, rows // 2))
    asked = {"epochs": EPOCHS, "batch_size": 1_024, "layers": [{"units": 8}], "early_stopping": None}
    asked |= {"split": {"method": "random", "validation": 0.0, "test": 0.0}}
    spec = TrainSpec.model_validate(asked)
    shuffle = shuffle_of(spec.shuffle, rows, 4 * COLUMNS, rows * COLUMNS * 4 // TIMES)
    return resolve(spec, [facts]).spec.model_copy(update={"shuffle": shuffle})


def read(path: Path) -> float:
    """Seconds to read a file from its first byte to its last, from the disk."""
    with path.open("rb", buffering=0) as file:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        start = perf_counter()
        while file.read(READ_BYTES):
            pass
        return perf_counter() - start


def run(folder: Path, rows: int) -> dict[str, Any]:
    """Bytes and seconds of each phase, and memory."""
    table, spec = columns(folder, rows), spec_of(rows)
    os.sync()
    start = perf_counter()
    store(folder / "arrays", table, spec, ("y",), table.names[:-1], ("0", "1"))
    os.sync()
    phases = {"prepare: read columns, write inputs": (rows * COLUMNS * 12, perf_counter() - start)}
    inputs = folder / "arrays" / "training.inputs.npy"
    size = inputs.stat().st_size
    phases["read the inputs, bare"] = size, read(inputs)
    rows_of = Rows(*open_prepared(folder / "arrays").training)
    with limited_threads(choose(spec, Network.of(spec, COLUMNS, 1), rows)) as engine:
        for item in fit(spec, rows_of, outputs=1, engine=engine):
            if isinstance(item, EpochRecord):
                phases[f"epoch {item.epoch}, shuffled by blocks"] = size, item.seconds
    phases["read the inputs, bare, once more"] = size, read(inputs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"phases": phases, "peak_bytes": peak, "own_bytes": _own(), "shuffle": spec.shuffle.model_dump()}


def _own() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]))))
