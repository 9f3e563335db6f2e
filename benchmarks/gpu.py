"""W3 to W6 and a wide network on this machine's GPU, beside PyTorch and JAX on the same card.

The peers come from the interpreter that `BENCHMARKS_PEERS_PYTHON` names: it needs PyTorch and JAX for CUDA. Everybody
computes in full single precision.
"""

import subprocess
import sys
from dataclasses import replace
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from benchmarks import data, report
from benchmarks.contenders import GPU_FLOOR
from benchmarks.process import CHECKOUT, environment
from benchmarks.rounds import Options, Outcome, measure
from benchmarks.works import ADAM, WORKS, Rows, Work

PEERS: Final = ("jax", "torch", "compile")
WIDE: Final = Work(
    "wide",
    "32,768 drawn rows, 1024-4096-4096-4096-4096-10, cross-entropy, Adam, batch 4,096",
    Rows("drawn", 32_768, 1_024, 10),
    "multiclass",
    (1_024, 4_096, 4_096, 4_096, 4_096, 10),
    ADAM,
    batch_size=4_096,
    epochs=6,
)
ON_GPU: Final = (*(replace(WORKS[name], epochs=11) for name in ("W3", "W4", "W5", "W6")), WIDE)
"""More epochs than on processors: they are short, and the second still records graphs."""

SIDE: Final = 8_192
PEAK: Final = f"""
import cupy
a = cupy.random.standard_normal(({SIDE}, {SIDE}), cupy.float32)
b, c = a.T.copy(), cupy.empty_like(a)
seconds = []
for _ in range(8):
    start, end = cupy.cuda.Event(), cupy.cuda.Event()
    start.record()
    cupy.matmul(a, b, out=c)
    end.record()
    end.synchronize()
    seconds.append(cupy.cuda.get_elapsed_time(start, end) / 1000)
print(cupy.cuda.runtime.getDeviceProperties(0)["name"].decode())
print(sorted(seconds)[len(seconds) // 2])
"""


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """Work by work, and the share of the card's peak: its rate at one large product, measured in the same run."""
    peers = tuple(name for name in PEERS if name in options.names)
    options = replace(options, names=("steepest", *peers, GPU_FLOOR), gpu=True)
    rows = {work.name: len(data.load(work.rows).X) for work in ON_GPU}
    card, peak = _peak()
    console.print(f"{card}: {peak / 1e12:.1f} TFLOP/s at a product of {SIDE:,} x {SIDE:,} in single precision")
    outcomes = []
    for work in ON_GPU:
        with console.status(work.name) as status:
            outcomes.append(measure(work, options, status.update))
        console.print(report.of_outcome(outcomes[-1]))
    console.print(report.of_goals(outcomes))
    console.print(_shares(outcomes, rows, peak))
    return {"card": card, "peak": peak, "works": [outcome.to_dict() for outcome in outcomes]}


def _peak() -> tuple[str, float]:
    """The card's name, and its floating-point operations per second."""
    program = [sys.executable, "-c", PEAK]
    ran = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True, env=environment(1), cwd=CHECKOUT)
    name, seconds = ran.stdout.splitlines()
    return name, 2 * SIDE**3 / float(seconds)


def _shares(outcomes: list[Outcome], rows: dict[str, int], peak: float) -> Table:
    table = report.columns("Share of the card's peak", "", *(outcome.work.name for outcome in outcomes))
    for name in dict.fromkeys(name for outcome in outcomes for name in outcome.contenders):
        cells = []
        for outcome in outcomes:
            found = outcome.standing.get(name)
            operations = outcome.work.row_operations * rows[outcome.work.name]
            cells.append(f"{operations / found.middle / peak:.1%}" if found else "-")
        table.add_row(outcomes[0].contenders[name].entry.title, *cells)
    return table
