"""Prepare and train in less memory than the data take: `python -m tests.unit.data.larger FOLDER`.

Prints bytes: how much memory of its own the process was allowed, how much it had at most in all, maps of files
included, and how large the inputs and the columns are.
"""

import resource
import sys
from pathlib import Path
from typing import Final

import numpy as np

from steepest.data.prepare import prepare
from steepest.data.rooms import mapped
from steepest.data.spool import Spool, pack
from steepest.data.stored import open_prepared, store
from steepest.data.table import NumericColumn, Table
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.shuffling import shuffle_of
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec
from steepest.trainer.evaluate import evaluate
from steepest.trainer.fit import Finished, fit
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows

ROWS, COLUMNS = 60_000, 300
OWN: Final = 32 << 20
"""Bytes that the process may take beside what it has once all is imported."""


def status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def columns(folder: Path, rows: int) -> Table:
    """A table as `ingest` leaves it: two classes, told apart by the first column."""
    random = np.random.default_rng(0)
    spools = [Spool(folder / f"{index}", np.float64) for index in range(COLUMNS + 1)]
    for start in range(0, rows, 1_000):
        block = random.normal(size=(min(1_000, rows - start), COLUMNS))
        for index, spool in enumerate(spools):
            spool.append(block[:, index] if index < COLUMNS else (block[:, 0] > 0).astype(float))
    pack(spools, folder / "numbers.npy")
    numbers = mapped(folder / "numbers.npy")
    names = [*(f"x{index}" for index in range(COLUMNS)), "y"]
    return Table(rows, tuple(NumericColumn(name, each) for name, each in zip(names, numbers, strict=True)))


def spec_of(rows: int) -> ResolvedTrainSpec:
    facts = TargetFacts("y", rows, 2, numeric=True, whole=True, classes=("0", "1"), counts=(rows // 2, rows // 2))
    spec = TrainSpec.model_validate({"epochs": 2, "batch_size": 64, "layers": [{"units": 4}], "early_stopping": None})
    resolved = resolve(spec, [facts]).spec
    shuffle = shuffle_of(spec.shuffle, rows, 4 * COLUMNS, OWN // 2)
    return resolved.model_copy(update={"shuffle": shuffle})


def run(folder: Path, rows: int) -> int:
    """Prepare, train and measure; bytes of the inputs."""
    folder.mkdir()
    table = columns(folder, rows)
    asked = table, spec_of(rows), ("y",), table.names[:-1], ("0", "1")
    store(folder / "arrays", *asked)
    data = open_prepared(folder / "arrays")
    assert data.validation is not None
    assert data.test is not None
    items = fit(asked[1], Rows(*data.training), outputs=1, validation=Rows(*data.validation))
    (end,) = (item for item in items if isinstance(item, Finished))
    network = Network.of(asked[1], COLUMNS, 1)
    assert (evaluate(network, end.theta, Rows(*data.test)).accuracy or 0) > 0.9 or rows < ROWS
    return sum(part.X.nbytes for part in (data.training, data.validation, data.test))


def main(folder: Path) -> None:
    run(folder / "small", 2_000)  # whatever is loaded late is there now
    before = status("VmRSS")
    limit = status("VmData") + OWN
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    inputs = run(folder / "large", ROWS)
    grown = status("VmHWM") - before
    table = Table(
        ROWS, tuple(NumericColumn(f"x{i}", each) for i, each in enumerate(mapped(folder / "large" / "numbers.npy")))
    )
    try:
        prepare(table, spec_of(ROWS), ("x300",), table.names[:-1], ("0", "1"))
    except MemoryError:
        print(OWN, grown, inputs, ROWS * COLUMNS * 8)
    else:
        sys.exit("the data fit in memory: nothing was shown")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
