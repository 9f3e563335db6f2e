"""Well-known data, beside scikit-learn with equal hyper-parameters, over ten seeds of split, weights and order.

Both standardize by the training rows, neither has a penalty or an early stop, and each draws its weights by the rule of
Glorot and Bengio in its own way: what is compared is how well they come out, not each number.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Final

import numpy as np
from rich.console import Console
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

import steepest
from benchmarks import report
from benchmarks.rounds import Options
from benchmarks.works import Array

SEEDS: Final = 10
SPIRAL_ROWS: Final = 400
SPIRAL_TURNS: Final = 1.5


@dataclass(frozen=True)
class Parts:
    """Rows to train on, and rows to test with."""

    X: Array
    y: Array
    X_test: Array
    y_test: Array


@dataclass(frozen=True)
class Problem:
    """Data, and the hyper-parameters that both train with."""

    name: str
    load: Callable[[int], Parts]
    units: tuple[int, ...]
    activation: str
    optimizer: dict[str, Any]
    batch_size: int
    epochs: int
    regression: bool = False

    @property
    def what(self) -> str:
        """In words."""
        rate = self.optimizer["learning_rate"]
        hidden = "-".join(map(str, self.units))
        return f"{self.name}: {hidden} {self.activation}, {self.optimizer['name']} {rate:g}, {self.epochs} epochs"


def _split(data: tuple[Array, Array], seed: int, stratify: bool = True) -> Parts:
    X, y = data
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=y if stratify else None)
    return Parts(X, y, X_test, y_test)


def _spirals(seed: int) -> Parts:
    """Two arms that wind around each other (Lang and Witbrock 1988), with noise."""
    random = np.random.default_rng(seed)
    y = np.arange(2 * SPIRAL_ROWS) % 2
    t = np.sqrt(random.random(len(y))) * SPIRAL_TURNS * 2 * np.pi
    X = np.column_stack((t * np.cos(t + np.pi * y), t * np.sin(t + np.pi * y)))
    return _split((X + 0.2 * random.standard_normal(X.shape), y), seed)


def _xor(seed: int) -> Parts:
    """The four corners, to learn by heart."""
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0, 1, 1, 0])
    return Parts(X, y, X, y)


ADAM: Final = {"name": "adam", "learning_rate": 0.001}
PROBLEMS: Final = (
    Problem(
        "digits", lambda seed: _split(datasets.load_digits(return_X_y=True), seed), (64,), "relu", ADAM, 32, epochs=60
    ),
    Problem(
        "breast cancer",
        lambda seed: _split(datasets.load_breast_cancer(return_X_y=True), seed),
        (16,),
        "relu",
        {"name": "momentum", "learning_rate": 0.02, "momentum": 0.9},
        32,
        epochs=40,
    ),
    Problem(
        "diabetes",
        lambda seed: _split(datasets.load_diabetes(return_X_y=True), seed, stratify=False),
        (16,),
        "tanh",
        ADAM,
        32,
        epochs=60,
        regression=True,
    ),
    Problem("two spirals", _spirals, (32, 32), "tanh", {"name": "adam", "learning_rate": 0.01}, 32, epochs=200),
    Problem("XOR", _xor, (8,), "tanh", {"name": "adam", "learning_rate": 0.05}, 4, epochs=300),
)


def measure_all(console: Console, options: Options) -> dict[str, Any]:
    """Each problem, ten times by each."""
    table = report.columns(
        f"Test accuracy (diabetes: R2) over {SEEDS} seeds, mean and deviation", "", "steepest", "scikit-learn"
    )
    outcomes = {}
    for problem in PROBLEMS:
        with console.status(problem.name):
            parts = [problem.load(seed) for seed in range(SEEDS)]
            figures = {
                trainer.__name__.strip("_"): [trainer(problem, part, seed) for seed, part in enumerate(parts)]
                for trainer in (_steepest, _sklearn)
            }
        table.add_row(problem.what, *(f"{mean(values):.4f} +- {stdev(values):.4f}" for values in figures.values()))
        outcomes[problem.name] = {
            name: {"mean": mean(values), "deviation": stdev(values), "figures": values}
            for name, values in figures.items()
        }
    console.print(table)
    return outcomes


def _steepest(problem: Problem, parts: Parts, seed: int) -> float:
    spec = {
        "task": "regression" if problem.regression else "auto",
        "layers": [{"units": units, "activation": problem.activation} for units in problem.units],
        "optimizer": problem.optimizer,
        "batch_size": problem.batch_size,
        "epochs": problem.epochs,
        "initializer": "glorot_uniform",
        "early_stopping": None,
        "split": {"validation": 0.0, "test": 0.0},
        "seed": seed,
    }
    run = steepest.train(spec, parts.X, parts.y)
    return _figure(problem, parts, run.predict(parts.X_test))


def _sklearn(problem: Problem, parts: Parts, seed: int) -> float:
    settings: dict[str, Any] = {"solver": "adam"}
    if problem.optimizer["name"] == "momentum":
        settings = {"solver": "sgd", "momentum": problem.optimizer["momentum"], "nesterovs_momentum": False}
    network = (MLPRegressor if problem.regression else MLPClassifier)(
        hidden_layer_sizes=problem.units,
        activation=problem.activation,
        alpha=0.0,
        batch_size=problem.batch_size,
        learning_rate_init=problem.optimizer["learning_rate"],
        max_iter=problem.epochs,
        n_iter_no_change=problem.epochs + 1,
        tol=0.0,
        random_state=seed,
        **settings,
    )
    inputs = StandardScaler().fit(parts.X)
    y, center, scale = parts.y, 0.0, 1.0
    if problem.regression:
        center, scale = float(y.mean()), float(y.std())
        y = (y - center) / scale
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(inputs.transform(parts.X).astype(np.float32), y)
    predicted = network.predict(inputs.transform(parts.X_test).astype(np.float32))
    return _figure(problem, parts, predicted * scale + center if problem.regression else predicted)


def _figure(problem: Problem, parts: Parts, predicted: Array) -> float:
    return float((r2_score if problem.regression else accuracy_score)(parts.y_test, predicted))
