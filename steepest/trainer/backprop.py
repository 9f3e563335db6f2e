"""One batch through the network and back: the chain rule, layer by layer.

Symbols: x (rows, d + 1) inputs with a last column of ones, a_0 = x^T, W_l the block (inputs + 1, outputs) of layer l
with its biases in the last row, z_l = W_l^T a_(l-1) its weighted sums, a_l = f(z_l) its activations (units, rows) with
a row of ones below them. Backward, delta_l is the derivative of the loss by z_l:

    dloss/dW_l = a_(l-1) delta_l^T          delta_(l-1) = (W_l delta_l) f'(z_(l-1)), without the row of biases
"""

from collections.abc import Iterable
from functools import cached_property, partial

from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array, Plan, aligned
from steepest.trainer.network import Network
from steepest.trainer.objectives import OBJECTIVES


class Batch:
    """Buffers and operations for up to `steps` batches of one size, of M networks.

    The steps share all buffers but the inputs and what the objective keeps, so their plans share most operations.
    """

    def __init__(
        self, network: Network, theta: Array, x: Array, gradient: Array | None = None, weight: float = 1.0
    ) -> None:
        """Allocate.

        Args:
            network: The shape.
            theta: (M, P) weights.
            x: (steps, rows, d + 1) inputs of each step, with a last column of ones.
            gradient: (M, P) where `backward` leaves the gradient; None if there is no way back.
            weight: Of a row in the loss whose gradient is taken.
        """
        steps, self.rows, _ = x.shape
        nets, dtype = len(theta), theta.dtype
        self.objective = OBJECTIVES[network.loss, network.output_activation](
            steps, nets, network.outputs, self.rows, dtype, weight
        )
        self._x, self._nets = x, nets
        self._blocks = network.blocks(theta)
        self._slopes = network.blocks(gradient) if gradient is not None else []
        self._activations = [ACTIVATIONS[name] for name in network.activations]
        self._hidden = [aligned((nets, layer.units + 1, self.rows), dtype) for layer in network.layers]
        for a in self._hidden:
            a[:, -1] = 1

    @cached_property
    def hidden(self) -> list[Array]:
        """Activations (M, units, rows) of each hidden layer, from the last step that went forward."""
        return [a[:, :-1] for a in self._hidden]

    def signals(self, step: int) -> list[Array]:
        """What each layer made of the step's inputs, as long as no other step has gone forward."""
        return [*self.hidden, self.objective.logits[step]]

    def forward(self, step: int) -> Plan:
        """From a step's inputs to its objective."""
        return self.linear(step) + self.objective.forward(step)

    def linear(self, step: int) -> Plan:
        """From a step's inputs to the weighted sums of the output layer."""
        z = self.objective.logits[step]
        if not self._hidden:
            return _sums(self._blocks[0], self._inputs(step), z)
        first = _sums(self._blocks[0], self._inputs(step), self.hidden[0])
        return first + self._through + _sums(self._blocks[-1], self._hidden[-1], z)

    def backward(self, step: int) -> Plan:
        """From a step's objective, right after `forward`, to the gradient."""
        delta = self._deltas[0] if self._hidden else self.objective.delta
        return self.objective.backward(step) + self._back + _slopes(self._inputs(step), delta, self._slopes[0])

    def _inputs(self, step: int) -> list[Array]:
        return [self._x[step].T] * self._nets

    @cached_property
    def _through(self) -> Plan:
        """From the first layer's weighted sums to the last hidden layer's activations."""
        plan: Plan = ()
        for number, (activation, a) in enumerate(zip(self._activations, self.hidden, strict=True)):
            if number:
                plan += _sums(self._blocks[number], self._hidden[number - 1], a)
            plan += activation.forward(a)
        return plan

    @cached_property
    def _deltas(self) -> list[Array]:
        """Of each hidden layer."""
        return [aligned(a.shape, a.dtype) for a in self.hidden]

    @cached_property
    def _back(self) -> Plan:
        """From the output layer's delta to that of the first layer, with the gradients of all layers but the first."""
        plan: Plan = ()
        deltas = [*self._deltas, self.objective.delta]
        for number in reversed(range(1, len(deltas))):
            a, below, delta = self._hidden[number - 1], deltas[number - 1], deltas[number]
            plan += _slopes(a, delta, self._slopes[number])
            W = self._blocks[number][:, :-1]
            plan += tuple(partial(w.dot, d, out) for w, d, out in zip(W, delta, below, strict=True))
            plan += self._activations[number - 1].backward(self.hidden[number - 1], below)
        return plan


def _sums(W: Iterable[Array], a: Iterable[Array], z: Iterable[Array]) -> Plan:
    """Weighted sums z = W^T a, network by network."""
    return tuple(partial(w.T.dot, below, out) for w, below, out in zip(W, a, z, strict=True))


def _slopes(a: Iterable[Array], delta: Iterable[Array], slopes: Iterable[Array]) -> Plan:
    """Gradients dloss/dW = a delta^T, network by network."""
    return tuple(partial(below.dot, d.T, out) for below, d, out in zip(a, delta, slopes, strict=True))
