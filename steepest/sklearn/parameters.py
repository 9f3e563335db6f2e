"""What the arguments of an estimator may be. scikit-learn checks them when it fits, not when it is built."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from steepest.spec.names import ActivationName

if TYPE_CHECKING:
    from steepest.client import Client

ACTIVATIONS: Final = {"identity": "linear", "logistic": "sigmoid"}
"""scikit-learn's names for ours, where they differ."""

SOLVERS: Final = ("lbfgs", "sgd", "adam")
RATES: Final = ("constant", "invscaling", "adaptive")


class Rule(NamedTuple):
    """What an argument must be."""

    holds: Callable[[Any], bool]
    words: str


def _one_of(*names: str) -> Rule:
    return Rule(
        lambda value: isinstance(value, str) and value in names, "one of " + ", ".join(f'"{name}"' for name in names)
    )


def _real(words: str, within: Callable[[float], bool]) -> Rule:
    return Rule(
        lambda value: isinstance(value, Real) and not _flag(value) and within(float(value)), f"a number {words}"
    )


def _whole(least: int, *others: object) -> Rule:
    def holds(value: Any) -> bool:
        other = any(value is each or (isinstance(value, str | float) and value == each) for each in others)
        return other or (isinstance(value, Integral) and not _flag(value) and int(value) >= least)

    words = "".join(f', or "{other}"' if isinstance(other, str) else f", or {other}" for other in others)
    return Rule(holds, f"a whole number of at least {least}{words}")


def _flag(value: object) -> bool:
    return type(value).__name__ in ("bool", "bool_")


BOOLEAN: Final = Rule(_flag, "True or False")
NOT_NEGATIVE: Final = _real("of at least 0", lambda value: 0 <= value < inf)
POSITIVE: Final = _real("above 0", lambda value: 0 < value < inf)
DECAY: Final = _real("from 0 to below 1", lambda value: 0 <= value < 1)

RULES: Final[dict[str, Rule]] = {
    "hidden_layer_sizes": Rule(lambda value: hidden_sizes(value) is not None, "units of each hidden layer, each > 0"),
    "activation": _one_of(*ACTIVATIONS, *get_args(ActivationName)),
    "solver": _one_of(*SOLVERS),
    "alpha": NOT_NEGATIVE,
    "batch_size": _whole(1, "auto"),
    "learning_rate": _one_of(*RATES),
    "learning_rate_init": POSITIVE,
    "power_t": NOT_NEGATIVE,
    "max_iter": _whole(1),
    "shuffle": BOOLEAN,
    "tol": _real("of at least 0", lambda value: value >= 0),
    "verbose": Rule(lambda value: isinstance(value, Integral) or _flag(value), "True, False or a whole number"),
    "warm_start": BOOLEAN,
    "momentum": DECAY,
    "nesterovs_momentum": BOOLEAN,
    "early_stopping": BOOLEAN,
    "validation_fraction": DECAY,
    "beta_1": DECAY,
    "beta_2": DECAY,
    "epsilon": POSITIVE,
    "n_iter_no_change": _whole(1, inf),
    "max_fun": _whole(1),
}
"""Ours are checked by the spec that they become part of."""


@dataclass(frozen=True)
class Arguments:
    """What an estimator was given, checked; of an argument that it does not have, what leaves things as they are."""

    hidden_layer_sizes: Any
    activation: str
    solver: str
    alpha: float
    batch_size: int | Literal["auto"]
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    layers: Sequence[Mapping[str, Any]] | None
    optimizer: str | Mapping[str, Any] | None
    schedule: str | Mapping[str, Any] | None
    initializer: str | None
    regularization: Mapping[str, float] | None
    gradient_clip: Mapping[str, Any] | None
    precision: str | None
    device: str
    max_seconds: float | None
    service: "Client | None"
    loss: str | Mapping[str, Any] = "log_loss"
    class_weight: Any = None
    label_smoothing: float = 0.0

    @classmethod
    def checked(cls, parameters: Mapping[str, Any], kind: str) -> "Arguments":
        """Of an estimator of some kind.

        Raises:
            ValueError: the first argument that is none of what it may be, by name.
        """
        for name, rule in RULES.items():
            if not rule.holds(parameters[name]):
                raise ValueError(f"{name} of {kind} must be {rule.words}, got {parameters[name]!r}.")
        return cls(**parameters)

    @property
    def quasi_newton(self) -> bool:
        """Whether they call for L-BFGS."""
        named = self.solver if self.optimizer is None else self.optimizer
        return (named if isinstance(named, str) else named.get("name")) == "lbfgs"

    @property
    def sgd(self) -> bool:
        """Whether scikit-learn's schedules are in force."""
        return self.optimizer is None and self.solver == "sgd"


def hidden_sizes(given: Any) -> tuple[int, ...] | None:
    """Units of each hidden layer: one number is one layer, none is none; None if it is neither."""
    sizes = tuple(given) if hasattr(given, "__iter__") and not isinstance(given, str) else (given,)
    whole = all(isinstance(size, Integral) and not _flag(size) and int(size) > 0 for size in sizes)
    return tuple(int(size) for size in sizes) if whole else None
