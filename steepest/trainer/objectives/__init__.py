"""Losses, each fused with the output activation that it is taken of.

Symbols: z (K, rows) the weighted sums of the K output units, a their activations, y the targets, r = z - y, w the
weight of a row in its batch: 1/rows where all count alike, for a loss is a mean. `delta` is the derivative by z of the
sum of w times each row's loss. Taken together, loss and activation have simple derivatives that never overflow.

An objective keeps what it needs of every batch of a chunk, and works out loss and figures once per chunk.
"""

from typing import Final

from steepest.spec.names import LossName, OutputActivationName
from steepest.trainer.objectives.base import Objective
from steepest.trainer.objectives.crossentropy import OF_PROBABILITIES
from steepest.trainer.objectives.values import OF_VALUES

__all__ = ["OBJECTIVES", "Objective"]

OBJECTIVES: Final[dict[tuple[LossName, OutputActivationName], type[Objective]]] = OF_PROBABILITIES | OF_VALUES
"""By loss and output activation; each stands in the registry at the end of its file."""
