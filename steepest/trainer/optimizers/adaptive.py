"""Optimizers that scale the learning rate for each parameter. Symbols: see `steepest.trainer.optimizers`."""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, Final

import numpy as np

from steepest.spec import optimizers as spec
from steepest.trainer.arrays import Array, Plan, aligned
from steepest.trainer.optimizers.base import Arrays, Optimizer, S, set_numbers


class Adagrad(Optimizer[spec.Adagrad]):
    """v = v + g^2; theta = theta - eta g / (sqrt(v) + epsilon) (Duchi et al. 2011)."""

    kept = 1
    decays = False

    @staticmethod
    def formula(s: spec.Adagrad, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """Line by line."""
        v = kept[0] + g**2
        return theta - eta * g / (np.sqrt(v) + s.epsilon), v

    @cached_property
    def _scaled(self) -> Plan:
        """v, and in place of g its quotient by the root."""
        g, (v,) = self.gradient, self.slots
        root = aligned(g.shape, g.dtype, g)
        return (
            partial(np.multiply, g, g, root),
            partial(np.add, v, root, v),
            partial(np.sqrt, v, root),
            partial(np.add, root, self._number("epsilon"), root),
            partial(np.divide, g, root, g),
        )

    def step(self, position: int) -> Plan:
        """One step, shorter for each parameter the more its gradients have been so far."""
        theta, g = self.theta, self.gradient
        return (
            *self._scaled,
            partial(np.multiply, g, self._eta[position, ...], g),
            partial(np.subtract, theta, g, theta),
        )


class RMSprop(Optimizer[spec.RMSprop]):
    """v = rho v + (1 - rho) g^2; theta = theta - eta g / (sqrt(v) + epsilon) (Tieleman and Hinton 2012).

    Kept is v / (1 - rho), which needs one product less; eta and epsilon are divided by the root of 1 - rho to match.
    """

    kept = 1

    @staticmethod
    def formula(s: spec.RMSprop, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """Line by line."""
        v = s.rho * kept[0] + (1 - s.rho) * g**2
        return theta - eta * g / (np.sqrt(v) + s.epsilon), v

    @cached_property
    def _scaled(self) -> Plan:
        """v, and in place of g its quotient by the root."""
        g, (v,) = self.gradient, self.slots
        root = aligned(g.shape, g.dtype, g)
        return (
            partial(np.multiply, v, self._number("rho"), v),
            partial(np.multiply, g, g, root),
            partial(np.add, v, root, v),
            partial(np.sqrt, v, root),
            partial(np.add, root, self._as_number(self._values("epsilon") / self._unit), root),
            partial(np.divide, g, root, g),
        )

    @property
    def _unit(self) -> Array:
        """(M,) of the roots that are kept."""
        return np.asarray(np.sqrt(1 - self._values("rho")))

    def aim(self, done: int, rates: Array) -> None:
        """Set eta in units of the roots that are kept."""
        super().aim(done, rates / self._unit)

    def step(self, position: int) -> Plan:
        """One step, scaled for each parameter by the usual size of its gradient."""
        theta, g = self.theta, self.gradient
        return (
            *self._scaled,
            partial(np.multiply, g, self._eta[position, ...], g),
            partial(np.subtract, theta, g, theta),
        )


class Adam(Optimizer[S]):
    """Adam (Kingma and Ba 2015, algorithm 1), with b1 = beta_1, b2 = beta_2.

        m = b1 m + (1 - b1) g          v = b2 v + (1 - b2) g^2
        theta = theta - eta m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)

    Kept are m / (1 - b1) and v / (1 - b2), which need one product less. What that and the corrections by t amount to
    are two numbers a step, alpha and epsilon': theta = theta - alpha m / (sqrt(v) + epsilon'). With `epsilon_hat` the
    root is that of v, and what it is divided by, (1 - b2^t), goes with epsilon too.
    """

    kept = 2

    @staticmethod
    def formula(s: Any, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """Line by line."""
        m = s.beta_1 * kept[0] + (1 - s.beta_1) * g
        v = s.beta_2 * kept[1] + (1 - s.beta_2) * g**2
        m_hat, v_hat = m / (1 - s.beta_1**t), v / (1 - s.beta_2**t)
        epsilon = s.epsilon / np.sqrt(1 - s.beta_2**t) if getattr(s, "epsilon_hat", False) else s.epsilon
        return theta - eta * m_hat / (np.sqrt(v_hat) + epsilon), m, v

    def __init__(self, settings: Sequence[S], theta: Array, steps: int) -> None:
        super().__init__(settings, theta, steps)
        self._epsilon = self._of_steps()

    def aim(self, done: int, rates: Array) -> None:
        """Set alpha and epsilon' of each step."""
        b1, b2 = self._values("beta_1"), self._values("beta_2")
        t = np.arange(done + 1, done + len(rates) + 1, dtype=np.float64)[:, None]
        root = np.sqrt((1 - b2) / (1 - b2**t))
        hat = np.array([getattr(settings, "epsilon_hat", False) for settings in self.settings])
        set_numbers(self._epsilon, self._values("epsilon") / np.where(hat, np.sqrt(1 - b2), root))
        super().aim(done, rates * (1 - b1) / ((1 - b1**t) * root))

    @cached_property
    def _moments(self) -> Plan:
        """M, v, and in place of g the root of v."""
        g, (m, v) = self.gradient, self.slots
        return (
            partial(np.multiply, m, self._number("beta_1"), m),
            partial(np.add, m, g, m),
            partial(np.multiply, v, self._number("beta_2"), v),
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
            partial(np.multiply, g, self._eta[position, ...], g),
            partial(np.subtract, theta, g, theta),
        )


class AdamW(Adam[spec.AdamW]):
    """theta = theta - eta lambda theta, with lambda = weight_decay, and then Adam (Loshchilov and Hutter 2019)."""

    @staticmethod
    def formula(s: spec.AdamW, theta: Array, g: Array, eta: float, t: int, *kept: Array) -> Arrays:
        """Line by line."""
        return Adam.formula(s, theta - eta * s.weight_decay * theta, g, eta, t, *kept)

    def __init__(self, settings: Sequence[spec.AdamW], theta: Array, steps: int) -> None:
        super().__init__(settings, theta, steps)
        self._left = self._of_steps()

    def aim(self, done: int, rates: Array) -> None:
        """Set what the decay leaves of theta, too."""
        super().aim(done, rates)
        set_numbers(self._left, 1 - rates * self._values("weight_decay"))

    def step(self, position: int) -> Plan:
        """One step of Adam from weights that have shrunk a little."""
        theta = self.theta
        return (partial(np.multiply, theta, self._left[position, ...], theta), *super().step(position))


ADAPTIVE: Final[dict[str, type[Optimizer[Any]]]] = {
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}
