"""The same steps twice: by the kernels, and by the NumPy plan that says what they must come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.spec.optimizers import Adam, Optimizer
from steepest.spec.training import Regularization
from steepest.trainer.arrays import Array, aligned, run
from steepest.trainer.backprop import Batch, Descent
from steepest.trainer.dropout import Words
from steepest.trainer.engines.steps import Batches, Moving, Rules, Steps
from steepest.trainer.engines.ways import Way
from steepest.trainer.network import Dense, Network
from steepest.trainer.objectives import OBJECTIVES, Objective
from steepest.trainer.optimizers import OPTIMIZERS
from steepest.trainer.penalties import Penalties


@dataclass
class Case:
    """Some steps of some networks on random rows."""

    layers: Sequence[Dense] = (Dense(9, "tanh"), Dense(6, "tanh"))
    loss: Any = ("categorical_crossentropy", "softmax")
    outputs: int = 3
    inputs: int = 5
    settings: Sequence[Optimizer] = (Adam(),)
    rows: int = 12
    steps: int = 4
    dtype: Any = np.float64
    orders: int = 1
    weighted: bool = False
    label_smoothing: float = 0.0
    delta: float = 0.7
    rates: Sequence[Sequence[float]] = ()
    """Of dropout: for each layer, of each network."""
    penalties: Sequence[tuple[float, float]] = ()
    """l1 and l2 of each network."""

    def __post_init__(self) -> None:
        r = np.random.default_rng(7)
        nets, n = len(self.settings), self.rows * self.steps + 5
        self.network = Network(
            self.inputs,
            tuple(self.layers),
            self.outputs,
            self.loss[1],
            self.loss[0],
            self.delta,
            self.label_smoothing,
        )
        self.X = r.standard_normal((n, self.inputs)).astype(self.dtype)
        self.y = self._targets(r, n)
        self.theta = r.standard_normal((nets, self.network.size)) / np.sqrt(max(self.network.widths))
        for norm in self.network.norms(self.theta):
            if norm is not None:
                norm.variance[:] = r.uniform(0.5, 2, norm.variance.shape)
        self.order = np.stack([r.permutation(n)[: self.rows * self.steps] for _ in range(self.orders)]).astype(np.intp)
        self.weights = r.uniform(0, 2 / self.rows, self.order.shape) if self.weighted else None
        self.learning_rates = r.uniform(0.002, 0.02, (self.steps, nets))
        self.words = [
            Words(list(range(nets)), number, layer.units, self.steps, self.rows) if any(rates) else None
            for number, (layer, rates) in enumerate(zip(self.layers, self.rates, strict=False))
        ] or [None] * len(self.layers)
        for words in self.words:
            if words is not None:
                words.words[:] = r.integers(0, 1 << 16, words.words.shape)

    @property
    def dropout(self) -> list[tuple[Words, Array] | None]:
        return [
            None if words is None else (words, np.array(self.rates[number])) for number, words in enumerate(self.words)
        ]

    def by_plan(self) -> "Outcome":
        optimizer, theta = self._start()
        slopes, nets = optimizer.gradient, len(theta)
        x = np.ones((self.orders, self.steps, self.rows, self.inputs + 1), self.dtype)
        x[..., :-1] = self.X[self.order].reshape(self.orders, self.steps, self.rows, -1)
        descent = Descent(slopes, 1 / self.rows, self.dropout)
        batch = Batch(self.network, theta, x, descent, weighted=self.weighted)
        self._load(batch.objective)
        penalties = None
        if self.penalties:
            regularization = [Regularization(l1=l1, l2=l2) for l1, l2 in self.penalties]
            blocks = self.network.blocks(theta), self.network.blocks(slopes)
            penalties = Penalties(regularization, *blocks, self.steps)
        optimizer.aim(3, self.learning_rates)
        for step in range(self.steps):
            run(batch.forward(step) + batch.backward(step))
            run(penalties.step(step) if penalties else ())
            run(optimizer.step(step))
        values = penalties.values(self.steps) if penalties else np.zeros((self.steps, nets))
        return Outcome(theta, optimizer.slots, batch.objective.sums(self.steps), values)

    def by_kernel(self, way: Way | None = None) -> "Outcome":
        optimizer, theta = self._start()
        moving = Moving(theta, optimizer.gradient, optimizer.slots)
        pairs = self.penalties or [(0.0, 0.0)] * len(theta)
        rules = Rules(self.settings, *zip(*pairs, strict=True))
        targets = OBJECTIVES[self.loss].encode(self.y, self.dtype)
        batches = Batches(self.rows, self.steps, self.X, targets, self.orders, self.weighted)
        steps = Steps(self.network, moving, rules, batches, self.dropout, way)
        weights = None if self.weights is None else self.weights.astype(self.dtype)
        sums = steps.run(self.order, self.learning_rates, 3, weights)
        return Outcome(theta, optimizer.slots, sums, steps.penalties(self.steps), steps.taken)

    def _start(self) -> tuple[Any, Array]:
        theta = aligned(self.theta.shape, self.dtype)
        theta[:] = self.theta
        trained = theta[:, : self.network.parameters]
        optimizer = OPTIMIZERS[self.settings[0].name](self.settings, trained, self.steps)
        optimizer.slots[:] = 0.01
        return optimizer, theta

    def _targets(self, r: np.random.Generator, n: int) -> Array:
        loss, output = self.loss
        if output == "softmax" or (output == "sigmoid" and loss == "mean_squared_error"):
            return r.integers(0, max(2, self.outputs), n)
        if output == "sigmoid":
            return r.integers(0, 2, (n, self.outputs)).astype(self.dtype)
        y = r.standard_normal((n, self.outputs)).astype(self.dtype)
        return np.floor(y**2) if loss == "poisson" else y

    def _load(self, objective: Objective) -> None:
        encoded = type(objective).encode(self.y, self.dtype)
        weights = None if self.weights is None else self.weights.astype(self.dtype)
        objective.load(encoded[self.order], weights)


@dataclass
class Outcome:
    """What the steps leave behind."""

    theta: Array
    slots: Array
    sums: Array
    penalties: Array
    taken: Array | None = None


def assert_equal(kernel: Outcome, plan: Outcome, tolerance: float) -> None:
    """Both came to the same, relative to the largest number of each array."""
    pairs = {
        "theta": (kernel.theta, plan.theta),
        "slots": (kernel.slots, plan.slots),
        "sums": (kernel.sums, plan.sums),
        "penalties": (kernel.penalties, plan.penalties),
    }
    for name, (ours, theirs) in pairs.items():
        assert ours.shape == theirs.shape, name
        largest = np.abs(theirs).max(initial=1e-3)
        error = np.abs(ours - theirs).max(initial=0.0) / largest
        assert error <= tolerance, (name, error)
