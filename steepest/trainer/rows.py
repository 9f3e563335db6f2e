"""Rows to learn from, or to be measured on."""

from collections.abc import Callable
from dataclasses import dataclass, field

from steepest.trainer.arrays import Array


@dataclass(frozen=True)
class Rows:
    """Inputs, targets, and what each row weighs in the loss."""

    X: Array
    """(n, d) inputs, in the run's precision."""
    y: Array
    """(n,) class codes, or (n, outputs) values in training units, or (n, outputs) zeros and ones of labels."""
    weights: Array | None = None
    """(n,) weights, not negative; None where every row weighs the same."""
    order: Callable[[int], Array] | None = field(default=None, kw_only=True, repr=False)
    """Of an epoch, from 1: the numbers (n,) of the rows in their order; None: as the seed shuffles them. It is asked
    for the epoch in progress and the one after it, as often as needed."""

    def __len__(self) -> int:
        return len(self.X)
