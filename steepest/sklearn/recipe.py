"""scikit-learn's arguments as a spec of ours, and our figures in scikit-learn's units.

Symbols: g scikit-learn's gradient, g' ours, K the outputs, W the weight of a batch (its rows, where they have none),
alpha the penalty. The losses have the same minima, but

    squared_error   1/2 the mean over outputs, and a gradient that is the sum's: g = (K/2) g'
    poisson         the sum over outputs, and y log y - y beside it: g = K g'

With g = c g' a step of SGD is ours at c times the rate, and one of Adam ours with epsilon / c. The penalty
(alpha / 2W) |w|^2, divided by c like the rest, is our l2 = alpha / (c W).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from steepest.sklearn.parameters import ACTIVATIONS, Arguments, hidden_sizes
from steepest.spec.names import Task
from steepest.spec.problems import parse
from steepest.spec.resolve import resolve, steps_per_epoch
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec
from steepest.trainer.arrays import Array
from steepest.trainer.network import Network

LOSSES: Final = {"squared_error": "mean_squared_error"}
"""scikit-learn's names for ours, where they differ."""

OUT_ACTIVATIONS: Final = {"linear": "identity", "sigmoid": "logistic", "softmax": "softmax", "exponential": "exp"}
"""Our names for scikit-learn's `out_activation_`."""

NO_SPLIT: Final = {"validation": 0.0, "test": 0.0}


@dataclass(frozen=True)
class Problem:
    """What there is to learn."""

    task: Task
    outputs: int
    """Of the network: one for binary."""
    rows: int
    """To train on."""
    inputs: int
    precision: str
    batch: int
    """Rows of a batch."""
    weight: float
    """Of a row, on average."""
    least: float = 0.0
    """The smallest value, for regression."""
    offset: float = 0.0
    """Their loss of a network that hits every value, where ours is another: y log y - y for poisson."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, and in which units it is spoken of."""

    spec: ResolvedTrainSpec
    network: Network
    unit: float
    """c."""
    share: float
    """Of our loss in theirs."""
    strength: float
    """What (1/2) |w|^2 counts in their loss beyond what it does in `share` of ours."""
    offset: float = 0.0
    """What their loss has beside."""
    rows: int = 0
    """To train on."""
    own_pace: bool = True
    """Whether scikit-learn's learning rate is in force, which may change from epoch to epoch."""

    def pace(self, learning_rate: float) -> float:
        """The trainer's learning rate for one of scikit-learn's."""
        return learning_rate * self.unit if self.own_pace else self.spec.optimizer.learning_rate

    def loss(self, ours: float, squares: float = 0.0) -> float:
        """Their loss of ours; `squares`: the sum of all w^2, which is needed if `strength` is not 0."""
        return self.share * ours + self.offset + self.strength / 2 * squares

    def squares(self, theta: Array) -> float:
        """The sum of all w^2 of weights theta (P + R,), if it is needed."""
        if not self.strength:
            return 0.0
        return sum(float(np.square(block[0, :-1]).sum()) for block in self.network.blocks(theta[None]))


def recipe(given: Arguments, problem: Problem, seed: int = 0) -> Recipe:
    """What an estimator's arguments come to for a problem.

    Raises:
        ValidationFailed: they do not go together.
    """
    loss = given.loss
    ours: dict[str, Any] = dict(loss) if isinstance(loss, Mapping) else {"name": LOSSES.get(loss, loss)}
    if smoothing := given.label_smoothing:
        ours["label_smoothing"] = smoothing
    unit, share = _units(loss, problem.outputs)
    whole = given.quasi_newton
    l2 = given.alpha / (unit * problem.weight)
    body = {
        "task": problem.task,
        "split": NO_SPLIT,
        "preprocess": {"numeric": "none", "target": "none"},
        "layers": _layers(given),
        "initializer": given.initializer or "glorot_uniform",
        "loss": ours,
        "optimizer": _optimizer(given, unit) if given.optimizer is None else _named(given.optimizer),
        "schedule": _named("constant" if given.schedule is None else given.schedule),
        "regularization": {"l2": l2, "per_row": True} if given.regularization is None else given.regularization,
        "gradient_clip": given.gradient_clip,
        "epochs": int(given.max_iter),
        "batch_size": "full" if whole else int(problem.batch),
        "early_stopping": None,
        "seed": seed,
        "precision": problem.precision,
        "device": given.device,
        "max_seconds": given.max_seconds,
    }
    spec = resolve(parse(TrainSpec, body), _facts(problem), 0).spec
    network = Network.of(spec, problem.inputs, problem.outputs)
    steps = 1 if whole else steps_per_epoch(problem.rows, problem.batch)
    left_out = 1 - share / unit if given.regularization is None else 0.0
    return Recipe(
        spec,
        network,
        unit,
        share,
        strength=left_out * l2 * unit * steps / problem.rows,
        offset=problem.offset,
        rows=problem.rows,
        own_pace=given.sgd,
    )


def _units(loss: Any, outputs: int) -> tuple[float, float]:
    """c, and the share of our loss in theirs."""
    if loss == "squared_error":
        return outputs / 2, 1 / 2
    if loss == "poisson":
        return float(outputs), float(outputs)
    return 1.0, 1.0


def _layers(given: Arguments) -> list[Any]:
    if given.layers is not None:
        return list(given.layers)
    activation = ACTIVATIONS.get(given.activation, given.activation)
    return [{"units": units, "activation": activation} for units in hidden_sizes(given.hidden_layer_sizes) or ()]


def _optimizer(given: Arguments, unit: float) -> dict[str, Any]:
    rate = float(given.learning_rate_init)
    if given.solver == "lbfgs":
        return {"name": "lbfgs", "first_step": 1.0}
    if given.solver == "sgd":
        name = "nesterov" if given.nesterovs_momentum else "momentum"
        return {"name": name, "learning_rate": rate * unit, "momentum": float(given.momentum)}
    numbers = {name: float(getattr(given, name)) for name in ("beta_1", "beta_2")}
    return {"name": "adam", "learning_rate": rate, "epsilon": given.epsilon / unit, "epsilon_hat": True, **numbers}


def _named(given: Any) -> Any:
    """A name stands for the object of that name with its usual numbers."""
    return {"name": given} if isinstance(given, str) else given


def _facts(problem: Problem) -> list[TargetFacts]:
    """A target that can be learned: whether it is worth it, scikit-learn does not ask."""
    codes = {"binary": 2, "multilabel": 2, "multiclass": problem.outputs}.get(problem.task, 0)
    classes = tuple(str(code) for code in range(codes)) or None
    facts = TargetFacts(
        name="y",
        rows=problem.rows,
        distinct=codes or max(2, problem.rows),
        numeric=True,
        whole=bool(codes),
        classes=classes,
        counts=(problem.rows,) * codes if codes else None,
        least=problem.least,
    )
    return [facts] * (1 if problem.task in ("binary", "multiclass") else problem.outputs)
