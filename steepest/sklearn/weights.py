"""Weights as scikit-learn has them, `coefs_` and `intercepts_`, and as the trainer does, one array."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import sqrt

import numpy as np
from numpy.typing import DTypeLike

from steepest.trainer.arrays import Array
from steepest.trainer.network import Network


def flat(
    network: Network, coefs: Sequence[Array], intercepts: Sequence[Array], norms: Mapping[str, Array], dtype: DTypeLike
) -> Array:
    """The weights (P + R,) of a network, a copy.

    Args:
        network: Its shape.
        coefs: (in, out) of each layer.
        intercepts: (out,) of each layer.
        norms: What batch normalization keeps, by the names of `Network.arrays`.
        dtype: Of the copy.

    Raises:
        ValueError: they are of another shape.
    """
    arrays = dict(norms)
    for number, (coef, intercept) in enumerate(zip(coefs, intercepts, strict=True)):
        arrays[f"layers.{number}.weight"] = np.asarray(coef, dtype)
        arrays[f"layers.{number}.bias"] = np.asarray(intercept, dtype)
    return network.theta(arrays).astype(dtype, copy=False)


def parts(network: Network, theta: Array) -> tuple[list[Array], list[Array], dict[str, Array]]:
    """Weights, biases and what batch normalization keeps, each an array of its own: the inverse of `flat`."""
    arrays = {name: array.copy() for name, array in network.arrays(theta).items()}
    layers = range(len(network.widths) - 1)
    coefs = [arrays.pop(f"layers.{number}.weight") for number in layers]
    intercepts = [arrays.pop(f"layers.{number}.bias") for number in layers]
    return coefs, intercepts, arrays


def drawn(network: Network, random: np.random.RandomState, dtype: DTypeLike) -> Array:
    """The first weights (P + R,) as scikit-learn draws them: Glorot and Bengio 2010, biases too."""
    activation = network.layers[0].activation if network.layers else "linear"
    factor = 2.0 if activation == "sigmoid" else 6.0
    coefs, intercepts = [], []
    for ins, outs in pairwise(network.widths):
        bound = sqrt(factor / (ins + outs))
        coefs.append(random.uniform(-bound, bound, (ins, outs)))
        intercepts.append(random.uniform(-bound, bound, outs))
    fresh = np.zeros(network.size, dtype)
    for norm in network.norms(fresh[None]):
        if norm is not None:
            norm.scale[:] = norm.variance[:] = 1
    return flat(network, coefs, intercepts, parts(network, fresh)[2], dtype)
