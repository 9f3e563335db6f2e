"""Rows to learn from, or to be measured on."""

from dataclasses import dataclass

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

    def __len__(self) -> int:
        return len(self.X)
