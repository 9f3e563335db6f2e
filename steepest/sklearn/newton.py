"""By L-BFGS, as `solver="lbfgs"` goes: SciPy's rules for its end."""

import warnings
from dataclasses import dataclass
from math import inf
from typing import Final

from sklearn.exceptions import ConvergenceWarning

from steepest.sklearn.descent import Descent, Optimizer, not_finite
from steepest.trainer.fit import EpochRecord, Failed, Finished

FLAT: Final = 2.220446049250313e-09
"""It has arrived where the loss falls by less than this share: SciPy's `ftol`."""


@dataclass
class QuasiNewton(Descent):
    """Iteration by iteration, until it has arrived or a limit is reached."""

    def run(self) -> None:
        """Go down.

        Raises:
            ValueError: the numbers became infinite.
        """
        mlp, looks, limit = self.mlp, 0, "TIME LIMIT"
        mlp.n_iter_, mlp.loss_ = 0, inf
        with self.stack(Optimizer("lbfgs", 1.0, 1.0)) as stack:
            for item in stack.run():
                if isinstance(item, Failed):
                    raise not_finite(item.error.detail)
                if isinstance(item, Finished):  # it has run out of time
                    self.theta = item.last
                elif isinstance(item, EpochRecord):
                    looks += item.passes
                    before = mlp.loss_
                    self._note(item)
                    if reached := self._limit(looks):
                        limit = reached
                        break
                    if self._arrived(before, item.steepness or 0.0):
                        return
        warnings.warn(
            f"lbfgs failed to converge after {mlp.n_iter_} iteration(s):\nSTOP: {limit}\n\n"
            "Increase the number of iterations to improve the convergence, or scale the data.",
            ConvergenceWarning,
            stacklevel=5,
        )

    def _note(self, record: EpochRecord) -> None:
        mlp = self.mlp
        self.theta = record.state().theta[0]
        mlp.n_iter_ += 1
        mlp.loss_ = self.recipe.loss(record.training_loss, self.recipe.squares(self.theta))
        if self.given.verbose:
            print(f"Iteration {mlp.n_iter_}, loss = {mlp.loss_:.8f}")

    def _limit(self, looks: int) -> str | None:
        """The limit that is reached, if any."""
        mlp = self.mlp
        if mlp.n_iter_ >= self.given.max_iter:
            return f"TOTAL NO. OF ITERATIONS REACHED LIMIT OF {self.given.max_iter}"
        if looks > self.given.max_fun:
            return f"TOTAL NO. OF FUNCTION EVALUATIONS EXCEEDS LIMIT OF {self.given.max_fun}"
        return None

    def _arrived(self, before: float, steepness: float) -> bool:
        """Whether the ground is level, or the last step was not worth it."""
        mlp = self.mlp
        if self.recipe.unit * steepness <= self.given.tol:
            return True
        return before < inf and before - mlp.loss_ <= FLAT * max(abs(before), abs(mlp.loss_), 1.0)
