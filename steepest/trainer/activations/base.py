"""What an activation is."""

from abc import ABC, abstractmethod
from typing import ClassVar

from steepest.trainer.arrays import Array, Plan


class Activation(ABC):
    """One activation. Symbols: see `steepest.trainer.activations`."""

    alpha: ClassVar[float | None] = None
    """The default of its parameter, which is not negative; None: it has none."""
    kinked: ClassVar[bool] = False
    """Whether a derivative jumps at z = 0."""

    @abstractmethod
    def formula(self, z: Array, alpha: float | None = None) -> Array:
        """The activation a of z, as a textbook writes it."""

    @abstractmethod
    def derivative(self, z: Array, alpha: float | None = None) -> Array:
        """da/dz of z, as a textbook writes it."""

    @abstractmethod
    def plans(self, z: Array, delta: Array | None, alpha: float | None = None) -> tuple[Plan, Plan]:
        """The operations that turn the array z into a, and those that then multiply the array delta by da/dz.

        What the way back needs is kept on the way forward; where delta is None there is none.
        """

    def given(self, alpha: float | None) -> float:
        """`alpha`, or its default."""
        return alpha if alpha is not None else self.alpha or 0.0
