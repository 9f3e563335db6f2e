"""Optimizers: how a gradient moves the weights. Update rules are PyTorch's.

Symbols: theta the weights, g the gradient of the loss, eta the learning rate, t the step, from 1. All are arrays (M, P)
or numbers; every operation works in place, and the gradient's memory serves as scratch once it has been used.
"""

from abc import ABC, abstractmethod
from functools import cached_property, partial
from typing import Any, ClassVar, Final, Generic, TypeVar

import numpy as np

from steepest.spec.names import OptimizerName
from steepest.spec.optimizers import Adam as AdamSettings
from steepest.spec.optimizers import GradientDescent as GradientDescentSettings
from steepest.spec.optimizers import Momentum as MomentumSettings
from steepest.spec.optimizers import Optimizer as Settings
from steepest.trainer.arrays import Array, Plan, aligned, scalar

FORGET_EVERY: Final = 128
"""Steps."""

FORGOTTEN: Final = np.float32(1e-22)
"""Slots change by at most a ten-millionth of this: nothing, beside gradients that an epsilon of 1e-8 lets through."""

S = TypeVar("S", bound=Settings)


class Optimizer(ABC, Generic[S]):
    """An optimizer of weights `theta`, for chunks of up to `steps` steps."""

    kept: ClassVar[int]
    """Numbers kept for each parameter."""

    def __init__(self, settings: S, theta: Array, steps: int) -> None:
        self.settings = settings
        self.theta = theta
        self.steps = steps
        self.gradient = aligned(theta.shape, theta.dtype)
        """Where backpropagation leaves g."""
        self.slots = aligned((self.kept, *theta.shape), theta.dtype)

    @abstractmethod
    def step(self, position: int) -> Plan:
        """The operations of a step at a position in its chunk."""

    def aim(self, done: int) -> None:
        """Before a chunk: set what depends on t, when `done` steps have been taken."""
        if self.kept and self.theta.dtype == np.float32 and -done % FORGET_EVERY < self.steps:
            # A parameter without a gradient, such as that of a pixel that is always blank, has slots that shrink step
            # by step. Single precision soon runs out of exponents for them, and processors are many times slower with
            # such denormal numbers. Added and subtracted again, a number that matters to nobody rounds them to zero.
            np.add(self.slots, FORGOTTEN, self.slots)
            np.subtract(self.slots, FORGOTTEN, self.slots)


class GradientDescent(Optimizer[GradientDescentSettings]):
    """theta = theta - eta g (Cauchy 1847; on batches: Robbins and Monro 1951)."""

    kept = 0

    @cached_property
    def _step(self) -> Plan:
        theta, g = self.theta, self.gradient
        eta = scalar(self.settings.learning_rate, theta.dtype)
        return (partial(np.multiply, g, eta, g), partial(np.subtract, theta, g, theta))

    def step(self, position: int) -> Plan:
        """One step downhill."""
        return self._step


class Momentum(Optimizer[MomentumSettings]):
    """v = mu v + g; theta = theta - eta v (Polyak 1964)."""

    kept = 1

    @cached_property
    def _step(self) -> Plan:
        theta, g, (v,) = self.theta, self.gradient, self.slots
        eta = scalar(self.settings.learning_rate, theta.dtype)
        mu = scalar(self.settings.momentum, theta.dtype)
        return (
            partial(np.multiply, v, mu, v),
            partial(np.add, v, g, v),
            partial(np.multiply, v, eta, g),
            partial(np.subtract, theta, g, theta),
        )

    def step(self, position: int) -> Plan:
        """One step of a ball that rolls downhill."""
        return self._step


class Adam(Optimizer[AdamSettings]):
    """Adam (Kingma and Ba 2015, algorithm 1), with b1 = beta_1, b2 = beta_2.

        m = b1 m + (1 - b1) g          v = b2 v + (1 - b2) g^2
        theta = theta - eta m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)

    Kept are m / (1 - b1) and v / (1 - b2), which need one product less. What that and the corrections by t amount to
    are two numbers a step, alpha and epsilon': theta = theta - alpha m / (sqrt(v) + epsilon').
    """

    kept = 2

    def __init__(self, settings: AdamSettings, theta: Array, steps: int) -> None:
        super().__init__(settings, theta, steps)
        self._alpha = aligned(steps, theta.dtype)
        self._epsilon = aligned(steps, theta.dtype)

    def aim(self, done: int) -> None:
        """Set alpha and epsilon' of each step."""
        super().aim(done)
        b1, b2 = self.settings.beta_1, self.settings.beta_2
        t = np.arange(done + 1, done + self.steps + 1, dtype=np.float64)
        root = np.sqrt((1 - b2) / (1 - b2**t))
        self._epsilon[:] = self.settings.epsilon / root
        self._alpha[:] = self.settings.learning_rate * (1 - b1) / ((1 - b1**t) * root)

    @cached_property
    def _moments(self) -> Plan:
        """M, v, and in place of g the root of v."""
        g, (m, v) = self.gradient, self.slots
        b1, b2 = scalar(self.settings.beta_1, g.dtype), scalar(self.settings.beta_2, g.dtype)
        return (
            partial(np.multiply, m, b1, m),
            partial(np.add, m, g, m),
            partial(np.multiply, v, b2, v),
            partial(np.multiply, g, g, g),
            partial(np.add, v, g, v),
            partial(np.sqrt, v, g),
        )

    def step(self, position: int) -> Plan:
        """One step, scaled for each parameter by the usual size of its gradient."""
        theta, g, (m, _) = self.theta, self.gradient, self.slots
        return (
            *self._moments,
            partial(np.add, g, self._epsilon[position, ...], g),
            partial(np.divide, m, g, g),
            partial(np.multiply, g, self._alpha[position, ...], g),
            partial(np.subtract, theta, g, theta),
        )


OPTIMIZERS: Final[dict[OptimizerName, type[Optimizer[Any]]]] = {
    "gradient_descent": GradientDescent,
    "momentum": Momentum,
    "adam": Adam,
}
"""Adding an optimizer is adding a class and its entry here, and its settings to the spec."""
