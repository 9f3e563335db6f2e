"""Optimizers: how a gradient moves the weights. Update rules are PyTorch's.

Symbols: theta the weights, g the gradient of the loss, eta the learning rate, t the step, from 1; s the settings. All
are arrays (M, P) or numbers; every operation works in place, and the gradient's memory serves as scratch once it has
been used. A number is one for all M networks, or has a value for each, (M, 1).
"""

from typing import Any, Final

from steepest.trainer.optimizers.adaptive import ADAPTIVE
from steepest.trainer.optimizers.base import Optimizer
from steepest.trainer.optimizers.plain import PLAIN

__all__ = ["OPTIMIZERS", "Optimizer"]

OPTIMIZERS: Final[dict[str, type[Optimizer[Any]]]] = PLAIN | ADAPTIVE
"""By name; each stands in the registry at the end of its file."""
