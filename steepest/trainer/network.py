"""A network's shape, and its weights as one flat array.

The P parameters of a network lie in one row, `theta`. Layer by layer it holds a block of shape (inputs + 1, outputs):
the weights, and below them the biases as one more row, for a bias is the weight of an input that is always one. A layer
with batch normalization goes on with its scale and its shift, (outputs,) each. After the parameters of all layers come
R numbers that no gradient moves: the running mean and variance of every normalized unit. M networks of one shape are
the rows of an array (M, P + R).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from steepest.spec.names import ActivationName, LossName, OutputActivationName
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array

RUNNING = ("mean", "variance")
TRAINED = ("scale", "shift")


@dataclass(frozen=True)
class Dense:
    """A hidden layer: `units` weighted sums of all that comes in, normalized if asked for, then activated."""

    units: int
    activation: ActivationName
    alpha: float | None = None
    """The activation's parameter, if it has one."""
    batch_norm: bool = False


@dataclass(frozen=True)
class Norm:
    """What batch normalization keeps of a layer, each (M, units)."""

    scale: Array
    shift: Array
    mean: Array
    variance: Array


@dataclass(frozen=True)
class Network:
    """The shape of a feed-forward network and the loss that trains it."""

    inputs: int
    layers: tuple[Dense, ...]
    """The hidden layers."""
    outputs: int
    """One for binary classes and for one value, else one for each class, label or value."""
    output_activation: OutputActivationName
    loss: LossName
    """Never `log_loss`: the cross-entropy that it stands for."""
    delta: float = 1.0
    """Of the loss `huber`: the residual at which its parabola goes over into straight lines."""
    label_smoothing: float = 0.0
    """Share of a label's certainty that goes to all classes alike."""

    @classmethod
    def of(cls, spec: ResolvedTrainSpec, inputs: int, outputs: int) -> "Network":
        """The network that `spec` describes, for `inputs` numbers a row and `outputs` output units."""
        loss = spec.loss.name
        if loss == "log_loss":
            loss = "categorical_crossentropy" if spec.task == "multiclass" else "binary_crossentropy"
        return cls(
            inputs,
            tuple(Dense(layer.units, layer.activation, layer.alpha, layer.batch_norm) for layer in spec.layers),
            outputs,
            spec.output_activation,
            loss,
            1.0 if spec.loss.delta is None else spec.loss.delta,
            spec.loss.label_smoothing,
        )

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Numbers a row that enter each layer, and at last those that leave the network."""
        return (self.inputs, *(layer.units for layer in self.layers), self.outputs)

    @cached_property
    def parameters(self) -> int:
        """P: what the gradient moves: weights, biases, scales and shifts of all layers."""
        return sum((ins + 1) * outs for ins, outs in pairwise(self.widths)) + 2 * self._normalized

    @cached_property
    def size(self) -> int:
        """P + R: with the running figures of batch normalization."""
        return self.parameters + 2 * self._normalized

    @property
    def normalizes(self) -> bool:
        """Whether a layer has batch normalization."""
        return self._normalized > 0

    @property
    def classifies(self) -> bool:
        """Whether the outputs are probabilities of classes or labels."""
        return self.output_activation in ("sigmoid", "softmax")

    def blocks(self, theta: Array) -> list[Array]:
        """Views (M, inputs + 1, outputs) of each layer's weights and, in the last row, biases, in `theta` (M, >= P)."""
        return [
            theta[:, start : start + (ins + 1) * outs].reshape(len(theta), ins + 1, outs)
            for start, (ins, outs) in zip(self._starts, pairwise(self.widths), strict=True)
        ]

    def trained_norms(self, theta: Array) -> list[tuple[Array, Array] | None]:
        """Views (M, units) of each hidden layer's scale and shift in `theta` (M, >= P), or None without them."""
        views: list[tuple[Array, Array] | None] = []
        for start, layer, ins in zip(self._starts, self.layers, self.widths, strict=False):
            scale = start + (ins + 1) * layer.units
            shift = scale + layer.units
            pair = theta[:, scale:shift], theta[:, shift : shift + layer.units]
            views.append(pair if layer.batch_norm else None)
        return views

    def trained(self, theta: Array) -> list[Array]:
        """Views (M, ...) of every array that the gradient moves in `theta` (M, >= P): weights, biases and norms."""
        views = [view for block in self.blocks(theta) for view in (block[:, :-1], block[:, -1])]
        return views + [view for pair in self.trained_norms(theta) if pair for view in pair]

    def norms(self, theta: Array) -> list[Norm | None]:
        """Views of what batch normalization keeps of each hidden layer in `theta` (M, P + R), or None without it."""
        views: list[Norm | None] = []
        start = self.parameters
        for layer, trained in zip(self.layers, self.trained_norms(theta), strict=True):
            if trained is None:
                views.append(None)
                continue
            variance = start + layer.units
            stop = variance + layer.units
            views.append(Norm(*trained, theta[:, start:variance], theta[:, variance:stop]))
            start = stop
        return views

    def arrays(self, theta: Array) -> dict[str, Array]:
        """The weights `theta` (P + R,) by the names under which they are saved; C-contiguous views."""
        named = {}
        norms = [*self.norms(theta[None]), None]
        for number, (block, norm) in enumerate(zip(self.blocks(theta[None]), norms, strict=True)):
            named[f"layers.{number}.weight"] = block[0, :-1]
            named[f"layers.{number}.bias"] = block[0, -1]
            for figure in (*TRAINED, *RUNNING) if norm is not None else ():
                named[f"layers.{number}.batch_norm.{figure}"] = getattr(norm, figure)[0]
        return named

    def theta(self, arrays: Mapping[str, Array]) -> Array:
        """The flat weights (P + R,) from `arrays`, the inverse of the method `arrays`.

        Raises:
            ValueError: an array is missing or has another shape than the network.
        """
        dtypes = {array.dtype for name, array in arrays.items() if name.startswith("layers.")}
        theta = np.empty(self.size, np.result_type(*dtypes) if dtypes else np.float32)
        for name, view in self.arrays(theta).items():
            if name not in arrays:
                raise ValueError(f'there is no array "{name}"')
            if arrays[name].shape != view.shape:
                raise ValueError(f'"{name}" has shape {arrays[name].shape}; the network needs {view.shape}')
            np.copyto(view, arrays[name])
        return theta

    @cached_property
    def _normalized(self) -> int:
        """Units with batch normalization."""
        return sum(layer.units for layer in self.layers if layer.batch_norm)

    @cached_property
    def _starts(self) -> list[int]:
        """Where each layer's block begins."""
        starts, here = [], 0
        for number, (ins, outs) in enumerate(pairwise(self.widths)):
            starts.append(here)
            norm = number < len(self.layers) and self.layers[number].batch_norm
            here += (ins + 1) * outs + 2 * outs * norm
        return starts
