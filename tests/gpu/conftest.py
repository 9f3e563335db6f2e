"""Tests that need an NVIDIA GPU: `make test-gpu`. Elsewhere they are skipped, and say why."""

import pytest

from steepest.trainer.engines.gpu import why_not


@pytest.fixture(autouse=True)
def _a_gpu() -> None:
    if (reason := why_not()) is not None:
        pytest.skip(reason)
