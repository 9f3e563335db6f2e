"""A contender's process: it trains once for each line that comes in, and answers with a line of JSON."""

import argparse
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any, Final

import numpy as np

from benchmarks import data
from benchmarks.works import Array, Layers, Work

ACTIVATIONS: Final[dict[str, Callable[[Array], Array]]] = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 0.5 * np.tanh(0.5 * z) + 0.5,
}


class Stopwatch:
    """Seconds of each epoch of a training."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: list[float] = []
        self._clock = clock
        self._last = clock()

    def another(self) -> "Stopwatch":
        """One of its own, started now."""
        return Stopwatch(self._clock)

    def start(self) -> None:
        """What came before is not counted."""
        self._last = self._clock()

    def epoch(self) -> None:
        """An epoch is over."""
        self.epochs(1)

    def epochs(self, number: int) -> None:
        """Several epochs are over, each of which took its share."""
        now = self._clock()
        self.seconds += [(now - self._last) / number] * number
        self._last = now


@dataclass(frozen=True)
class Options:
    """How a contender is to work."""

    threads: int
    variant: str
    gpu: bool = False


class Contender(ABC):
    """What a file of `contenders` defines: everything prepared, ready to train."""

    def __init__(self, work: Work, rows: data.Data, options: Options) -> None:
        self.work, self.data, self.options = work, rows, options

    @abstractmethod
    def train(self, stopwatch: Stopwatch) -> Sequence[Layers]:
        """Train from the first weights on, and say when each epoch ends; the last weights of each network."""


def serve(contender: type[Contender]) -> None:
    """The program of a contender."""
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Work.from_json)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", default="")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--once", action="store_true")
    arguments = parser.parse_args()
    work = arguments.work
    rows = data.load(work.rows)
    ready = contender(work, rows, Options(arguments.threads, arguments.variant, arguments.gpu))
    clock = process_time if arguments.cpu else perf_counter
    for _ in [""] if arguments.once else sys.stdin:
        stopwatch = Stopwatch(clock)
        layers = ready.train(stopwatch)
        print(json.dumps({"seconds": stopwatch.seconds} | figures(work, rows, layers)), flush=True)


def figures(work: Work, rows: data.Data, nets: Sequence[Layers]) -> dict[str, float | None]:
    """Loss, and accuracy or R2, on the test rows; of a stack the means. Measured here for everybody alike."""
    measured = [_figures(work, rows.X_test, rows.y_test, layers) for layers in nets]
    if not measured:
        return {"loss": None, "figure": None}
    loss, figure = np.mean(measured, axis=0).tolist()
    return {"loss": loss, "figure": figure}


def _figures(work: Work, X: Array, y: Array, layers: Layers) -> tuple[float, float]:
    a = X
    for number, (W, b) in enumerate(layers):
        z = a @ W + b
        a = z if number == len(layers) - 1 else ACTIVATIONS[work.activation](z)
    if work.task == "regression":
        squares = np.square(z - y, dtype=np.float64).mean()
        return float(squares), float(1 - squares / y.var(dtype=np.float64))
    if work.task == "binary":
        z = np.column_stack((np.zeros(len(z)), z))
    z = z.astype(np.float64)
    logs = np.log(np.exp(z - z.max(1, keepdims=True)).sum(1)) + z.max(1)
    return float((logs - z[np.arange(len(y)), y]).mean()), float((z.argmax(1) == y).mean())


def as_layers(arrays: Sequence[Any]) -> Layers:
    """Layers from weights and biases in turn, whatever library's they are."""
    plain = [np.asarray(array) for array in arrays]
    return list(zip(plain[::2], plain[1::2], strict=True))
