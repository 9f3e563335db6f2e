"""Optimizers with one learning rate for all parameters. Symbols: see `steepest.trainer.optimizers`."""

from functools import cached_property, partial
from typing import Any, Final

import numpy as np

from steepest.spec import optimizers as spec
from steepest.trainer.arrays import Array, Plan
from steepest.trainer.optimizers.base import Arrays, Optimizer


class GradientDescent(Optimizer[spec.GradientDescent]):
    """theta = theta - eta g (Cauchy 1847; on batches: Robbins and Monro 1951)."""

    kept = 0
    linear = True

    @staticmethod
    def formula(s: spec.GradientDescent, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """Line by line."""
        return (theta - eta * g,)

    def step(self, position: int) -> Plan:
        """One step downhill."""
        g = self.gradient
        return (partial(np.multiply, g, self._eta[position, ...], g), *self.step_of_scaled())


class Momentum(Optimizer[spec.Momentum]):
    """v = mu v + g; theta = theta - eta v (Polyak 1964)."""

    kept = 1

    @staticmethod
    def formula(s: spec.Momentum, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """Line by line."""
        v = s.momentum * kept[0] + g
        return theta - eta * v, v

    def rescale(self, net: int, ratio: float) -> None:
        """Keep the velocity in units of the new learning rate."""
        self.slots[:, net] *= ratio

    @cached_property
    def _velocity(self) -> Plan:
        v, mu = self.slots[0], self._number("momentum")
        return (partial(np.multiply, v, mu, v), partial(np.add, v, self.gradient, v))

    def step(self, position: int) -> Plan:
        """One step of a ball that rolls downhill."""
        theta, g, (v,) = self.theta, self.gradient, self.slots
        return (
            *self._velocity,
            partial(np.multiply, v, self._eta[position, ...], g),
            partial(np.subtract, theta, g, theta),
        )


class Nesterov(Optimizer[spec.Nesterov]):
    """v = mu v + g; theta = theta - eta (g + mu v) (Nesterov 1983; in this form: Sutskever et al. 2013).

    Kept is u = mu v, which serves both lines: u = mu (u + g); theta = theta - eta (g + u).
    """

    kept = 1

    @staticmethod
    def formula(s: spec.Nesterov, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """Line by line."""
        v = s.momentum * kept[0] + g
        return theta - eta * (g + s.momentum * v), v

    def rescale(self, net: int, ratio: float) -> None:
        """Keep the velocity in units of the new learning rate."""
        self.slots[:, net] *= ratio

    @cached_property
    def _velocity(self) -> Plan:
        """u, and in place of g its sum with it."""
        g, u, mu = self.gradient, self.slots[0], self._number("momentum")
        return (partial(np.add, u, g, u), partial(np.multiply, u, mu, u), partial(np.add, g, u, g))

    def step(self, position: int) -> Plan:
        """One step of a ball that sees where it is about to roll."""
        theta, g = self.theta, self.gradient
        return (
            *self._velocity,
            partial(np.multiply, g, self._eta[position, ...], g),
            partial(np.subtract, theta, g, theta),
        )


class LBFGS(Optimizer[spec.LBFGS]):
    """theta = theta + a d, with d = -H g and a length a that a line search finds (Liu and Nocedal 1989).

    H, the inverse of the second derivatives, is guessed from how far weights and gradient went in the last steps, which
    are kept here; `quasi_newton` decides where the next one leads.
    """

    kept = 0
    decays = False

    @staticmethod
    def formula(s: spec.LBFGS, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """Nothing: a step is not a function of one gradient."""
        return (theta,)

    @classmethod
    def slots_for(cls, settings: spec.LBFGS) -> int:
        """Two for each step of its history."""
        return 2 * settings.history_size

    def aim(self, done: int, rates: Array) -> None:
        """Nothing here depends on time."""

    def step(self, position: int) -> Plan:
        """Nothing: a step is found by looking at several places."""
        return ()


PLAIN: Final[dict[str, type[Optimizer[Any]]]] = {
    "gradient_descent": GradientDescent,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "lbfgs": LBFGS,
}
