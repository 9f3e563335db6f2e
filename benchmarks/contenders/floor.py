"""No training: the matrix products of forward and backward at the real shapes, in the best of two orders."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.data import Data
from benchmarks.server import Contender, Options, Stopwatch, serve
from benchmarks.works import Array, Layers, Work

Plan = list[Callable[[], Any]]


class Floor(Contender):
    """Bare products, of each network of a stack: each round tries all ways and keeps the best."""

    def __init__(self, work: Work, rows: Data, options: Options) -> None:
        super().__init__(work, rows, options)
        plans = [self._plan(units_first) for units_first in (True, False)]
        self._ways = [(plan, threads) for plan in plans for threads in sorted({1, options.threads})]

    def train(self, stopwatch: Stopwatch) -> Sequence[Layers]:
        """Run the products of each epoch."""
        tried = []
        for plan, threads in self._ways:
            with threadpool_limits(threads, "blas"):
                own = stopwatch.another()
                for _ in range(self.work.epochs):
                    for product in plan:
                        product()
                    own.epoch()
                tried.append(own.seconds)
        stopwatch.seconds += min(tried, key=sum)
        return []

    def _plan(self, units_first: bool) -> Plan:
        rows, batch = len(self.data.X), min(self.work.batch_size, len(self.data.X))
        whole, rest = divmod(rows, batch)
        last = self._products(rest, units_first) if rest else []
        return (self._products(batch, units_first) * whole + last) * len(self.work.all_nets)

    def _products(self, rows: int, units_first: bool) -> Plan:
        """Those of one step; activations lie as (units, rows) or as (rows, units)."""
        plan: Plan = []
        below: Array = self.data.X[:rows].T if units_first else self.data.X[:rows]
        for number, (ins, outs) in enumerate(pairwise(self.work.widths)):
            W, slope = np.ones((ins, outs), np.float32), np.ones((ins, outs), np.float32)
            z = np.ones((outs, rows) if units_first else (rows, outs), np.float32)
            delta = np.ones((ins, rows) if units_first else (rows, ins), np.float32)
            if units_first:
                plan += [partial(np.dot, W.T, below, z), partial(np.dot, below, z.T, slope)]
            else:
                plan += [partial(np.dot, below, W, z), partial(np.dot, below.T, z, slope)]
            if number:
                plan.append(partial(np.dot, W, z, delta) if units_first else partial(np.dot, z, W.T, delta))
            below = z
        return plan


if __name__ == "__main__":
    serve(Floor)
