"""Which epoch is the best, and when to stop."""

from dataclasses import dataclass
from math import inf, isnan

from steepest.spec.names import StoppedBy
from steepest.spec.resolved import ResolvedEarlyStopping, ResolvedTrainSpec
from steepest.trainer.arrays import Array, put


def watched(spec: ResolvedTrainSpec, *, validated: bool) -> str:
    """The figure that chooses the best epoch: the monitored one, else the validation's loss, else the training's."""
    if spec.early_stopping is not None:
        return spec.early_stopping.monitor
    return "validation_loss" if validated else "training_loss"


def falling(figure: str, value: float | None) -> float:
    """A figure turned so that less is better; one that does not exist is the worst."""
    if value is None or isnan(value):
        return inf
    return value if figure.endswith("loss") else -value


@dataclass
class Monitor:
    """Keeps one network's best weights by a figure, and counts the epochs without an improvement."""

    rule: ResolvedEarlyStopping | None
    figure: str
    best: Array
    """(P + R,) weights at the end of the best epoch, where the network lives: on a device, every better epoch is kept
    at its memory's speed."""
    best_epoch: int = 0
    best_figure: float = inf
    """Turned so that less is better, like `reference`."""
    reference: float = inf
    waited: int = 0

    def note(self, epoch: int, theta: Array, figure: float | None) -> bool:
        """Take an epoch's figure and its last weights (P + R,); whether it is the best so far."""
        value = falling(self.figure, figure)
        if value < self.reference - (self.rule.min_delta if self.rule else 0.0):
            self.reference, self.waited = value, 0
        else:
            self.waited += 1
        better = value < self.best_figure or self.best_epoch == 0
        if better:
            self.best_epoch, self.best_figure = epoch, value
            put(self.best, theta)
        return better

    def verdict(self, epoch: int, epochs: int) -> StoppedBy | None:
        """Why training ends after `epoch`, if it does."""
        if self.rule is not None and self.waited >= self.rule.patience:
            return "early_stopping"
        return "epochs" if epoch >= epochs else None
