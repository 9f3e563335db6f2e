"""The engines that are compared with PyTorch."""

import pytest

from tests.peers.world import ENGINES


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in its turn."""
    return str(request.param)
