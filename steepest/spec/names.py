"""The field's words: every name that a spec may use, and which of them go together."""

from typing import Final, Literal

Task = Literal["binary", "multiclass", "multilabel", "regression"]
ActivationName = Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus"]
OutputActivationName = Literal["linear", "sigmoid", "softmax", "exponential"]
InitializerName = Literal[
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "zeros"
]
LossName = Literal[
    "binary_crossentropy",
    "categorical_crossentropy",
    "log_loss",
    "mean_squared_error",
    "mean_absolute_error",
    "huber",
    "poisson",
]
SplitMethod = Literal["random", "stratified", "group", "time", "column"]
NumericScaling = Literal["standardize", "minmax", "robust", "none"]
Precision = Literal["float32", "float64"]
Figure = Literal[
    "validation_loss", "training_loss", "validation_accuracy", "training_accuracy", "validation_r2", "training_r2"
]
StoppedBy = Literal["epochs", "early_stopping", "max_seconds"]

LOSSES_BY_TASK: Final[dict[Task, tuple[LossName, ...]]] = {
    "binary": ("binary_crossentropy", "log_loss", "mean_squared_error"),
    "multiclass": ("categorical_crossentropy", "log_loss", "mean_squared_error"),
    "multilabel": ("binary_crossentropy", "log_loss"),
    "regression": ("mean_squared_error", "mean_absolute_error", "huber", "poisson"),
}
"""Which losses a task allows; the first is what `"auto"` means."""

RELU_FAMILY: Final[frozenset[ActivationName]] = frozenset({"relu", "leaky_relu", "elu", "gelu", "silu", "softplus"})
"""Activations that He initialization (He et al. 2015) is meant for."""

ALPHAS: Final[dict[ActivationName, float]] = {"leaky_relu": 0.01, "elu": 1.0}
"""Activations that have the parameter `alpha`, with its usual value."""

DELTAS: Final[dict[LossName, float]] = {"huber": 1.0}
"""Losses that have the parameter `delta`, with its usual value."""

CROSS_ENTROPIES: Final[frozenset[LossName]] = frozenset({"binary_crossentropy", "categorical_crossentropy", "log_loss"})
"""Losses whose targets are probabilities, which labels can be smoothed to."""

HELD_OUT: Final = "held_out"
"""The evaluation that comes with a job."""
