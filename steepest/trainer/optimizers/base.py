"""What an optimizer is. Symbols: see `steepest.trainer.optimizers`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Final, Generic, TypeVar

import numpy as np

from steepest.spec import optimizers as spec
from steepest.trainer.arrays import Array, Plan, aligned, placed, put, scalar

Arrays = tuple[Array, ...]

FORGOTTEN: Final = np.float32(1e-22)
"""Slots change by at most a ten-millionth of this: nothing, beside gradients that an epsilon of 1e-8 lets through."""

S = TypeVar("S", bound=spec.Optimizer)


class Optimizer(ABC, Generic[S]):
    """An optimizer of weights `theta`, for chunks of up to `steps` steps."""

    kept: ClassVar[int]
    """Numbers kept for each parameter, unless the settings say how many."""
    decays: ClassVar[bool] = True
    """Whether what is kept shrinks where there is no gradient."""
    linear: ClassVar[bool] = False
    """Whether a step is eta times the gradient and nothing else, so that the batch's few delta may carry eta."""

    def __init__(self, settings: Sequence[S], theta: Array, steps: int) -> None:
        """Allocate.

        Args:
            settings: Of each of the M networks; of one kind, but their numbers may differ.
            theta: (M, P) weights.
            steps: In a chunk.
        """
        self.settings = settings
        self.theta = theta
        self.steps = steps
        self.gradient = aligned(theta.shape, theta.dtype, theta)
        """Where backpropagation leaves g."""
        self.slots = aligned((self.slots_for(settings[0]), *theta.shape), theta.dtype, theta)
        self._eta = self._of_steps()

    @classmethod
    def slots_for(cls, settings: S) -> int:
        """Numbers kept for each parameter."""
        return cls.kept

    @staticmethod
    @abstractmethod
    def formula(s: S, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """The new theta and what is then kept, as a textbook writes them; it keeps zeros to begin with."""

    @abstractmethod
    def step(self, position: int) -> Plan:
        """The operations of a step at a position in its chunk."""

    def step_of_scaled(self) -> Plan:
        """A linear optimizer's step by a gradient that holds eta already."""
        return (partial(np.subtract, self.theta, self.gradient, self.theta),)

    def rate(self, position: int) -> Array:
        """Eta of a step of the chunk, in a shape that delta (M, units, rows) can be multiplied by."""
        eta = self._eta[position, ...]
        return eta if eta.ndim == 0 else eta[..., None]

    def aim(self, done: int, rates: Array) -> None:
        """Before a chunk: set what depends on time.

        Args:
            done: Steps that have been taken.
            rates: (steps, M) eta of the chunk's steps, in float64; of a short chunk, fewer.
        """
        set_numbers(self._eta, rates)

    def rescale(self, net: int, ratio: float) -> None:
        """The learning rate of a network was `ratio` times what it is now: let a velocity stay what it is.

        A velocity is kept in units of the learning rate; what else is kept has nothing to do with it.
        """

    def forget(self) -> None:
        """Round slots that are next to nothing to zero: every hundred steps or so is soon enough."""
        if self.kept and self.decays and self.theta.dtype == np.float32:
            # A parameter without a gradient, such as that of a pixel that is always blank, has slots that shrink step
            # by step. Single precision soon runs out of exponents for them, and processors are many times slower with
            # such denormal numbers. Added and subtracted again, a number that matters to nobody rounds them to zero.
            np.add(self.slots, FORGOTTEN, self.slots)
            np.subtract(self.slots, FORGOTTEN, self.slots)

    def _of_steps(self) -> Array:
        """A number for each step and network."""
        nets = len(self.theta)
        return aligned((self.steps,) if nets == 1 else (self.steps, nets, 1), self.theta.dtype, self.theta)

    def _values(self, name: str) -> Array:
        """(M,) a setting's values, in float64."""
        return np.array([getattr(settings, name) for settings in self.settings], np.float64)

    def _number(self, name: str) -> Array:
        """A setting as a number."""
        return self._as_number(self._values(name))

    def _as_number(self, values: Array) -> Array:
        """(M,) values as one number where they are equal, else (M, 1)."""
        if (values == values[0]).all():
            return scalar(float(values[0]), self.theta.dtype, self.theta)
        return placed(values.astype(self.theta.dtype)[:, None], self.theta)


def set_numbers(numbers: Array, values: Array) -> None:
    """Set the first steps' numbers to values (steps, M)."""
    put(numbers[: len(values)], values[:, 0] if numbers.ndim == 1 else values[..., None])
