"""What a run yields: where it is, a record for each epoch, and at last the weights, or why there are none."""

from collections.abc import Callable
from dataclasses import dataclass, field

from steepest.spec.errors import Diverged
from steepest.spec.names import StoppedBy
from steepest.trainer.arrays import Array
from steepest.trainer.state import State

Snapshot = Callable[[], State]


@dataclass(frozen=True)
class Progress:
    """A sign of life from within an epoch."""

    epoch: int
    """The epoch in progress, from 1."""
    step: int
    """Steps of it that are done."""
    steps_per_epoch: int
    training_loss: float
    """Mean over the rows that this epoch has seen so far; 0 before the first."""
    state: Snapshot = field(repr=False, compare=False)
    """Copies all that is needed to go on from here. Valid until the next record is asked for."""
    net: int = 0
    """Which network of a stack it is about."""


@dataclass(frozen=True)
class EpochRecord:
    """What one pass over the training rows came to."""

    epoch: int
    """From 1."""
    training_loss: float
    """Mean over the rows, as the network saw them while it learned."""
    validation_loss: float | None
    """With the weights at the epoch's end; None without validation rows."""
    metric: str
    """`accuracy` for classes and labels, `r2` for values."""
    training_metric: float | None
    """None where the figure does not exist: R2 of a single row, or of an epoch that was cut short."""
    validation_metric: float | None
    learning_rate: float
    """Of the epoch's last step."""
    seconds: float
    """Spent on the epoch, without what the caller did between two records."""
    best: bool
    """Whether no epoch before was as good."""
    state: Snapshot = field(repr=False, compare=False)
    """Copies all that is needed to go on from here. Valid until the next record is asked for."""
    net: int = 0
    """Which network of a stack it is about."""
    passes: int = 1
    """Times that all rows were looked at: L-BFGS does so as often as its line search asks to."""
    steepness: float | None = None
    """The largest component of the gradient at the epoch's end, without regard to sign; known with L-BFGS alone."""

    def as_dict(self) -> dict[str, float | int | None]:
        """The record under the public names of its figures."""
        return {
            "epoch": self.epoch,
            "training_loss": self.training_loss,
            "validation_loss": self.validation_loss,
            f"training_{self.metric}": self.training_metric,
            f"validation_{self.metric}": self.validation_metric,
            "learning_rate": self.learning_rate,
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class Finished:
    """The end of a run."""

    epochs: int
    """Epochs trained."""
    best_epoch: int
    stopped_by: StoppedBy
    theta: Array = field(repr=False)
    """(P + R,) the weights that predictions use: `best` where early stopping restores it, else `last`."""
    last: Array = field(repr=False)
    """(P + R,) weights after the last step."""
    best: Array = field(repr=False)
    """(P + R,) weights at the end of the best epoch."""
    initial: Array = field(repr=False)
    """(P + R,) weights before the first step."""
    net: int = 0
    """Which network of a stack it is about."""


@dataclass(frozen=True)
class Failed:
    """The end of a network of a stack that diverged; the others go on."""

    error: Diverged
    epochs: int
    """Epochs trained."""
    best_epoch: int
    """0 if none was finished."""
    best: Array = field(repr=False)
    """(P + R,) weights at the end of the best epoch, or the first weights; finite."""
    net: int = 0


Item = Progress | EpochRecord | Finished
