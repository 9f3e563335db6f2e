"""A fresh database under a clock that stands still."""

from collections.abc import Iterator

import pytest

from store.database import Database
from tests.unit.store.world import Clock, World


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    with Database(database_url, clock=clock) as opened:
        yield opened


@pytest.fixture
def world(database: Database, clock: Clock) -> World:
    return World(database, clock)
