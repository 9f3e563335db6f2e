"""`JobSpec`: a training spec with its data set, target, scheduling and metadata. The body of `POST /v1/jobs`."""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from steepest.spec.fields import ColumnName, SpecModel
from steepest.spec.training import TrainSpec


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul", "must not contain the character U+0000")
    return text


_Text = Annotated[str, AfterValidator(_without_nul), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]
"""Text that is stored and searched as it is; not every database can hold U+0000."""

Name = Annotated[_Text, StringConstraints(min_length=1, max_length=200)]
MetadataKey = Annotated[_Text, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[_Text, StringConstraints(max_length=512)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=64)]


def _plainly(target: str | tuple[str, ...]) -> str | tuple[str, ...]:
    return target[0] if isinstance(target, tuple) and len(target) == 1 else target


Target = Annotated[
    ColumnName | Annotated[tuple[ColumnName, ...], Field(strict=False, min_length=1)], AfterValidator(_plainly)
]
"""One column, or several; a list of one is that one."""


class CheckpointEvery(SpecModel):
    """How often a running job saves its state."""

    seconds: float = Field(default=30.0, gt=0.0)


CheckpointName = Annotated[str, StringConstraints(pattern=r"^(best|last|initial|[0-9]{1,9})$")]
"""Which of a job's checkpoints: by its kind, or by its epoch."""


class WarmStart(SpecModel):
    """Weights of another job to start from, in place of those that the seed draws.

    Its network has as many units in each layer; the data, the optimizer and whatever else may be others. The optimizer
    begins anew.
    """

    job: str = Field(description="The id of a job, `job_...`.", max_length=64)
    checkpoint: CheckpointName = Field(default="best", description="`best`, `last`, `initial` or an epoch's number.")


class JobSpec(TrainSpec):
    """All of a job. The least that works is `{"dataset": "ds_...", "target": "species"}`."""

    dataset: str = Field(description="The id of a data set, `ds_...`.", max_length=64)
    target: Target = Field(description="The column to predict, or several columns.")
    features: Annotated[tuple[ColumnName, ...], Field(strict=False, min_length=1)] | None = Field(
        default=None, description="The columns to predict from; null: all but the target and the sample weight."
    )
    name: Name | None = None
    metadata: Metadata = {}
    checkpoint_every: CheckpointEvery = CheckpointEvery()
    priority: int = Field(default=0, ge=-100, le=100, description="Of queued jobs the highest is trained first.")
    warm_start: WarmStart | None = Field(default=None, description="Start from the weights of another job.")
    reuse: bool = Field(
        default=False,
        description="Answer with an earlier succeeded job of equal data, spec and code, if there is one, "
        "instead of training again.",
    )

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict, as a tuple in any case."""
        return (self.target,) if isinstance(self.target, str) else self.target
