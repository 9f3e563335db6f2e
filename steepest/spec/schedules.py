"""How the learning rate changes over the epochs: the schedules' settings, under their usual names."""

from typing import Annotated, Final, Literal

from pydantic import Field

from steepest.spec.fields import ByName, Named, names_of

Warmup = Annotated[
    int, Field(ge=0, description="Epochs in which the learning rate rises to its full height; the rest follows then.")
]


class Constant(Named):
    """lr throughout."""

    name: Literal["constant"] = "constant"
    warmup_epochs: Warmup = 0


class Step(Named):
    """lr factor^(e // step_epochs), e the epochs done."""

    name: Literal["step"] = "step"
    warmup_epochs: Warmup = 0
    step_epochs: Annotated[int, Field(ge=1)] = 10
    factor: Annotated[float, Field(gt=0.0)] = 0.1


class Exponential(Named):
    """lr factor^e, e the epochs done."""

    name: Literal["exponential"] = "exponential"
    warmup_epochs: Warmup = 0
    factor: Annotated[float, Field(gt=0.0)] = 0.95


class Cosine(Named):
    """lr (1 + cos(pi s / S)) / 2, s of S steps done (Loshchilov and Hutter 2017, without restarts)."""

    name: Literal["cosine"] = "cosine"
    warmup_epochs: Warmup = 0


class OneCycle(Named):
    """Up to lr in the first three tenths of the steps, then down to next to nothing (Smith and Topin 2018)."""

    name: Literal["one_cycle"] = "one_cycle"
    warmup_epochs: Annotated[Literal[0], Field(description="It has a warm-up of its own.")] = 0


class Plateau(Named):
    """lr, times factor each time that the monitored figure has not improved for more than `patience` epochs."""

    name: Literal["plateau"] = "plateau"
    warmup_epochs: Warmup = 0
    factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    patience: Annotated[int, Field(ge=0)] = 5


class InverseScaling(Named):
    """lr / (e n + 1)^power, e the epochs done and n the training rows (as in scikit-learn)."""

    name: Literal["inverse_scaling"] = "inverse_scaling"
    warmup_epochs: Warmup = 0
    power: Annotated[float, Field(ge=0.0)] = 0.5


Schedule = Annotated[
    Constant | Step | Exponential | Cosine | OneCycle | Plateau | InverseScaling, ByName(default="constant")
]

SUPPORTED: Final = names_of(Schedule)
