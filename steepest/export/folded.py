"""A trained network as plain layers: weights, biases, activations. Batch normalization is folded away."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steepest.export.model import Model
from steepest.spec.names import ActivationName, OutputActivationName
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.batch_norm import EPSILON
from steepest.trainer.network import Norm

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Layer:
    """a = activation(x W + b) of rows x (n, inputs)."""

    weight: Array
    """W (inputs, units) in the job's precision."""
    bias: Array
    """b (units,)."""
    activation: ActivationName | OutputActivationName
    alpha: float | None = None
    """The activation's parameter, if it has one."""


def folded(model: Model) -> tuple[Layer, ...]:
    """The hidden layers, and at last the output layer.

    Batch normalization with its running figures is linear, gamma (z - m) / s + beta with s = sqrt(v + epsilon), and so
    is what it follows: W gamma / s and (b - m) gamma / s + beta do both at once, and are worked out in float64.
    """
    network, theta = model.network, model.theta[None]
    layers = []
    for block, norm, dense in zip(network.blocks(theta), network.norms(theta), network.layers, strict=False):
        alpha = ACTIVATIONS[dense.activation].alpha if dense.alpha is None else dense.alpha
        weight, bias = (block[0, :-1], block[0, -1]) if norm is None else _absorbed(block[0], norm)
        layers.append(Layer(weight, bias, dense.activation, alpha))
    last = network.blocks(theta)[-1][0]
    return (*layers, Layer(last[:-1], last[-1], network.output_activation))


def _absorbed(block: Array, norm: Norm) -> tuple[Array, Array]:
    """Weights and biases (inputs + 1, units) with a normalization taken into them."""
    scale, shift, mean, variance = (
        figure[0].astype(np.float64) for figure in (norm.scale, norm.shift, norm.mean, norm.variance)
    )
    with np.errstate(all="ignore"):  # weights that are no numbers stay such
        factor = scale / np.sqrt(variance + EPSILON)
        weight, bias = block[:-1] * factor, (block[-1] - mean) * factor + shift
        return weight.astype(block.dtype), bias.astype(block.dtype)
