"""Models with random weights, for data of every kind."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steepest.data.facts import target_facts
from steepest.data.prepare import prepare
from steepest.data.schema import describe
from steepest.data.table import CategoricalColumn, NumericColumn, Table
from steepest.export.model import Model
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.training import TrainSpec
from steepest.trainer.network import Network

Make = Callable[..., Model]


@pytest.fixture(scope="session")
def make() -> Make:
    """A model of a table's last column, or of arrays X and y of one column or several."""

    def run(table: Table | NDArray[Any], y: Any = None, seed: int = 0, **fields: Any) -> Model:
        table = table if isinstance(table, Table) else Table.from_arrays(table, y)
        targets = table.targets if table.matrix is not None else table.names[-1:]
        features = [name for name in table.names if name not in targets]
        facts = target_facts([describe(table, name) for name in targets], targets)
        resolution = resolve(TrainSpec.model_validate(fields), facts)
        return _model(table, resolution.spec, targets, features, resolution.classes, seed)

    return run


@pytest.fixture(scope="session")
def mixed() -> Table:
    """Labels and numbers with holes, and a target of three classes."""
    draw = np.random.default_rng(0)
    codes = draw.integers(-1, 3, 60).astype(np.int32)
    numbers = np.where(draw.random(60) < 0.2, np.nan, draw.normal(size=60))
    return Table(
        60,
        (
            CategoricalColumn("colour", codes, ("blue", "grün", "red")),
            NumericColumn("size", numbers),
            CategoricalColumn("species", np.repeat(np.arange(3, dtype=np.int32), 20), ("a", "b", "c")),
        ),
    )


def _model(
    table: Table,
    spec: ResolvedTrainSpec,
    targets: tuple[str, ...],
    features: list[str],
    classes: tuple[str, ...],
    seed: int,
) -> Model:
    prepared = prepare(table, spec, targets, features, classes)
    network = Network.of(spec, prepared.preprocessing.width, prepared.outputs)
    theta = np.random.default_rng(seed).normal(size=network.size).astype(spec.precision)
    for norm in network.norms(theta[None]):
        if norm is not None:
            np.abs(norm.variance, norm.variance)
    return Model(network, theta, spec, prepared.preprocessing, prepared.target)
