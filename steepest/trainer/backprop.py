"""One batch through the network and back: the chain rule, layer by layer.

Symbols: x (rows, d + 1) inputs with a last column of ones, a_0 = x^T, W_l the block (inputs + 1, outputs) of layer l
with its biases in the last row, z_l = W_l^T a_(l-1) its weighted sums, a_l = f(z_l) its activations (units, rows) with
a row of ones below them. Backward, delta_l is the derivative of the loss by z_l:

    dloss/dW_l = a_(l-1) delta_l^T          delta_(l-1) = (W_l delta_l) f'(z_(l-1)), without the row of biases

A hidden layer may do more than f: it normalizes z before (`batch_norm`) and silences units after (`dropout`). Each of
the three turns its own part of delta back, in the opposite order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from steepest.trainer.arrays import Array, Plan
from steepest.trainer.dropout import Words
from steepest.trainer.hidden import Hidden, WayBack
from steepest.trainer.network import Network
from steepest.trainer.objectives import OBJECTIVES


@dataclass(frozen=True)
class Descent:
    """What a batch needs to go back, beyond what it needs to go forward."""

    gradient: Array
    """(M, P) where `backward` leaves the gradient."""
    weight: float
    """Of a row in the loss whose gradient is taken, where rows have no weights of their own."""
    dropout: Sequence[tuple[Words, Array] | None]
    """Of each hidden layer: random words and the rates (M,), or None where no unit is silenced."""


class Batch:
    """Buffers and operations for up to `steps` batches of one size, of M networks.

    The steps share all buffers but the inputs and what the objective keeps, so their plans share most operations.
    """

    def __init__(
        self, network: Network, theta: Array, x: Array, descent: Descent | None = None, *, weighted: bool = False
    ) -> None:
        """Allocate.

        Args:
            network: The shape.
            theta: (M, P + R) weights.
            x: (orders, steps, rows, d + 1) inputs of each step, with a last column of ones; one order serves all nets.
            descent: None if there is no way back; batch normalization then takes its running figures.
            weighted: Whether each row has a weight of its own.
        """
        orders, steps, self.rows, _ = x.shape
        nets, dtype = len(theta), theta.dtype
        self.objective = OBJECTIVES[network.loss, network.output_activation](
            steps,
            nets,
            network.outputs,
            self.rows,
            dtype,
            orders=orders,
            weight=descent.weight if descent else 1.0,
            weighted=weighted,
            label_smoothing=network.label_smoothing,
            delta=network.delta,
            like=theta,
        )
        self._x, self._nets = x, nets
        self._blocks = network.blocks(theta)
        self._slopes = network.blocks(descent.gradient) if descent else []
        ways: list[WayBack | None] = [None] * len(network.layers)
        if descent:
            norm_slopes = network.trained_norms(descent.gradient)
            ways = [WayBack(*pair) for pair in zip(norm_slopes, descent.dropout, strict=True)]
        self._hidden = [
            Hidden(layer, (nets, layer.units, self.rows), theta, norm, way)
            for layer, norm, way in zip(network.layers, network.norms(theta), ways, strict=True)
        ]

    @property
    def hidden(self) -> list[Array]:
        """Activations (M, units, rows) of each hidden layer, from the last step that went forward."""
        return [layer.a for layer in self._hidden]

    def signals(self, step: int) -> list[Array]:
        """What each layer made of the step's inputs, as long as no other step has gone forward."""
        return [*self.hidden, self.objective.logits[step]]

    def forward(self, step: int) -> Plan:
        """From a step's inputs to its objective."""
        masks = tuple(operation for layer in self._hidden for operation in layer.draw(step))
        return masks + self.linear(step) + self.objective.forward(step)

    def linear(self, step: int) -> Plan:
        """From a step's inputs to the weighted sums of the output layer."""
        z = self.objective.logits[step]
        if not self._hidden:
            return _sums(self._blocks[0], self._inputs(step), z)
        first = _sums(self._blocks[0], self._inputs(step), self._hidden[0].z)
        return first + self._through + _sums(self._blocks[-1], self._hidden[-1].out, z)

    def backward(self, step: int, scale: Array | None = None) -> Plan:
        """From a step's objective, right after `forward`, to the gradient, or to `scale` times the gradient."""
        last = self.objective.delta
        scaled = () if scale is None else (partial(np.multiply, last, scale, last),)
        delta = self._hidden[0].delta if self._hidden else last
        return self.objective.backward(step) + scaled + self._back + _slopes(self._inputs(step), delta, self._slopes[0])

    def _inputs(self, step: int) -> list[Array]:
        inputs = [of_order[step].T for of_order in self._x]
        return inputs if len(inputs) == self._nets else inputs * self._nets

    @cached_property
    def _through(self) -> Plan:
        """From the first layer's weighted sums to what leaves the last hidden layer."""
        plan: Plan = ()
        for number, layer in enumerate(self._hidden):
            if number:
                plan += _sums(self._blocks[number], self._hidden[number - 1].out, layer.z)
            plan += layer.forward
        return plan

    @cached_property
    def _back(self) -> Plan:
        """From the output layer's delta to that of the first layer, with the gradients of all layers but the first."""
        plan: Plan = ()
        delta = self.objective.delta
        for number in reversed(range(1, len(self._blocks))):
            below = self._hidden[number - 1]
            plan += _slopes(below.out, delta, self._slopes[number])
            W = self._blocks[number][:, :-1]
            plan += tuple(partial(w.dot, d, out) for w, d, out in zip(W, delta, below.delta, strict=True))
            plan += below.backward
            delta = below.delta
        return plan


def _sums(W: Iterable[Array], a: Iterable[Array], z: Iterable[Array]) -> Plan:
    """Weighted sums z = W^T a, network by network."""
    return tuple(partial(w.T.dot, below, out) for w, below, out in zip(W, a, z, strict=True))


def _slopes(a: Iterable[Array], delta: Iterable[Array], slopes: Iterable[Array]) -> Plan:
    """Gradients dloss/dW = a delta^T, network by network."""
    return tuple(partial(below.dot, d.T, out) for below, d, out in zip(a, delta, slopes, strict=True))
