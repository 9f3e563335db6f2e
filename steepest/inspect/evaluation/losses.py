"""The loss of each row of values as the job defines it: in training units, without weights and penalties."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.target import Target
from steepest.inspect.evaluation.values import Loss
from steepest.spec.names import DELTAS
from steepest.spec.resolved import ResolvedTrainSpec

Floats = NDArray[np.float64]

LEAST: Final = float(np.finfo(np.float64).tiny)
"""What a rate counts at least: the logarithm of 0 is no loss."""


def loss_of(spec: ResolvedTrainSpec, target: Target) -> Loss:
    """The job's loss as a function of values and predictions, each (n, columns) in their own units.

    The formulas are those of `steepest.trainer.objectives`, with exp(z) as the prediction of poisson.
    """
    scales = np.array(target.scales)
    delta = DELTAS["huber"] if spec.loss.delta is None else spec.loss.delta

    def loss(y: Floats, predicted: Floats) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            size = np.abs(y - predicted) / scales
            if spec.loss.name == "mean_absolute_error":
                losses = size
            elif spec.loss.name == "huber":
                losses = np.where(size <= delta, np.square(size) / 2, delta * (size - delta / 2))
            elif spec.loss.name == "poisson":
                losses = predicted - y * np.log(np.maximum(predicted, LEAST))
            else:
                losses = np.square(size)
            return np.asarray(losses.mean(axis=1))

    return loss
