"""Our trainer: every epoch's record is taken, with all that it holds."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

import steepest
from benchmarks.data import Data
from benchmarks.server import Contender, Options, Stopwatch, serve
from benchmarks.works import Array, Layers, Work
from steepest.run import limited_threads
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec
from steepest.trainer.engines.choice import Engine, choose, threads_for
from steepest.trainer.fit import EpochRecord, Failed, Finished, fit_stack
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows


class Steepest(Contender):
    """The trainer's own generator, without what `steepest.train` does before and after the epochs."""

    def __init__(self, work: Work, rows: Data, options: Options) -> None:
        super().__init__(work, rows, options)
        device = "gpu" if options.gpu else "cpu"
        self._specs = [spec_of(work.alone(net), rows, device) for net in work.all_nets]
        self._network = Network.of(self._specs[0], work.widths[0], work.widths[-1])
        if options.variant == "numpy":
            engine = Engine("numpy", threads_for(self._network, min(work.batch_size, len(rows.X))))
        else:
            if not options.gpu:
                steepest.warm_up()
            engine = choose(self._specs[0], self._network, len(rows.X), len(self._specs))
        self._engine = replace(engine, threads=min(options.threads, engine.threads))

    def train(self, stopwatch: Stopwatch) -> Sequence[Layers]:
        """Train the networks, several as one stack."""
        ends: dict[int, Layers] = {}
        with limited_threads(self._engine) as engine:
            stopwatch.start()
            rows = Rows(self.data.X, self.data.y)
            stack = fit_stack(self._specs, rows, outputs=self.work.widths[-1], engine=engine)
            for item in stack.run():
                if isinstance(item, EpochRecord) and item.net == len(self._specs) - 1:
                    stopwatch.epoch()
                elif isinstance(item, Finished):
                    self._check(item.initial, self.work.all_nets[item.net].seed)
                    ends[item.net] = self._layers(item.last)
                elif isinstance(item, Failed):
                    raise item.error
        return [ends[net] for net in range(len(self._specs))]

    def _layers(self, theta: Array) -> Layers:
        return [(block[0, :-1], block[0, -1]) for block in self._network.blocks(theta[None])]

    def _check(self, initial: Array, seed: int) -> None:
        """Everybody starts from the same weights."""
        for (mine, _), (theirs, _) in zip(self._layers(initial), self.work.first(seed), strict=True):
            if not np.allclose(mine, theirs, rtol=1e-6, atol=0):
                raise RuntimeError("the trainer's first weights are not those of the work")


def spec_of(work: Work, rows: Data, device: str = "cpu") -> ResolvedTrainSpec:
    """The work as a spec."""
    spec = TrainSpec.model_validate(train_spec(work) | {"device": device})
    if work.task == "regression":
        facts = TargetFacts("y", len(rows.y), len(rows.y), True, False, None, None)
    else:
        counts = np.bincount(rows.y)
        labels = tuple(str(code) for code in range(len(counts)))
        facts = TargetFacts("y", len(rows.y), len(counts), True, True, labels, tuple(counts.tolist()))
    return resolve(spec, [facts], validation_rows=0).spec


def train_spec(work: Work) -> dict[str, object]:
    """The work as `steepest.train` takes it: every row trains, and none is scaled."""
    return {
        "task": work.task,
        "layers": [{"units": units, "activation": work.activation} for units in work.widths[1:-1]],
        "optimizer": work.optimizer,
        "batch_size": work.batch_size,
        "epochs": work.epochs,
        "initializer": "lecun_uniform",
        "early_stopping": None,
        "split": {"validation": 0.0, "test": 0.0},
        "preprocess": {"numeric": "none", "target": "none"},
        "seed": work.seed,
    }


if __name__ == "__main__":
    serve(Steepest)
