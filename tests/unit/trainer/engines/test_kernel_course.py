"""A course by kernels: its chunks are as short as others, whatever the shape."""

from typing import Any

import pytest

from steepest.trainer.chunks import CHUNK, UPDATE_ROWS, work
from steepest.trainer.engines.kernel_course import KEPT_BYTES, MOST_STEPS, KernelCourse
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows
from tests.unit.trainer.world import data_for, spec_for

ROWS = 3_000


def course(nets: int = 1, precision: str = "float32", **fields: Any) -> KernelCourse:
    specs = [spec_for("regression", ROWS, seed=seed, precision=precision, **fields) for seed in range(nets)]
    rows = Rows(*data_for("regression", ROWS, inputs=30, dtype=precision))
    return KernelCourse(specs, Network.of(specs[0], 30, 1), rows)


@pytest.mark.parametrize("batch_size", [1, 8, 32, 1_000])
@pytest.mark.parametrize("units", [4, 64, 1_000])
@pytest.mark.parametrize("nets", [1, 3, 40])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_no_chunk_is_longer_than_a_wait_may_be(precision: str, nets: int, units: int, batch_size: int) -> None:
    layers = [{"units": units}, {"units": units, "dropout": 0.1}]
    made = course(nets if units < 1_000 else min(nets, 3), precision, layers=layers, batch_size=batch_size)
    steps, itemsize = made.cutting.together, made.theta.itemsize
    longest = CHUNK * 4 / itemsize
    assert 1 <= steps <= min(MOST_STEPS, made.cutting.steps)
    assert made.cutting.piece == steps * batch_size
    of_steps = steps * len(made.specs) * work(made.network, batch_size + UPDATE_ROWS)
    kept = steps * len(made.specs) * batch_size * (itemsize + 2 * units)
    assert steps == 1 or of_steps <= longest
    assert steps == 1 or kept <= KEPT_BYTES


def test_small_steps_are_taken_many_at_a_time() -> None:
    assert course(layers=[{"units": 8}], batch_size=4).cutting.together == MOST_STEPS
    assert course(layers=[{"units": 8}], batch_size=100).cutting.together == ROWS // 100
