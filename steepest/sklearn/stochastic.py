"""By batches, as `solver="sgd"` and `"adam"` go: when to stop, and how fast to go on."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import inf, nan
from typing import Any, Final

from sklearn.exceptions import ConvergenceWarning

from steepest.sklearn.descent import Descent, not_finite
from steepest.sklearn.order import BatchOrder
from steepest.spec.resolve import steps_per_epoch
from steepest.trainer.arrays import Array
from steepest.trainer.fit import EpochRecord, Failed, Finished
from steepest.trainer.state import State

SLOWEST: Final = 1e-6
"""An adaptive learning rate at or below this is not lowered any more."""

SLOWER: Final = 5.0
"""What an adaptive learning rate is divided by."""


@dataclass
class Stochastic(Descent):
    """Epoch by epoch, until it converges or the epochs are used up."""

    order: BatchOrder
    once: bool
    """For one epoch."""
    score: Callable[[Array], float] | None
    """How good weights are on rows that were held out; None if none were."""

    def __post_init__(self) -> None:
        """Look at where it begins."""
        self._steps = steps_per_epoch(len(self.rows), self.recipe.spec.batch_size)
        self._squares = self.recipe.squares(self.theta)

    def run(self) -> None:
        """Go down; with rows held out, back to the best weights.

        Raises:
            ValueError: the numbers became infinite, and there are no best weights.
        """
        mlp, record, state = self.mlp, None, None
        mlp.n_iter_ = 0
        with self.stack(mlp._optimizer) as stack:
            try:
                self._keep_pace(stack.pace)
                for item in stack.run():
                    if isinstance(item, Failed):
                        self._diverged(item)
                    elif isinstance(item, Finished):  # it has run out of time
                        self.theta = item.last
                    elif isinstance(item, EpochRecord):
                        record = item
                        mlp.n_iter_ += 1
                        if self._ends(item):
                            state = item.state()
                            break
                        self._keep_pace(stack.pace)
            except KeyboardInterrupt:
                if record is None:
                    raise
                warnings.warn("Training interrupted by user.", stacklevel=5)
                state = record.state()
        if state is not None:
            self._keep(state)
        if self.score is not None:
            self.theta = mlp._best.copy()

    def _ends(self, record: EpochRecord) -> bool:
        """Take an epoch's figures; whether it is the last."""
        mlp = self.mlp
        self.order(record.epoch)  # a single batch has no use for it, but scikit-learn draws it
        theta = record.state().theta[0] if self.score is not None or self.recipe.strength else None
        before = self._squares
        if theta is not None:
            self._squares = self.recipe.squares(theta)
        # A step counts the weights before it; those of the steps within an epoch lie between its ends, about.
        within = (before + self._squares) / 2 if self._steps > 1 else before
        self._note(self.recipe.loss(record.training_loss, within), theta)
        if self.given.sgd and self.given.learning_rate == "invscaling":
            mlp._optimizer.learning_rate = self.given.learning_rate_init / (mlp.t_ + 1) ** self.given.power_t
        if mlp._no_improvement_count > self.given.n_iter_no_change and self._gives_up():
            return True
        if self.once:
            return True
        if mlp.n_iter_ == self.given.max_iter:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.given.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=6,
            )
            return True
        return False

    def _note(self, loss: float, theta: Array | None) -> None:
        mlp = self.mlp
        mlp.loss_ = loss
        mlp.loss_curve_.append(loss)
        mlp.t_ += len(self.rows)
        if self.given.verbose:
            print(f"Iteration {mlp.n_iter_}, loss = {loss:.8f}")
        if self.score is None:
            improves = not loss > mlp.best_loss_ - self.given.tol
            mlp.best_loss_ = min(mlp.best_loss_, loss)
        else:
            score = nan if theta is None else self.score(theta)
            mlp.validation_scores_.append(score)
            if self.given.verbose:
                print(f"Validation score: {score:f}")
            improves = not score < mlp.best_validation_score_ + self.given.tol
            if score > mlp.best_validation_score_:
                mlp.best_validation_score_, mlp._best = score, theta
        mlp._no_improvement_count = 0 if improves else mlp._no_improvement_count + 1

    def _gives_up(self) -> bool:
        """Nothing has become better for long: whether that is the end, or a reason to go more slowly."""
        mlp = self.mlp
        what = "Training loss" if self.score is None else "Validation score"
        given, optimizer = self.given, mlp._optimizer
        message = f"{what} did not improve more than tol={given.tol:f} for {given.n_iter_no_change} consecutive epochs."
        adaptive = given.sgd and given.learning_rate == "adaptive"
        over = not adaptive or optimizer.learning_rate <= SLOWEST
        if not over:
            optimizer.learning_rate /= SLOWER
            mlp._no_improvement_count = 0
        if given.verbose:
            slower = f"Setting learning rate to {optimizer.learning_rate:f}"
            print(message, ("Learning rate too small. Stopping." if adaptive else "Stopping.") if over else slower)
        return over

    def _keep_pace(self, pace: Callable[[int, float], None]) -> None:
        """Go on at the learning rate that is in force."""
        optimizer = self.mlp._optimizer
        wanted = self.recipe.pace(optimizer.learning_rate)
        if wanted != optimizer.pace:
            pace(0, wanted)
            optimizer.pace = wanted

    def _keep(self, state: State) -> None:
        """What the next steps go on from, in this run or in one to come."""
        self.theta = state.theta[0]
        optimizer = self.mlp._optimizer
        optimizer.slots = state.slots[:, 0]
        optimizer.steps += self.mlp.n_iter_ * self._steps

    def _diverged(self, failed: Failed) -> None:
        """Without weights to go back to, an error; else the end."""
        if self.score is None:
            raise not_finite(failed.error.detail)
        self.mlp.n_iter_ += 1
        self._note(nan, None)
        warnings.warn(f"The best weights so far are kept. {failed.error.detail}", ConvergenceWarning, stacklevel=6)


def begin(best: Array, *, early_stopping: bool) -> dict[str, object]:
    """The figures of an estimator that has learned nothing yet; `best`: its first weights."""
    return {
        "loss_curve_": [],
        "best_loss_": None if early_stopping else inf,
        "validation_scores_": [] if early_stopping else None,
        "best_validation_score_": -inf if early_stopping else None,
        "_best": best,
        "_no_improvement_count": 0,
    }


def fits(mlp: Any, *, early_stopping: bool) -> bool:
    """Whether an estimator has figures that can go on: not if L-BFGS trained it, or it judged by others."""
    return hasattr(mlp, "loss_curve_") and (mlp.best_loss_ is None) == early_stopping
