"""`TrainSpec`: the part of a job that is about training. Defaults and names are the public contract."""

import operator
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from steepest.spec.fields import ColumnName, OneOf, SpecModel
from steepest.spec.labels import number_label
from steepest.spec.names import (
    ALPHAS,
    DELTAS,
    ActivationName,
    Figure,
    InitializerName,
    LossName,
    NumericScaling,
    OutputActivationName,
    Precision,
    SplitMethod,
    Task,
)
from steepest.spec.optimizers import Adam, Optimizer
from steepest.spec.rules import MOST_CATEGORIES, TEST_SHARE, VALIDATION_SHARE, contradictions
from steepest.spec.schedules import Constant, Schedule

Auto = Literal["auto"]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
ClassWeight = Annotated[
    Literal["balanced"] | dict[str, Positive],
    OneOf(
        lambda given: 0 if given == "balanced" else 1 if isinstance(given, dict) else None,
        'must be "balanced", or an object of positive weights by class',
    ),
]
LARGEST: Final = sys.float_info.max
"""No class is a number beyond it."""


def _is_null(value: object) -> bool:
    return value is None


def _is_left_open(shuffle: "Shuffle") -> bool:
    return shuffle.method == "auto"


class Split(SpecModel):
    """How rows are divided into training, validation and test rows."""

    method: SplitMethod | Auto = Field(
        default="auto",
        description="`group` keeps the rows of a group together; `time` trains on the oldest rows and tests on the "
        "newest; `column` does what a column says: training, validation or test, or 1 for a test row and 0 for others.",
    )
    column: ColumnName | None = Field(
        default=None,
        description="What `group`, `time` and `column` go by; never a feature. For `column` it holds `training` or "
        "`train`, `validation`, `valid` or `val`, `test` or `testing`, in small or capital letters; or 1 or `true` for "
        "test rows and 0 or `false` for others, of which the share `validation` is drawn.",
    )
    validation: Fraction = Field(default=VALIDATION_SHARE, description="Share of the rows that measures each epoch.")
    test: Fraction = Field(default=TEST_SHARE, description="Share of the rows that training never sees.")
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

    numeric: NumericScaling = "standardize"
    categorical: Literal["one_hot", "ordinal", "hashing"] = "one_hot"
    max_categories: int = Field(
        default=MOST_CATEGORIES,
        ge=1,
        le=10_000,
        description="one_hot: categories of a column that get a code of their own; hashing: buckets of a column.",
    )
    missing: Literal["mean", "median", "most_frequent", "constant"] = Field(
        default="mean", description="What stands for a missing number; a missing category is all zeros."
    )
    missing_value: float = Field(
        default=0.0, description='The number for "constant", in the column\'s own units (milliseconds, places).'
    )
    missing_indicator: bool = Field(
        default=False, description="Whether a column with missing values gets one more input, 1 where its value is."
    )
    target: Literal["auto", "standardize", "none"] = "auto"


class Layer(SpecModel):
    """One hidden layer: linear, batch norm, activation, dropout, in this order."""

    units: int = Field(default=64, ge=1, le=65_536)
    activation: ActivationName = "relu"
    alpha: Positive | None = Field(
        default=None,
        exclude_if=_is_null,
        description="Slope of leaky_relu (0.01 when left out), or limit of elu (1.0); the other activations have none.",
    )
    dropout: Annotated[float, Field(ge=0.0, lt=1.0, description="Share of the activations that a step leaves out.")] = (
        0.0
    )
    batch_norm: bool = False

    @field_validator("alpha")
    @classmethod
    def _belongs_to_the_activation(cls, alpha: float | None, info: ValidationInfo) -> float | None:
        return _belongs("alpha", alpha, info.data.get("activation"), ALPHAS)


class Shuffle(SpecModel):
    """How the training rows are put in another order for each epoch.

    `rows` shuffles them whole. `blocks` is for rows that do not fit in memory: neighbouring rows make a block, blocks
    are shuffled, and then the rows within each window of blocks.
    """

    method: Literal["rows", "blocks"] | Auto = "auto"
    block_rows: Annotated[int, Field(ge=1)] | None = Field(
        default=None, exclude_if=_is_null, description="Neighbouring rows of a block; only with blocks."
    )
    window_blocks: Annotated[int, Field(ge=1)] | None = Field(
        default=None, exclude_if=_is_null, description="Blocks whose rows are shuffled together; only with blocks."
    )

    @model_validator(mode="after")
    def _sizes_belong_to_blocks(self) -> Self:
        given = [name for name in ("block_rows", "window_blocks") if getattr(self, name) is not None]
        if given and self.method != "blocks":
            raise PydanticCustomError(
                "foreign", "{name} belongs to the method {method}", {"name": given[0], "method": '"blocks"'}
            )
        return self


