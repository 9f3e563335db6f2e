"""The loss of each row of values as the job defines it: in training units, without weights and penalties."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.target import Target
from steepest.inspect.evaluation.values import Loss
from steepest.spec.names import DELTAS
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.objectives import OBJECTIVES

Floats = NDArray[np.float64]

LEAST: Final = float(np.finfo(np.float64).tiny)
"""What a rate counts at least: the logarithm of 0 is no loss."""


def loss_of(spec: ResolvedTrainSpec, target: Target) -> Loss:
    """The job's loss as a function of values and predictions, each (n, columns) in their own units."""
    scales = np.array(target.scales)
    delta = DELTAS["huber"] if spec.loss.delta is None else spec.loss.delta
    kind = OBJECTIVES[spec.loss.name, spec.output_activation]
    objective = kind(1, 1, len(scales), 1, np.float64, delta=delta)

    def loss(y: Floats, predicted: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            z = predicted / scales
            if spec.output_activation == "exponential":
                z = np.log(np.maximum(predicted, LEAST))
            return objective.formula(z, y / scales)

    return loss
