"""Figures and outputs of a trained network."""

from dataclasses import dataclass

from steepest.trainer.arrays import Array
from steepest.trainer.network import Network


@dataclass(frozen=True)
class Figures:
    """How good a network is on some rows."""

    loss: float
    accuracy: float | None = None
    """Share of rows whose likeliest class is theirs; None for values."""
    r2: float | None = None
    """Coefficient of determination; None for classes, and where it does not exist: fewer than two rows."""


def evaluate(network: Network, theta: Array, X: Array, y: Array) -> Figures:
    """Loss and accuracy (classes) or R2 (values) of weights `theta` (P,) on inputs X (n, d) and targets y."""
    raise NotImplementedError


def outputs(network: Network, theta: Array, X: Array) -> Array:
    """The activations (n, outputs) of the output layer for inputs X (n, d)."""
    raise NotImplementedError
