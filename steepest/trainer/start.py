"""Where a network begins, if not at weights that its seed draws."""

from dataclasses import dataclass, field
from itertools import pairwise

from steepest.trainer.arrays import Array
from steepest.trainer.network import Network


@dataclass(frozen=True)
class Start:
    """Weights to go on from, and what an optimizer has kept of the steps that led there.

    A `State` continues a run, and its rest is equal to the bit. A start is another run's first step: it may have other
    rows, another batch size and another schedule, which begins anew.
    """

    theta: Array = field(repr=False)
    """(P + R,) in the run's precision."""
    slots: Array | None = field(default=None, repr=False)
    """(k, P) what the optimizer keeps for each parameter; None: nothing yet. L-BFGS always looks around anew."""
    steps: int = 0
    """Steps that made the slots what they are: Adam's t goes on from there."""


def difference(here: Network, there: Network, *, inputs: bool = True) -> str | None:
    """What keeps a network from starting at the weights of another: the first layer that has another shape.

    Args:
        here: The network that is to start.
        there: The network that the weights are of.
        inputs: Whether the inputs of the first layer count.

    Returns:
        A sentence without an end; None if nothing does.
    """
    if len(here.widths) != len(there.widths):
        return f"the network has {len(here.widths) - 1} layers, that of the weights {len(there.widths) - 1}"
    shapes = zip(pairwise(here.widths), pairwise(there.widths), strict=True)
    for number, (mine, theirs) in enumerate(shapes):
        counts = slice(0 if inputs or number else 1, 2)
        if mine[counts] != theirs[counts]:
            wanted = f"layers.{number} has {mine[0]} inputs and {mine[1]} units"
            return f"{wanted}, with the weights {theirs[0]} and {theirs[1]}"
    for number, (layer, other) in enumerate(zip(here.layers, there.layers, strict=True)):
        if layer.batch_norm != other.batch_norm:
            return f"layers.{number} has batch norm {'here' if layer.batch_norm else 'with the weights'} alone"
    return None
