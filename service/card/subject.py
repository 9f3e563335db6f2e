"""What a card is about: a job that succeeded, and all that is stored of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from steepest.spec.answers import Dataset, Epoch, Job
from steepest.spec.columns import Column
from steepest.spec.figures import EvaluationResult, Figures
from steepest.spec.outcome import Result


@dataclass(frozen=True)
class Subject:
    """A job with what belongs to it. The data set may have been deleted since, and older jobs have no evaluation."""

    job: Job
    result: Result
    epochs: Sequence[Epoch]
    dataset: Dataset | None
    evaluation: EvaluationResult | None
    kinds: Mapping[str, str] = field(default_factory=dict)
    """What people said that columns are, whatever they look like."""
    reread: bool = False
    """Whether the file has since been read in another way: the columns are no longer those that it learned from."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.job.name or self.job.id

    @property
    def figures(self) -> Figures | None:
        """Of the held-out rows."""
        return self.evaluation.figures if self.evaluation else None

    @property
    def columns(self) -> Sequence[Column]:
        """The data set's, as far as they are known."""
        return (self.dataset.columns or []) if self.dataset else []

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that it predicts."""
        return self.job.resolved_spec.targets

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that it predicts from."""
        return self.job.resolved_spec.features

    @property
    def is_regression(self) -> bool:
        """Whether values are predicted."""
        return self.job.resolved_spec.task == "regression"

    def score(self, part: str) -> float | None:
        """Accuracy or R2 of the training, validation or test rows."""
        value: float | None = getattr(self.result, f"{part}_{'r2' if self.is_regression else 'accuracy'}")
        return value

    def column(self, name: str) -> Column | None:
        """A column of the data set, if it is known."""
        return next((column for column in self.columns if column.name == name), None)
