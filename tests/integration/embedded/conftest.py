"""A running stack that the tests of one module share."""

from collections.abc import Iterator

import pytest

from tests.integration.embedded.processes import Up


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`python -m embedded up`, ready."""
    running = Up(tmp_path_factory.mktemp("up") / "home")
    try:
        yield running.ready()
    finally:
        running.stop()
