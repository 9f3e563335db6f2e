"""Train a network: a generator that whoever drives it stops by not asking again."""

from collections.abc import Iterator

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array
from steepest.trainer.records import EpochRecord, Finished, Progress
from steepest.trainer.state import State

__all__ = ["EpochRecord", "Finished", "Progress", "fit"]


def fit(
    spec: ResolvedTrainSpec,
    X: Array,
    y: Array,
    *,
    outputs: int,
    validation: tuple[Array, Array] | None = None,
    state: State | None = None,
) -> Iterator[Progress | EpochRecord | Finished]:
    """Train, and yield progress at least every quarter of a second, each epoch's record, and at last `Finished`.

    Args:
        spec: What to do.
        X: Inputs (n, d), in the spec's precision.
        y: Class codes (n,), or values (n, outputs) in training units.
        outputs: One for binary classes, K for K classes, one for each value.
        validation: Inputs and targets that measure each epoch.
        state: Where an earlier run stopped; the rest is equal to the bit.

    Raises:
        Diverged: a loss or weight became NaN or infinite.
    """
    raise NotImplementedError
