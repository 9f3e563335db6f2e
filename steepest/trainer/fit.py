"""Train networks: generators that whoever drives them stops by not asking again."""

from collections.abc import Iterator, Sequence

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.engines.choice import PLAN, Engine
from steepest.trainer.records import EpochRecord, Failed, Finished, Item, Progress
from steepest.trainer.rows import Rows
from steepest.trainer.stack import Stack
from steepest.trainer.start import Start
from steepest.trainer.state import State

__all__ = ["EpochRecord", "Failed", "Finished", "Item", "Progress", "fit", "fit_stack"]


def fit(
    spec: ResolvedTrainSpec,
    rows: Rows,
    *,
    outputs: int,
    validation: Rows | None = None,
    state: State | None = None,
    start: Start | None = None,
    engine: Engine = PLAN,
) -> Iterator[Item]:
    """Train, and yield progress at least every quarter of a second, each epoch's record, and at last `Finished`.

    Args:
        spec: What to do.
        rows: The training rows, in the spec's precision.
        outputs: One for binary classes, K for K classes, one for each label or value.
        validation: Rows that measure each epoch.
        state: Where an earlier run of the same spec on the same data stopped; the rest is equal to the bit.
        start: Where to begin, in place of the weights that the seed draws.
        engine: What runs it; see `steepest.trainer.engines.choice`.

    Raises:
        Diverged: a loss or weight became NaN or infinite.
        ValueError: the inputs have another precision than the spec, or state or start are of another network.
        ValidationFailed: the engine is a GPU's, and there is none.
        OutOfMemory: the GPU has too little.
    """
    states = None if state is None else [state]
    starts = None if start is None else [start]
    stack = fit_stack([spec], rows, outputs=outputs, validation=validation, states=states, starts=starts, engine=engine)
    for item in stack.run():
        if isinstance(item, Failed):
            raise item.error
        yield item


def fit_stack(
    specs: Sequence[ResolvedTrainSpec],
    rows: Rows,
    *,
    outputs: int,
    validation: Rows | None = None,
    states: Sequence[State] | None = None,
    starts: Sequence[Start] | None = None,
    engine: Engine = PLAN,
) -> Stack:
    """Train M networks of one shape as one array (M, P + R); iterate over `Stack.run()`.

    Each network has its own seed, learning rate and other numbers of its optimizer, dropout rates, penalties, schedule,
    number of epochs and early stopping. It becomes what it would become alone on the same engine, its weights to the
    bit and its figures to rounding. One that diverges or stops leaves the others alone.

    Args:
        specs: What to do; equal in `stack.shape_of`.
        rows: The training rows, as in `fit`.
        outputs: As in `fit`.
        validation: As in `fit`.
        states: Of each network, where an earlier run stopped; all at the same place.
        starts: Of each network, where to begin.
        engine: As in `fit`.

    Raises:
        ValueError: as in `fit`, or the specs differ in shape.
        ValidationFailed: as in `fit`.
        OutOfMemory: as in `fit`.
    """
    return Stack(specs, rows, outputs, validation, states, engine, starts)
