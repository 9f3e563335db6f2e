"""Small data and resolved specs for the trainer's tests."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from steepest.spec.resolve import TargetFacts, resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.training import TrainSpec
from steepest.trainer.arrays import Array
from steepest.trainer.fit import EpochRecord, Finished, Progress, fit
from steepest.trainer.state import State

TASKS = ("binary", "multiclass", "regression")
OUTPUTS = {"binary": 1, "multiclass": 3, "regression": 1}
OBJECTIVES = (
    ("binary", "binary_crossentropy"),
    ("binary", "mean_squared_error"),
    ("multiclass", "categorical_crossentropy"),
    ("multiclass", "mean_squared_error"),
    ("regression", "mean_squared_error"),
)
OPTIMIZERS = ("gradient_descent", "momentum", "adam")


def spec_for(task: str, rows: int, validation_rows: int = 0, **fields: Any) -> ResolvedTrainSpec:
    """A resolved spec for `rows` training rows."""
    spec = TrainSpec.model_validate({"task": task, **fields})
    classes = tuple(str(code) for code in range(max(2, OUTPUTS[task])))
    facts = TargetFacts(
        name="y",
        rows=rows,
        distinct=rows if task == "regression" else len(classes),
        numeric=True,
        whole=task != "regression",
        classes=None if task == "regression" else classes,
        counts=None if task == "regression" else tuple(rows // len(classes) + 1 for _ in classes),
    )
    return resolve(spec, facts, validation_rows).spec


def data_for(task: str, rows: int, inputs: int = 4, seed: int = 0, dtype: str = "float32") -> tuple[Array, Array]:
    """Rows that can be learned."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((rows, inputs))
    signal = np.sin(X @ np.linspace(-1, 2, inputs)) + 0.1 * random.standard_normal(rows)
    if task == "regression":
        return X.astype(dtype), signal[:, None].astype(dtype)
    edges = [0.0] if task == "binary" else [-0.4, 0.4]
    return X.astype(dtype), np.digitize(signal, edges).astype(np.intp)


def train(
    spec: ResolvedTrainSpec,
    X: Array,
    y: Array,
    validation: tuple[Array, Array] | None = None,
    state: State | None = None,
) -> Iterator[Progress | EpochRecord | Finished]:
    """`fit` with the outputs that the task calls for."""
    return fit(spec, X, y, outputs=OUTPUTS[spec.task], validation=validation, state=state)


def records_of(*arguments: Any, **options: Any) -> tuple[list[EpochRecord], Finished]:
    """A whole run."""
    items = list(train(*arguments, **options))
    assert isinstance(items[-1], Finished)
    return [item for item in items if isinstance(item, EpochRecord)], items[-1]
