"""Which epoch is the best, and when to stop."""

from dataclasses import dataclass
from math import inf

import numpy as np

from steepest.spec.names import StoppedBy
from steepest.spec.resolved import ResolvedEarlyStopping
from steepest.trainer.arrays import Array


@dataclass
class Monitor:
    """Keeps the best weights by a figure that should fall, and counts the epochs without an improvement."""

    rule: ResolvedEarlyStopping | None
    best: Array
    """(M, P) weights at the end of the best epoch."""
    best_epoch: int = 0
    best_figure: float = inf
    reference: float = inf
    waited: int = 0

    def note(self, epoch: int, theta: Array, training_loss: float, validation_loss: float | None) -> bool:
        """Take an epoch's losses and its last weights; whether it is the best so far."""
        figure = training_loss if validation_loss is None else validation_loss
        if self.rule is not None and self.rule.monitor == "training_loss":
            figure = training_loss
        if figure < self.reference - (self.rule.min_delta if self.rule else 0.0):
            self.reference, self.waited = figure, 0
        else:
            self.waited += 1
        better = figure < self.best_figure
        if better:
            self.best_epoch, self.best_figure = epoch, figure
            np.copyto(self.best, theta)
        return better

    def verdict(self, epoch: int, epochs: int) -> StoppedBy | None:
        """Why training ends after `epoch`, if it does."""
        if self.rule is not None and self.waited >= self.rule.patience:
            return "early_stopping"
        return "epochs" if epoch >= epochs else None
