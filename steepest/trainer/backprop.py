"""One batch through the network and back: the chain rule, layer by layer.

Symbols: x (rows, d + 1) inputs with a last column of ones, a_0 = x^T, W_l the block (inputs + 1, outputs) of layer l
with its biases in the last row, z_l = W_l^T a_(l-1) its weighted sums, a_l = f(z_l) its activations (units, rows) with
a row of ones below them. Backward, delta_l is the derivative of the loss by z_l:

    dloss/dW_l = a_(l-1) delta_l^T          delta_(l-1) = (W_l delta_l) f'(z_(l-1)), without the row of biases
"""

from functools import cached_property, partial

from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array, Plan, aligned
from steepest.trainer.network import Network
from steepest.trainer.objectives import OBJECTIVES


class Batch:
    """Buffers and operations for up to `steps` batches of one size, of M networks."""

    def __init__(self, network: Network, theta: Array, x: Array, weight: float = 1.0) -> None:
        """Allocate.

        Args:
            network: The shape.
            theta: (M, P) weights.
            x: (steps, rows, d + 1) inputs of each step, with a last column of ones.
            weight: Of a row in the loss whose gradient is taken.
        """
        steps, self.rows, _ = x.shape
        objective = OBJECTIVES[network.loss, network.output_activation]
        self.objective = objective(steps, len(theta), network.outputs, self.rows, theta.dtype, weight)
        self._network, self._nets = network, len(theta)
        self._x = x
        self._blocks = network.blocks(theta)
        self._activations = [ACTIVATIONS[layer.activation] for layer in network.layers]
        self._hidden = [aligned((len(theta), layer.units + 1, self.rows), theta.dtype) for layer in network.layers]
        for a in self._hidden:
            a[:, -1] = 1

    @property
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
        plan: Plan = ()
        below = [self._x[step].T] * self._nets
        for number, W in enumerate(self._blocks):
            a = self.objective.logits[step] if number == len(self._hidden) else self.hidden[number]
            plan += tuple(partial(w.T.dot, b, out) for w, b, out in zip(W, below, a, strict=True))
            if number < len(self._hidden):
                plan += self._activations[number].forward(a)
                below = list(self._hidden[number])
        return plan

    def backward(self, step: int, gradient: Array) -> Plan:
        """From a step's objective, right after `forward`, to the gradient (M, P)."""
        plan = self.objective.backward(step)
        delta = self.objective.delta
        slopes = self._network.blocks(gradient)
        for number in reversed(range(len(slopes))):
            below = list(self._hidden[number - 1]) if number else [self._x[step].T] * self._nets
            plan += tuple(partial(b.dot, d.T, out) for b, d, out in zip(below, delta, slopes[number], strict=True))
            if number:
                W, above, delta = self._blocks[number][:, :-1], delta, self._deltas[number - 1]
                plan += tuple(partial(w.dot, d, out) for w, d, out in zip(W, above, delta, strict=True))
                plan += self._activations[number - 1].backward(self.hidden[number - 1], delta)
        return plan

    @cached_property
    def _deltas(self) -> list[Array]:
        """Of each hidden layer; there only when a gradient is asked for."""
        return [aligned(a.shape, a.dtype) for a in self.hidden]
