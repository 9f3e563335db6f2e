"""The first weights: drawn around zero, scaled so that a signal keeps its size on its way through the layers."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import DTypeLike

from steepest.spec.names import InitializerName
from steepest.trainer.arrays import Array, aligned
from steepest.trainer.network import Network
from steepest.trainer.randomness import Purpose, generator


@dataclass(frozen=True)
class Initializer:
    """A distribution with mean zero and, by the units before and after a layer, its variance."""

    shape: Literal["uniform", "normal"]
    variance: Callable[[int, int], float]

    def draw(self, random: np.random.Generator, ins: int, outs: int) -> Array:
        """Float64 weights (ins, outs)."""
        deviation = sqrt(self.variance(ins, outs))
        if self.shape == "normal":
            return random.standard_normal((ins, outs)) * deviation
        # A uniform distribution on [-limit, limit] has the variance limit^2 / 3.
        return (2 * random.random((ins, outs)) - 1) * (sqrt(3) * deviation)


def _glorot(ins: int, outs: int) -> float:
    """2 / (ins + outs) (Glorot and Bengio 2010, equation 12)."""
    return 2 / (ins + outs)


def _he(ins: int, outs: int) -> float:
    """2 / ins (He et al. 2015, equation 10)."""
    return 2 / ins


def _lecun(ins: int, outs: int) -> float:
    """1 / ins (LeCun et al. 1998, equation 16)."""
    return 1 / ins


def _none(ins: int, outs: int) -> float:
    """0, from which only a network without hidden layers can learn."""
    return 0.0


INITIALIZERS: Final[dict[InitializerName, Initializer]] = {
    "glorot_uniform": Initializer("uniform", _glorot),
    "glorot_normal": Initializer("normal", _glorot),
    "he_uniform": Initializer("uniform", _he),
    "he_normal": Initializer("normal", _he),
    "lecun_uniform": Initializer("uniform", _lecun),
    "lecun_normal": Initializer("normal", _lecun),
    "zeros": Initializer("normal", _none),
}


def initial(network: Network, name: InitializerName, seed: int, dtype: DTypeLike) -> Array:
    """The weights (1, P + R) that training with `seed` starts from; biases are 0, and normalization changes nothing.

    They are drawn in float64, so that both precisions start from the same weights.
    """
    theta = aligned((1, network.size), dtype)
    for number, block in enumerate(network.blocks(theta)):
        ins, outs = block.shape[1] - 1, block.shape[2]
        block[0, :-1] = INITIALIZERS[name].draw(generator(Purpose.WEIGHTS, seed, number), ins, outs)
    for norm in network.norms(theta):
        if norm is not None:
            norm.scale[:] = norm.variance[:] = 1
    return theta
