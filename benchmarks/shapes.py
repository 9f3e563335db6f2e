"""Eight shapes that nobody chose, beside JAX: drawn from a seed among those that people train."""

from dataclasses import replace
from typing import Any, Final

import numpy as np
from rich.console import Console

from benchmarks import report
from benchmarks.rounds import Options, Outcome, measure
from benchmarks.works import ADAM, GRADIENT_DESCENT, MOMENTUM, Rows, Work

SEED: Final = 4
SHAPES: Final = 8
SHORT: Final = {"gradient_descent": "gradient descent", "momentum": "momentum", "adam": "Adam"}
PEERS: Final = ("jax", "jax-1")
ROUND_WORK: Final = 2e11
"""Floating-point operations of a round, about: some seconds."""


def drawn(seed: int = SEED, shapes: int = SHAPES) -> list[Work]:
    """One to three hidden layers 16-256 wide; rows, widths and batches evenly on a logarithmic scale."""
    random = np.random.default_rng(seed)
    return [_draw(random, number) for number in range(1, shapes + 1)]


def _draw(random: np.random.Generator, number: int) -> Work:
    def between(least: int, most: int) -> int:
        return round(float(np.exp(random.uniform(np.log(least), np.log(most)))))

    layers = int(random.integers(1, 4))
    widths = (between(8, 128), *(between(16, 256) for _ in range(layers)), (1, 5, 10)[random.integers(3)])
    rows, batch = between(1_000, 100_000), 2 ** int(random.integers(5, 10))
    optimizer: dict[str, Any] = (GRADIENT_DESCENT, MOMENTUM, ADAM)[random.integers(3)]
    activation: Any = ("relu", "tanh", "sigmoid")[random.integers(3)]
    what = f"{rows:,} rows, {'-'.join(map(str, widths))} {activation}, {SHORT[optimizer['name']]}, batch {batch}"
    work = Work(
        f"S{number}",
        what,
        Rows("drawn", rows, widths[0], widths[-1], seed=number),
        "binary" if widths[-1] == 1 else "multiclass",
        widths,
        optimizer,
        batch,
        epochs=1,
        activation=activation,
    )
    return replace(work, epochs=1 + epochs_for(work))


def epochs_for(work: Work, operations: float = ROUND_WORK) -> int:
    """Epochs that make a round long enough to be timed, and no longer."""
    step = 6.0 * work.parameters * min(work.batch_size, work.rows.training) * max(1, len(work.nets)) + 1e6
    return max(1, min(50, int(operations / 10 / step / -(-work.rows.training // work.batch_size))))


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """Each shape, with whatever peers were asked for; JAX alone if all were."""
    asked = [name for name in options.names if name in PEERS]
    options = replace(options, names=("steepest", "numpy", *(asked or PEERS), *_floor(options)))
    outcomes = []
    for work in drawn():
        with console.status(work.name) as status:
            outcomes.append(measure(work, options, status.update))
        console.print(report.of_outcome(outcomes[-1]))
    console.print(_summary(outcomes))
    return {"seed": SEED, "shapes": [outcome.to_dict() for outcome in outcomes]}


def _floor(options: Options) -> tuple[str, ...]:
    return tuple(name for name in options.names if name == "floor")


def _summary(outcomes: list[Outcome]) -> Any:
    table = report.columns("Drawn shapes: time of JAX over that of steepest", "", "JAX / steepest", "JAX / plain NumPy")
    for outcome in outcomes:
        best = outcome.best_peer
        ours = [outcome.standing.get(name) for name in ("steepest", "numpy")]
        cells = [f"{best.middle / own.middle:.2f}" if best and own else "-" for own in ours]
        table.add_row(f"{outcome.work.name}: {outcome.work.what}", *cells)
    return table
