"""A stack of real processes for every test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.stack import Stack, running

LEASE_SECONDS = 2.0


@pytest.fixture
def stack(tmp_path: Path, database_url: str) -> Iterator[Stack]:
    """Broker and database; a test starts workers and reconciler itself."""
    with running(tmp_path / "home", database_url, LEASE_SECONDS) as started:
        yield started
