"""A stack of real processes, which the tests of a module share: what one kills, the next starts again."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.integration.stack import Stack, running

LEASE_SECONDS = 2.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, module_database_url: str) -> Iterator[Stack]:
    """Database, broker, reconciler, workers for data sets and computations; trainers come with `Stack.trainers`."""
    with running(tmp_path_factory.mktemp("stack") / "home", module_database_url, LEASE_SECONDS) as started:
        started.reconciler()
        started.ready(started.worker("short"), started.worker("computations"))
        yield started


def table(rows: int, features: int = 4) -> bytes:
    """A CSV file with a target `y` of two classes that the features tell apart, but for some noise."""
    generator = np.random.default_rng(0)
    X = generator.normal(size=(rows, features))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + 0.3 * generator.normal(size=rows) > 0).astype(int)
    header = ",".join([*(f"x{number}" for number in range(features)), "y"])
    lines = (",".join(f"{value:.5f}" for value in row) + f",{label}" for row, label in zip(X, y, strict=True))
    return "\n".join([header, *lines, ""]).encode()


@pytest.fixture(scope="module")
def dataset(stack: Stack) -> str:
    """A data set that is ready."""
    return stack.ingested(table(1_000))


@pytest.fixture(scope="module")
def large(stack: Stack) -> str:
    """A data set whose epochs take a while."""
    return stack.ingested(table(10_000))


@pytest.fixture(scope="module")
def body(dataset: str) -> dict[str, Any]:
    """A job of many short epochs, some seconds long, that checkpoints often."""
    return {
        "dataset": dataset,
        "target": "y",
        "layers": [{"units": 128}, {"units": 128}],
        "epochs": 1_000,
        "early_stopping": None,
        "checkpoint_every": {"seconds": 0.2},
    }