class Loss(SpecModel):
    """What training makes small."""

    name: LossName | Auto = "auto"
    delta: Positive | None = Field(
        default=None,
        exclude_if=_is_null,
        description="Residual from which on huber is linear (1.0 when left out); the other losses have none.",
    )
    label_smoothing: Fraction = Field(
        default=0.0, description="Share of a label's probability that a cross-entropy spreads over all labels."
    )
    class_weight: ClassWeight | None = Field(
        default=None, description='Weights by class, 1 where left out; "balanced": inversely by frequency.'
    )
    sample_weight: ColumnName | None = Field(
        default=None, description="The column that says how much each row counts; never a feature."
    )

    @field_validator("class_weight", mode="before")
    @classmethod
    def _by_label(cls, given: Any) -> Any:
        """Classes that are numbers or booleans in Python go by their labels."""
        if not isinstance(given, dict):
            return given
        weights: dict[Any, Any] = {}
        for key, weight in given.items():
            if (label := _label(key)) in weights:
                raise PydanticCustomError("twice", "the class {label} has two weights", {"label": f'"{label}"'})
            weights[label] = weight
        return weights

    @field_validator("delta")
    @classmethod
    def _belongs_to_the_loss(cls, delta: float | None, info: ValidationInfo) -> float | None:
        return _belongs("delta", delta, info.data.get("name"), DELTAS)


class Regularization(SpecModel):
    """Bounds on the weights; biases are excluded."""

    l1: NotNegative = Field(default=0.0, description="Adds l1 sum |w| to the loss.")
    l2: NotNegative = Field(default=0.0, description="Adds (l2/2) sum w^2 to the loss.")
    per_row: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="Divide both by the rows of each batch, as scikit-learn does.",
    )
    max_norm: Positive | None = Field(
        default=None, description="The longest that the weights into a unit may be after a step."
    )


class GradientClip(SpecModel):
    """A bound on the gradient before each step."""

    by: Literal["value", "norm", "global_norm"] = "global_norm"
    limit: Positive = 1.0


class EarlyStopping(SpecModel):
    """Stop when the monitored figure has not improved for `patience` epochs."""

    monitor: Figure = "validation_loss"
    patience: Annotated[int, Field(ge=1)] | Auto = "auto"
    min_delta: NotNegative = 0.0
    restore_best: bool = True


class TrainSpec(SpecModel):
    """Everything that training needs beside the data. `"auto"` is replaced by `steepest.spec.resolve`."""

    task: Task | Auto = "auto"
    split: Split = Split()
    preprocess: Preprocess = Preprocess()
    layers: Annotated[tuple[Layer, ...], Field(strict=False, max_length=64)] = (Layer(),)
    initializer: InitializerName | Auto = "auto"
    output_activation: OutputActivationName | Auto = "auto"
    loss: Loss = Loss()
    optimizer: Optimizer = Adam()
    schedule: Schedule = Constant()
    regularization: Regularization = Regularization()
    gradient_clip: GradientClip | None = None
    epochs: Annotated[int, Field(ge=1)] | Auto = "auto"
    batch_size: Annotated[int, Field(ge=1)] | Literal["full", "auto"] = "auto"
    shuffle: Shuffle = Field(default=Shuffle(), exclude_if=_is_left_open)
    early_stopping: EarlyStopping | None = EarlyStopping()
    seed: Seed = 0
    precision: Precision = "float32"
    device: Literal["auto", "cpu", "gpu"] = Field(
        default="auto", description='"cpu" is the processor, "gpu" an NVIDIA GPU; "auto" is "cpu".'
    )
    max_seconds: Positive | None = Field(default=None, description="Seconds of training after which to stop.")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if found := list(contradictions(self)):
            raise ValidationError.from_exception_data(
                type(self).__name__,
                [
                    InitErrorDetails(type=PydanticCustomError("contradiction", detail), loc=place, input=None)
                    for place, detail in found
                ],
            )
        return self


def _label(key: Any) -> Any:
    """A class as arrays name it: a number or boolean, NumPy's too, by its label; what else there is as it is."""
    item = getattr(key, "item", None)
    plain = item() if callable(item) else key
    if isinstance(plain, bool):
        return str(plain)
    return number_label(float(plain)) if isinstance(plain, int | float) and abs(plain) <= LARGEST else plain


def _belongs(parameter: str, value: float | None, name: Any, owners: Mapping[Any, float]) -> float | None:
    """Refuse a parameter of another activation or loss; an unknown name is a problem of its own."""
    if value is not None and name is not None and name not in owners:
        raise PydanticCustomError(
            "foreign",
            "{name} has no {parameter}; it belongs to {owners}",
            {"name": f'"{name}"', "parameter": parameter, "owners": " and ".join(f'"{owner}"' for owner in owners)},
        )
    return value
