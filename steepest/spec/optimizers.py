"""The optimizers' settings, each with its usual parameters under their usual names."""

from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from steepest.spec.fields import SpecModel

LearningRate = Annotated[float, Field(gt=0.0)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]


class GradientDescent(SpecModel):
    """theta -= lr g: batch, mini-batch or stochastic by `batch_size` (Cauchy 1847; Robbins and Monro 1951)."""

    name: Literal["gradient_descent"] = "gradient_descent"
    learning_rate: LearningRate = 0.01


class Momentum(SpecModel):
    """v = mu v + g; theta -= lr v (Polyak 1964)."""

    name: Literal["momentum"] = "momentum"
    learning_rate: LearningRate = 0.01
    momentum: Decay = 0.9


class Adam(SpecModel):
    """Adam with bias correction, epsilon outside the root (Kingma and Ba 2015, algorithm 1)."""

    name: Literal["adam"] = "adam"
    learning_rate: LearningRate = 0.001
    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Annotated[float, Field(gt=0.0)] = 1e-8


SUPPORTED: Final = ("gradient_descent", "momentum", "adam")


def _which(value: Any) -> str | None:
    name = value.get("name", "adam") if isinstance(value, dict) else getattr(value, "name", None)
    return name if name in SUPPORTED else None


Optimizer = Annotated[
    Annotated[GradientDescent, Tag("gradient_descent")]
    | Annotated[Momentum, Tag("momentum")]
    | Annotated[Adam, Tag("adam")],
    Discriminator(_which, custom_error_type="unknown_optimizer", custom_error_message="not an optimizer"),
]
