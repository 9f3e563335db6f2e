"""The engines that the trainer's suites run on."""

import pytest

from tests.unit.trainer.world import ENGINES


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in its turn."""
    return str(request.param)
