"""Where a network begins, if not at weights that its seed draws."""

from dataclasses import dataclass, field

from steepest.trainer.arrays import Array


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
