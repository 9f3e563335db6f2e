"""Whole steps of training by kernels: what the NumPy plan of a chunk leaves behind, in one call."""

from typing import Any, Final

import numpy as np

from steepest.spec.optimizers import GradientDescent
from steepest.trainer.arrays import Array, aligned
from steepest.trainer.engines import codes, crew
from steepest.trainer.engines.kernels import objectives, optimizers
from steepest.trainer.engines.kernels.entry import train
from steepest.trainer.engines.tables import Batches, Moving, Rules, Silence, Tables
from steepest.trainer.engines.ways import Way
from steepest.trainer.network import Dense, Network

__all__ = ["Batches", "Moving", "Rules", "Steps", "compiled_here", "warm_up"]

PER_LINE: Final = 8
"""Numbers of 64 bits in a cache line."""

PENALTIES: Final = 2
"""Numbers of the penalties, l1 and l2, behind those of an optimizer."""


class Steps:
    """Steps over batches of one size, of M networks: up to as many at a time as `batches` says."""

    def __init__(
        self,
        network: Network,
        moving: Moving,
        rules: Rules,
        batches: Batches,
        silence: Silence,
        way: Way | None = None,
    ) -> None:
        """Build the tables.

        Args:
            network: The shape.
            moving: What changes.
            rules: How.
            batches: Over what.
            silence: The dropout of each hidden layer.
            way: How threads divide the work; the networks are trained alike in all ways, but to rounding.
        """
        way = way or Way()
        nets, dtype = len(moving.theta), batches.X.dtype
        self._threads = way.threads if way.team else min(way.threads, nets)
        ranks = way.threads if way.team else 1
        by_rows = way.by_rows and not network.normalizes and not any(silence)
        rooms = 1 if way.team else self._threads
        self._tables = Tables(network, moving, rules, batches, silence, rooms=rooms, by_rows=by_rows)
        self._settings = _settings(rules)
        figures = (
            2
            if codes.OBJECTIVES[network.loss, network.output_activation] in objectives.OF_HITS
            else 1 + network.outputs
        )
        # Cores take a cache line from each other with every number that they write: no two ranks share one.
        whole_lines = -(-nets // PER_LINE) * PER_LINE
        self._sums = aligned((ranks, whole_lines, figures), np.float64)
        self._penalties = aligned((ranks, batches.steps, whole_lines), np.float64)
        self._unweighted = np.zeros((batches.orders, 0), dtype)
        self.taken = aligned(whole_lines, np.int64)[:nets]
        """(M,) steps that the last run took: all, or fewer of a network whose output, loss or figures were not finite
        in the next; its weights are those from before that step."""
        self._ranks = ranks
        self._one = dtype.type(1)

    def run(self, order: Array, rates: Array, done: int, weights: Array | None = None) -> Array:
        """Take steps over the rows of an order.

        Args:
            order: (orders, steps x rows) intp, row numbers.
            rates: (steps, M) float64 learning rates, or more of them.
            done: Steps taken before.
            weights: (orders, steps x rows) w of each row in its batch, if rows have weights of their own.

        Returns:
            (M, figures) float64 sums over the rows, as an objective's. Those of a network that took fewer steps mean
            nothing.
        """
        tables = self._tables
        weights = self._unweighted if weights is None else weights
        chunk = weights, rates, done, self._settings, self._sums, self._penalties, self.taken
        given = self._ranks, tables.plan, tables.rooms, tables.layers, order, chunk
        if self._threads == 1:
            train(self._one, 0, *given)
        else:
            crew.together(lambda rank: train(self._one, rank, *given), self._threads)
        sums: Array = (self._sums[0].copy() if self._ranks == 1 else self._sums.sum(0))[: len(self.taken)]
        return sums

    def penalties(self, steps: int) -> Array:
        """(steps, M) penalties at the weights before each of the first steps of the last run."""
        penalties: Array = self._penalties[:, :steps].sum(0)[:, : len(self.taken)]
        return penalties


def warm_up() -> None:
    """Load the kernels of both precisions from where they are kept, or compile them."""
    network = Network(1, (Dense(1, "relu"),), 1, "linear", "mean_squared_error")
    rules = Rules([GradientDescent()], [0.0], [0.0])
    for dtype in (np.float32, np.float64):
        theta, slots = np.zeros((1, network.size), dtype), np.zeros((0, 1, network.size), dtype)
        batches = Batches(1, 1, np.zeros((1, 1), dtype), np.zeros((1, 1), dtype))
        steps = Steps(network, Moving(theta, theta.copy(), slots), rules, batches, [None])
        steps.run(np.zeros((1, 1), np.intp), np.zeros((1, 1)), 0)


def compiled_here() -> bool:
    """Whether this process compiled kernels that are kept on disk, rather than loading them from there."""
    return train.stats.cache_path is not None and bool(train.stats.cache_misses)


def _settings(rules: Rules) -> Array:
    """(M, 6) what the optimizer needs of each network, and its penalties."""
    settings = np.zeros((len(rules.optimizer), optimizers.MOST_SETTINGS + PENALTIES))
    for row, each, l1, l2 in zip(settings, rules.optimizer, rules.l1, rules.l2, strict=True):
        names: Any = optimizers.SETTINGS[each.name]
        row[: len(names)] = [getattr(each, name) for name in names]
        row[-PENALTIES:] = l1, l2
    return settings
