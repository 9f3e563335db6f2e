"""The trainer as these tests see it: one place that knows how it is called."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from steepest.spec.names import Task
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec
from steepest.trainer import rows as rows_module
from steepest.trainer.arrays import Array
from steepest.trainer.engines.choice import Engine, kernels, kernels_can
from steepest.trainer.fit import EpochRecord, Finished, fit
from steepest.trainer.network import Network
from steepest.trainer.randomness import Shuffle

INPUTS = 4
OUTPUTS: dict[str, int] = {"binary": 1, "multiclass": 3, "multilabel": 3, "regression": 2}
SEED = 7
ENGINES = ("numpy", "numba")
"""Each passes every test that asks for the fixture `engine`."""


@dataclass(frozen=True)
class Rows:
    """Rows of a task, with y as `fit` takes it."""

    task: Task
    X: Array
    y: Array
    weights: Array | None = None


@dataclass(frozen=True)
class Trained:
    """A run: arrays under the names that they are saved by."""

    initial: dict[str, Array]
    last: dict[str, Array]
    records: list[EpochRecord]


def rows_of(task: Task, rows: int, precision: str, seed: int = 0) -> Rows:
    """Rows that can be learned."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((rows, INPUTS))
    z = np.tanh(X @ random.standard_normal((INPUTS, OUTPUTS[task]))) + 0.1 * random.standard_normal(
        (rows, OUTPUTS[task])
    )
    y: Array
    if task == "regression":
        y = z.astype(precision)
    elif task == "multilabel":
        y = (z > 0).astype(precision)
    else:
        y = (z[:, 0] > 0).astype(np.intp) if task == "binary" else z.argmax(1)
    return Rows(task, X.astype(precision), y)


def counts_of(rows: Rows) -> Rows:
    """The same rows with counts for targets."""
    y = np.round(np.exp(rows.y.astype(np.float64)) * 2).astype(rows.y.dtype)
    return Rows(rows.task, rows.X, y)


def spec_of(rows: Rows, **fields: Any) -> ResolvedTrainSpec:
    """A resolved spec for the rows, without validation."""
    precision = str(rows.X.dtype)
    given = {"task": rows.task, "precision": precision, "seed": SEED, "early_stopping": None} | fields
    spec = TrainSpec.model_validate(given)
    return resolve(spec, _facts(rows), validation_rows=0).spec


def options_of(engine: str, spec: ResolvedTrainSpec, network: Network, rows: int) -> dict[str, Any]:
    """What makes a run take an engine; a test of what its kernels lack is skipped."""
    name: Any = engine
    if engine == "numba":
        assert kernels() is not None, "the kernels are not installed"
        if not kernels_can(spec, network, spec.batch_size if isinstance(spec.batch_size, int) else rows):
            pytest.skip("there are no kernels for it")
    return {"engine": Engine(name, 2)}


def trained(rows: Rows, engine: str, **fields: Any) -> Trained:
    """A whole run on the rows."""
    spec = spec_of(rows, **fields)
    network = Network.of(spec, INPUTS, OUTPUTS[rows.task])
    records = []
    for item in _fit(spec, rows, options_of(engine, spec, network, len(rows.X))):
        if isinstance(item, EpochRecord):
            records.append(item)
        elif isinstance(item, Finished):
            return Trained(network.arrays(item.initial), network.arrays(item.last), records)
    raise AssertionError("training ended without an end")


def orders(rows: int, batch: int, epochs: int) -> Iterator[list[Array]]:
    """Of each epoch, the row numbers of each batch."""
    shuffle = Shuffle(SEED, rows)
    for epoch in range(1, epochs + 1):
        order = shuffle.order(epoch) if batch < rows else np.arange(rows)
        yield [order[start : start + batch].copy() for start in range(0, rows, batch)]


def _fit(spec: ResolvedTrainSpec, rows: Rows, options: dict[str, Any]) -> Iterator[object]:
    weights = rows.weights
    if isinstance(spec.loss.class_weight, dict):
        weights = np.array([spec.loss.class_weight[str(code)] for code in range(rows.y.max() + 1)])[rows.y]
    weights = None if weights is None else weights.astype(rows.X.dtype)
    return fit(spec, rows_module.Rows(rows.X, rows.y, weights), outputs=OUTPUTS[rows.task], **options)


def _facts(rows: Rows) -> list[TargetFacts]:
    """Of each target column."""
    if rows.task == "regression":
        names = [f"y{number}" for number in range(rows.y.shape[1])]
        return [TargetFacts(name, len(rows.y), len(rows.y), True, False, None, None) for name in names]
    columns = [rows.y] if rows.y.ndim == 1 else list(rows.y.T)
    facts = []
    for number, column in enumerate(columns):
        counts = np.bincount(column.astype(np.intp)).tolist()
        labels = tuple(str(code) for code in range(len(counts)))
        facts.append(TargetFacts(f"y{number}", len(column), len(counts), True, True, labels, tuple(counts)))
    return facts
