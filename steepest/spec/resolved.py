"""Specs in which every `"auto"` has been replaced: what the trainer runs and what a job shows as `resolved_spec`."""

from typing import Annotated, Literal

from pydantic import Field

from steepest.spec.fields import ColumnName
from steepest.spec.job import JobSpec
from steepest.spec.names import InitializerName, LossName, OutputActivationName, SplitMethod, Task
from steepest.spec.training import EarlyStopping, Loss, Preprocess, Shuffle, Split, TrainSpec


class ResolvedSplit(Split):
    """A split whose method is decided."""

    method: SplitMethod


class ResolvedPreprocess(Preprocess):
    """Preprocessing whose target scaling is decided."""

    target: Literal["standardize", "none"]


class ResolvedLoss(Loss):
    """A loss with its name; huber has its delta."""

    name: LossName


class ResolvedShuffle(Shuffle):
    """A shuffle whose method is decided; `blocks` has both its sizes."""

    method: Literal["rows", "blocks"] = "rows"


class ResolvedEarlyStopping(EarlyStopping):
    """Early stopping with its patience in epochs."""

    patience: Annotated[int, Field(ge=1)]


class ResolvedTrainSpec(TrainSpec):
    """A `TrainSpec` without a single `"auto"`."""

    task: Task
    split: ResolvedSplit
    preprocess: ResolvedPreprocess
    initializer: InitializerName
    output_activation: OutputActivationName
    loss: ResolvedLoss
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)] | Literal["full"]
    shuffle: ResolvedShuffle = ResolvedShuffle()
    early_stopping: ResolvedEarlyStopping | None
    device: Literal["cpu", "gpu"]


class ResolvedJobSpec(ResolvedTrainSpec, JobSpec):
    """A `JobSpec` without a single `"auto"`; its features are named, in the data set's order."""

    features: Annotated[tuple[ColumnName, ...], Field(strict=False, min_length=1)]
