"""What a hidden layer does between two products: normalize its sums, activate them, silence units; and the way back.

Symbols: z (M, units, rows) its weighted sums, a = f(z) its activations, `out` (M, units + 1, rows) what goes on to the
next layer, with a row of ones for the biases.
"""

from dataclasses import dataclass

from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array, Plan, aligned
from steepest.trainer.batch_norm import BatchNorm, with_running_figures
from steepest.trainer.dropout import Dropout, Words
from steepest.trainer.network import Dense, Norm


@dataclass(frozen=True)
class WayBack:
    """What a layer needs to turn a derivative back."""

    slopes: tuple[Array, Array] | None
    """(M, units) where the gradients of batch normalization's scale and shift go, if there is one."""
    dropout: tuple[Words, Array] | None
    """Random words and the rates (M,), if units are silenced."""


class Hidden:
    """One hidden layer's part of a batch of M networks."""

    def __init__(
        self, layer: Dense, shape: tuple[int, int, int], like: Array, norm: Norm | None, back: WayBack | None
    ) -> None:
        """Allocate buffers of `shape` (M, units, rows) like `like`, and bind the operations to them."""
        (nets, units, rows), dtype = shape, like.dtype
        self.out = aligned((nets, units + 1, rows), dtype, like)
        self.out[:, -1] = 1
        self.a = self.out[:, :-1]
        """Activations, before units fall silent."""
        self.delta = aligned(shape if back else 0, dtype, like)
        """The derivative of the loss by `out`, and after `backward` by z; empty without a way back."""
        self._dropout: Dropout | None = None
        if back and back.dropout:
            self.a = aligned(shape, dtype, like)  # the way back needs the activations as they were
            self._dropout = Dropout(*back.dropout, self.a, self.out[:, :-1])
        activation = ACTIVATIONS[layer.activation]
        alpha = activation.alpha if layer.alpha is None else layer.alpha
        self.forward, self.backward = activation.plans(self.z, self.delta if back else None, alpha)
        if norm and not back:
            self.forward = with_running_figures(norm, self.z) + self.forward
        if norm and back and back.slopes:
            batch_norm = BatchNorm(norm, self.z, back.slopes)
            self.forward = batch_norm.forward() + self.forward
            self.backward += batch_norm.backward(self.delta)
        if self._dropout:
            self.forward += self._dropout.forward()
            self.backward = self._dropout.backward(self.delta) + self.backward

    @property
    def z(self) -> Array:
        """(M, units, rows) where the weighted sums go: the place that the activations take."""
        return self.a

    def draw(self, step: int) -> Plan:
        """Choose the units that are silent in a step."""
        return self._dropout.draw(step) if self._dropout is not None else ()
