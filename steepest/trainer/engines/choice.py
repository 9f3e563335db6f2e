"""Which engine runs a job, and with how many threads: one rule, of the job and of what this process has at hand.

The kernels (`numba`) take whole chunks of steps as one operation. They are chosen wherever they are loaded already, as
`steepest.warm_up()` does, and for work that takes so long that loading them pays. What they lack runs on the plan
(`numpy`), which has everything. A job keeps the engine that it began with.
"""

import sys
from dataclasses import dataclass
from importlib import import_module
from math import log2
from types import ModuleType
from typing import Final, Literal

from steepest.spec.resolve import batch_rows
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer import chunks
from steepest.trainer.chunks import work
from steepest.trainer.engines.codes import have_kernels
from steepest.trainer.engines.ways import MOST_THREADS, threads_of_kernels
from steepest.trainer.network import Network

EngineName = Literal["numpy", "numba", "cupy"]

KERNELS: Final = "steepest.trainer.engines.steps"

LOADING_PAYS: Final = 60.0
"""Estimated seconds of a run from which on kernels are loaded for it, and compiled if they never were before."""

STEP_SECONDS: Final = 15e-6
"""A plan's step takes at least so long, whatever the shape."""

OPERATIONS_PER_SECOND: Final = 5e10
"""What a processor core does in single precision."""

WORTH_SHARING: Final = 3e7
"""Floating-point operations of a step from which a second thread saves more than the two cost to meet."""


@dataclass(frozen=True)
class Engine:
    """What runs a job."""

    name: EngineName
    threads: int
    """At a product or, for kernels, at a network; or at several networks, one each."""


PLAN: Final = Engine("numpy", 1)


def choose(spec: ResolvedTrainSpec, network: Network, rows: int, nets: int = 1, kept: str | None = None) -> Engine:
    """The engine for a job.

    Args:
        spec: Of the job; of one of its networks, if it trains several.
        network: Their shape.
        rows: To train on.
        nets: How many networks train together.
        kept: The engine that an earlier attempt at the job began with; where it is missing, another goes on.
    """
    batch = batch_rows(spec.batch_size, rows)
    if spec.device == "gpu":
        return Engine("cupy", 1)
    pays = kept == "numba" or KERNELS in sys.modules or seconds(spec, network, rows, batch) * nets > LOADING_PAYS
    if pays and kept != "numpy" and kernels_can(spec, network, batch):
        return Engine("numba", threads_of_kernels(network, batch, nets))
    return Engine("numpy", threads_for(network, batch))


def kernels() -> ModuleType | None:
    """The kernels, loaded now at the latest; None where what they need is not installed."""
    try:
        return import_module(KERNELS)
    except ImportError:
        return None


def do_without_kernels() -> None:
    """Let no run of this process ask for kernels that are installed but do not work here."""
    sys.modules[KERNELS] = None  # type: ignore[assignment]  # the import system's own way to say that there is none


def threads_for(network: Network, batch: int) -> int:
    """Threads for batches of `batch` rows: a function of the shape alone, so that equal jobs get equal bits."""
    share = work(network, batch) / WORTH_SHARING
    return 1 if share < 1 else min(MOST_THREADS, 2 ** (1 + int(log2(share))))


def kernels_can(spec: ResolvedTrainSpec, network: Network, batch: int) -> bool:
    """Whether kernels are there, and have all that the job asks for."""
    bounded = spec.gradient_clip is not None or spec.regularization.max_norm is not None
    whole = batch <= chunks.piece_rows(network, 4 if spec.precision == "float32" else 8)
    return have_kernels(network, spec.optimizer.name) and not bounded and whole and kernels() is not None


def seconds(spec: ResolvedTrainSpec, network: Network, rows: int, batch: int) -> float:
    """How long all epochs would take on the plan, roughly, by one core."""
    steps = -(-rows // batch) * spec.epochs
    return steps * (STEP_SECONDS + work(network, batch) / OPERATIONS_PER_SECOND)
