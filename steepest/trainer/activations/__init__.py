"""Activations of hidden layers: formula, derivative, and the operations that compute both in place.

Symbols: z a layer's weighted sums, a = f(z) its activations, delta the derivative of the loss by a and, once multiplied
by f'(z), by z; alpha the parameter of those activations that have one. The way forward turns z into a where it lies;
the way back multiplies delta by f'(z), which most derivatives let us write by means of a alone.
"""

from typing import Final

from steepest.spec.names import ActivationName
from steepest.trainer.activations.base import Activation
from steepest.trainer.activations.bounded import BOUNDED
from steepest.trainer.activations.kinked import KINKED
from steepest.trainer.activations.smooth import SMOOTH

__all__ = ["ACTIVATIONS", "Activation"]

ACTIVATIONS: Final[dict[ActivationName, Activation]] = BOUNDED | KINKED | SMOOTH
"""By name; each stands in the registry at the end of its file."""
