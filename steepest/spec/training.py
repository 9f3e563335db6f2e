"""`TrainSpec`: the part of a job that is about training. Defaults and names are the public contract."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from steepest.spec.fields import SpecModel, default_only, supported
from steepest.spec.names import (
    ActivationName,
    InitializerName,
    LossName,
    NumericScaling,
    OutputActivationName,
    Precision,
    ScheduleName,
    SplitMethod,
    Task,
)
from steepest.spec.optimizers import Adam, Optimizer

Auto = Literal["auto"]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]


class Split(SpecModel):
    """How rows are divided into training, validation and test rows."""

    method: Annotated[SplitMethod | Auto, supported("auto", "random", "stratified")] = "auto"
    column: Annotated[str | None, default_only(None)] = None
    validation: Fraction = Field(default=0.15, description="Share of the rows that measures each epoch.")
    test: Fraction = Field(default=0.15, description="Share of the rows that training never sees.")
    seed: Seed = 0

    @model_validator(mode="after")
    def _leaves_training_rows(self) -> Self:
        if self.validation + self.test >= 1.0:
            raise PydanticCustomError(
                "fractions", "validation and test together take all rows; their sum must be below 1"
            )
        return self


class Preprocess(SpecModel):
    """What is learned from the training rows and applied to every row."""

    numeric: Annotated[NumericScaling, supported("standardize", "minmax", "none")] = "standardize"
    categorical: Annotated[Literal["one_hot", "ordinal", "hashing"], supported("one_hot")] = "one_hot"
    max_categories: int = Field(
        default=100, ge=1, le=10_000, description="Categories of a column that get a code of their own."
    )
    missing: Annotated[Literal["mean", "median", "most_frequent", "constant"], supported("mean")] = "mean"
    missing_indicator: Annotated[bool, default_only(False)] = False
    target: Literal["auto", "standardize", "none"] = "auto"


class Layer(SpecModel):
    """One hidden layer: linear, batch norm, activation, dropout, in this order."""

    units: int = Field(default=64, ge=1, le=65_536)
    activation: Annotated[ActivationName, supported("linear", "sigmoid", "tanh", "relu")] = "relu"
    dropout: Annotated[float, Field(ge=0.0, lt=1.0), default_only(0.0)] = 0.0
    batch_norm: Annotated[bool, default_only(False)] = False


class Loss(SpecModel):
    """What training makes small."""

    name: Annotated[
        LossName | Auto,
        supported("auto", "binary_crossentropy", "categorical_crossentropy", "log_loss", "mean_squared_error"),
    ] = "auto"
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0), default_only(0.0)] = 0.0
    class_weight: Annotated[Literal["balanced"] | dict[str, float] | None, default_only(None)] = None
    sample_weight: Annotated[str | None, default_only(None)] = None


class Schedule(SpecModel):
    """How the learning rate changes over the epochs."""

    name: Annotated[ScheduleName, supported("constant")] = "constant"
    warmup_epochs: Annotated[int, Field(ge=0), default_only(0)] = 0


class Regularization(SpecModel):
    """Penalties on the weights; biases are excluded."""

    l1: Annotated[float, Field(ge=0.0), default_only(0.0)] = 0.0
    l2: Annotated[float, Field(ge=0.0), default_only(0.0)] = 0.0
    max_norm: Annotated[float | None, default_only(None)] = None


class GradientClip(SpecModel):
    """A bound on the gradient before each step."""

    by: Literal["value", "norm", "global_norm"] = "global_norm"
    limit: float = Field(default=1.0, gt=0.0)


class EarlyStopping(SpecModel):
    """Stop when the monitored figure has not improved for `patience` epochs."""

    monitor: Annotated[
        Literal[
            "validation_loss",
            "training_loss",
            "validation_accuracy",
            "training_accuracy",
            "validation_r2",
            "training_r2",
        ],
        supported("validation_loss", "training_loss"),
    ] = "validation_loss"
    patience: Annotated[int, Field(ge=1)] | Auto = "auto"
    min_delta: float = Field(default=0.0, ge=0.0)
    restore_best: bool = True


class TrainSpec(SpecModel):
    """Everything that training needs beside the data. `"auto"` is replaced by `steepest.spec.resolve`."""

    task: Annotated[Task | Auto, supported("auto", "binary", "multiclass", "regression")] = "auto"
    split: Split = Split()
    preprocess: Preprocess = Preprocess()
    layers: Annotated[tuple[Layer, ...], Field(strict=False, max_length=64)] = (Layer(),)
    initializer: InitializerName | Auto = "auto"
    output_activation: OutputActivationName | Auto = "auto"
    loss: Loss = Loss()
    optimizer: Optimizer = Adam()
    schedule: Schedule = Schedule()
    regularization: Regularization = Regularization()
    gradient_clip: Annotated[GradientClip | None, default_only(None)] = None
    epochs: Annotated[int, Field(ge=1)] | Auto = "auto"
    batch_size: Annotated[int, Field(ge=1)] | Literal["full", "auto"] = "auto"
    early_stopping: EarlyStopping | None = EarlyStopping()
    seed: Seed = 0
    precision: Precision = "float32"
    device: Annotated[Literal["auto", "cpu", "gpu"], supported("auto", "cpu")] = "auto"
    max_seconds: Annotated[float | None, default_only(None)] = None
