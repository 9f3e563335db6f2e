"""A network's shape, and its weights as one flat array.

The P parameters of a network lie in one row, `theta`. Layer by layer it holds a block of shape (inputs + 1, outputs):
the weights, and below them the biases as one more row, for a bias is the weight of an input that is always one. M
networks of one shape are the rows of an array (M, P).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steepest.spec.names import ActivationName, LossName, OutputActivationName
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array


@dataclass(frozen=True)
class Dense:
    """A hidden layer: `units` weighted sums of all that comes in, each through `activation`."""

    units: int
    activation: ActivationName


@dataclass(frozen=True)
class Network:
    """The shape of a feed-forward network and the loss that trains it."""

    inputs: int
    layers: tuple[Dense, ...]
    """The hidden layers."""
    outputs: int
    """One for binary classes and for one value, else one for each class or value."""
    output_activation: OutputActivationName
    loss: LossName
    """Never `log_loss`: the cross-entropy that it stands for."""

    @classmethod
    def of(cls, spec: ResolvedTrainSpec, inputs: int, outputs: int) -> "Network":
        """The network that `spec` describes, for `inputs` numbers a row and `outputs` output units."""
        loss = spec.loss.name
        if loss == "log_loss":
            loss = "categorical_crossentropy" if spec.task == "multiclass" else "binary_crossentropy"
        layers = tuple(Dense(layer.units, layer.activation) for layer in spec.layers)
        return cls(inputs, layers, outputs, spec.output_activation, loss)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Numbers a row that enter each layer, and at last those that leave the network."""
        return (self.inputs, *(layer.units for layer in self.layers), self.outputs)

    @property
    def activations(self) -> tuple[ActivationName, ...]:
        """Of the hidden layers."""
        return tuple(layer.activation for layer in self.layers)

    @cached_property
    def parameters(self) -> int:
        """P: weights and biases of all layers."""
        return sum((ins + 1) * outs for ins, outs in self._shapes)

    @property
    def classifies(self) -> bool:
        """Whether the outputs are probabilities of classes."""
        return self.output_activation in ("sigmoid", "softmax")

    def blocks(self, theta: Array) -> list[Array]:
        """Views (M, inputs + 1, outputs) of each layer's weights and, in the last row, biases, in `theta` (M, P)."""
        views, start = [], 0
        for ins, outs in self._shapes:
            stop = start + (ins + 1) * outs
            views.append(theta[:, start:stop].reshape(len(theta), ins + 1, outs))
            start = stop
        return views

    def arrays(self, theta: Array) -> dict[str, Array]:
        """The weights `theta` (P,) by the names under which they are saved; C-contiguous views."""
        named = {}
        for number, block in enumerate(self.blocks(theta[None])):
            named[f"layers.{number}.weight"] = block[0, :-1]
            named[f"layers.{number}.bias"] = block[0, -1]
        return named

    def theta(self, arrays: Mapping[str, Array]) -> Array:
        """The flat weights (P,) from `arrays`, the inverse of the method `arrays`.

        Raises:
            ValueError: an array is missing or has another shape than the network.
        """
        parts = []
        for number, (ins, outs) in enumerate(self._shapes):
            for name, shape in ((f"layers.{number}.weight", (ins, outs)), (f"layers.{number}.bias", (outs,))):
                if name not in arrays:
                    raise ValueError(f'there is no array "{name}"')
                if arrays[name].shape != shape:
                    raise ValueError(f'"{name}" has shape {arrays[name].shape}; the network needs {shape}')
                parts.append(arrays[name].ravel())
        return np.concatenate(parts)

    @cached_property
    def _shapes(self) -> list[tuple[int, int]]:
        return list(zip(self.widths[:-1], self.widths[1:], strict=True))
