"""The bare products of `floor` on a GPU: a step's, recorded as a CUDA graph and replayed."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import cupy

from benchmarks.data import Data
from benchmarks.server import Contender, Options, Stopwatch, serve
from benchmarks.works import Layers, Work
from steepest.trainer.arrays import Operation
from steepest.trainer.engines.cupy import gpu


class GpuFloor(Contender):
    """By the trainer's own recordings. A stack's products are batched."""

    def __init__(self, work: Work, rows: Data, options: Options) -> None:
        super().__init__(work, rows, options)
        batch = min(work.batch_size, len(rows.X))
        whole, rest = divmod(len(rows.X), batch)
        last = [self._products(rest)] if rest else []
        self._epoch = [self._products(batch)] * whole + last

    def train(self, stopwatch: Stopwatch) -> Sequence[Layers]:
        """Run the products of each epoch."""
        stopwatch.start()
        for _ in range(self.work.epochs):
            for products in self._epoch:
                products()
            cupy.cuda.get_current_stream().synchronize()
            stopwatch.epoch()
        return []

    def _products(self, rows: int) -> Operation:
        """Those of one step; activations lie as (rows, units)."""
        nets, widths = len(self.work.all_nets), self.work.widths
        a = [cupy.ones((nets, rows, units), cupy.float32) for units in widths]
        W = [cupy.ones((nets, ins, outs), cupy.float32) for ins, outs in pairwise(widths)]
        slopes = [cupy.ones_like(each) for each in W]
        plan: list[Operation] = []
        for layer in range(len(W)):
            plan += [partial(a[layer][net].dot, W[layer][net], a[layer + 1][net]) for net in range(nets)]
        for layer in reversed(range(len(W))):
            plan += [partial(a[layer][net].T.dot, a[layer + 1][net], slopes[layer][net]) for net in range(nets)]
            if layer:
                plan += [partial(a[layer + 1][net].dot, W[layer][net].T, a[layer][net]) for net in range(nets)]
        (recording,) = gpu().prepare(tuple(plan))
        return recording


if __name__ == "__main__":
    serve(GpuFloor)
