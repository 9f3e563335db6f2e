"""Broker and database of a test's own, with nobody at work who would change what it looks at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.stack import Stack, running


@pytest.fixture
def stack(tmp_path: Path, database_url: str) -> Iterator[Stack]:
    with running(tmp_path / "home", database_url, 2.0) as started:
        yield started
