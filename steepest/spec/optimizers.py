"""The optimizers' settings, each with its usual parameters under their usual names."""

import operator
from typing import Annotated, Final, Literal

from pydantic import Field

from steepest.spec.fields import ByName, Named, names_of

LearningRate = Annotated[float, Field(gt=0.0)]
Decay = Annotated[float, Field(ge=0.0, lt=1.0)]
Epsilon = Annotated[float, Field(gt=0.0)]


class GradientDescent(Named):
    """theta -= lr g: batch, mini-batch or stochastic by `batch_size` (Cauchy 1847; Robbins and Monro 1951)."""

    name: Literal["gradient_descent"] = "gradient_descent"
    learning_rate: LearningRate = 0.01


class Momentum(Named):
    """v = mu v + g; theta -= lr v (Polyak 1964)."""

    name: Literal["momentum"] = "momentum"
    learning_rate: LearningRate = 0.01
    momentum: Decay = 0.9


class Nesterov(Named):
    """v = mu v + g; theta -= lr (g + mu v) (Nesterov 1983; in this form Sutskever et al. 2013)."""

    name: Literal["nesterov"] = "nesterov"
    learning_rate: LearningRate = 0.01
    momentum: Decay = 0.9


class Adagrad(Named):
    """s += g^2; theta -= lr g / (sqrt(s) + epsilon) (Duchi, Hazan and Singer 2011)."""

    name: Literal["adagrad"] = "adagrad"
    learning_rate: LearningRate = 0.01
    epsilon: Epsilon = 1e-10


class RMSprop(Named):
    """s = rho s + (1 - rho) g^2; theta -= lr g / (sqrt(s) + epsilon) (Hinton 2012, lecture 6)."""

    name: Literal["rmsprop"] = "rmsprop"
    learning_rate: LearningRate = 0.001
    rho: Decay = 0.99
    epsilon: Epsilon = 1e-8


class Adam(Named):
    """Adam with bias correction, epsilon outside the root (Kingma and Ba 2015, algorithm 1)."""

    name: Literal["adam"] = "adam"
    learning_rate: LearningRate = 0.001
    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Epsilon = 1e-8
    epsilon_hat: bool = Field(
        default=False,
        exclude_if=operator.not_,
        description="Add epsilon before the bias is corrected, as the paper's section 2 ends and scikit-learn has it.",
    )


class AdamW(Named):
    """Adam, and theta -= lr weight_decay theta beside it (Loshchilov and Hutter 2019, algorithm 2)."""

    name: Literal["adamw"] = "adamw"
    learning_rate: LearningRate = 0.001
    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Epsilon = 1e-8
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01


class LBFGS(Named):
    """Limited-memory BFGS with a strong Wolfe line search, on all rows at once (Nocedal and Wright 2006, 7.4, 3.5)."""

    name: Literal["lbfgs"] = "lbfgs"
    learning_rate: LearningRate = 1.0
    history_size: Annotated[int, Field(ge=1, le=1_000)] = 10
    first_step: Annotated[float, Field(gt=0.0)] | None = Field(
        default=None,
        exclude_if=lambda length: length is None,
        description="Length of the first trial, over all weights; SciPy's is 1. Left out: |g| / sum |g|, at most |g|.",
    )


Optimizer = Annotated[
    GradientDescent | Momentum | Nesterov | Adagrad | RMSprop | Adam | AdamW | LBFGS, ByName(default="adam")
]

SUPPORTED: Final = names_of(Optimizer)
