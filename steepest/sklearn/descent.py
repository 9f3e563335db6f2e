"""The way down in process: the trainer takes the steps, scikit-learn's rules say when to stop."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from steepest.run.environment import limited_threads
from steepest.sklearn.parameters import Arguments
from steepest.sklearn.recipe import Recipe
from steepest.sklearn.sparse import SparseRows
from steepest.trainer.arrays import Array
from steepest.trainer.engines.choice import choose
from steepest.trainer.fit import fit_stack
from steepest.trainer.rows import Rows
from steepest.trainer.stack import Stack
from steepest.trainer.start import Start

NOT_FINITE: Final = (
    "Solver produced non-finite parameter weights. The input data may contain large values and need to be preprocessed."
)


@dataclass
class Optimizer:
    """What an optimizer is in the middle of."""

    kind: Any
    """The arguments that chose it."""
    learning_rate: float
    """Of the next step, as scikit-learn counts."""
    pace: float
    """Of the last, as the trainer counts."""
    slots: Array | None = None
    """(k, P) what it keeps for each parameter."""
    steps: int = 0
    """That it has taken."""


@dataclass
class Descent(ABC):
    """The way of one estimator, whose public figures it keeps up to date."""

    mlp: Any
    given: Arguments
    recipe: Recipe
    rows: Rows
    theta: Array
    """(P + R,) the weights: where it begins, and afterwards where it has come to."""

    @abstractmethod
    def run(self) -> None:
        """Go down.

        Raises:
            ValueError: the numbers became infinite.
        """

    @contextmanager
    def stack(self, optimizer: Optimizer) -> Iterator[Stack]:
        """The network in the trainer's hands, its optimizer in the middle of what it is in."""
        spec, network = self.recipe.spec, self.recipe.network
        settings = spec.optimizer.model_copy(update={"learning_rate": optimizer.pace})
        # Kernels gather rows from an array; the plan is content with what passes for one.
        X: Any = self.rows.X
        kept = "numpy" if isinstance(X, SparseRows) else None
        with limited_threads(choose(spec, network, len(self.rows), kept=kept)) as engine:
            yield fit_stack(
                [spec.model_copy(update={"optimizer": settings})],
                self.rows,
                outputs=network.outputs,
                starts=[Start(self.theta, optimizer.slots, optimizer.steps)],
                engine=engine,
            )


def not_finite(detail: str) -> ValueError:
    """What a run that diverged raises; `detail` says where and what to do."""
    return ValueError(f"{NOT_FINITE} {detail}")
