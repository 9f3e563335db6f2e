"""Training on a GPU, against NumPy and against itself."""

import gc
from typing import Any

import numpy as np
import pytest

from steepest.spec.errors import Diverged, OutOfMemory
from steepest.trainer import chunks
from steepest.trainer import stack as stack_module
from steepest.trainer.arrays import Array, fetched, run
from steepest.trainer.course import Course
from steepest.trainer.engines import device
from steepest.trainer.engines.gpu import course_on_gpu
from steepest.trainer.fit import fit, fit_stack
from steepest.trainer.network import Network
from steepest.trainer.records import EpochRecord, Failed, Finished
from steepest.trainer.rows import Rows
from steepest.trainer.state import State
from tests.unit.trainer.engines.cases import CASES, LOSSES, ON_GPU, OPTIMIZERS, engine_of, outputs_of, rows_of, spec_of

JOBS = 1000
GROWTH = 32 * 2**20
"""Bytes that a driver may keep for itself; a thousand jobs that left their buffers would take far more."""

DOUBLE: dict[str, Any] = {"precision": "float64"}


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that runs stop inside epochs, and recordings are replayed."""
    monkeypatch.setattr(chunks, "STEPS", 3)
    monkeypatch.setattr(stack_module, "PROGRESS_SECONDS", 0.0)


def in_precision(rows: Rows, dtype: str) -> Rows:
    y = rows.y if rows.y.dtype.kind == "i" else rows.y.astype(dtype)
    return Rows(rows.X.astype(dtype), y, None if rows.weights is None else rows.weights.astype(dtype))


def ended(
    name: str, device_name: str, state: State | None = None, **changes: Any
) -> tuple[Array, Finished, list[State]]:
    """Losses, the end, and all states on the way."""
    spec = spec_of(name, device=device_name, **changes)
    rows, validation = (in_precision(rows_of(name, n, seed), spec.precision) for n, seed in ((90, 0), (30, 1)))
    losses: list[float] = []
    states: list[State] = []
    outputs, engine = outputs_of(name), engine_of(spec)
    for item in fit(spec, rows, outputs=outputs, validation=validation, state=state, engine=engine):
        if isinstance(item, Finished):
            return np.array(losses), item, states
        states.append(State.from_arrays(item.state().to_arrays()))
        if isinstance(item, EpochRecord):
            losses += [item.training_loss, item.validation_loss or 0.0]
    raise AssertionError


@pytest.mark.parametrize("name", CASES)
def test_it_trains_as_numpy_does(name: str) -> None:
    losses, end, _ = ended(name, "gpu", **DOUBLE)
    expected, their_end, _ = ended(name, "cpu", **DOUBLE)
    np.testing.assert_allclose(losses, expected, rtol=1e-8)
    np.testing.assert_allclose(end.last, their_end.last, rtol=0, atol=1e-9 * np.abs(their_end.last).max())


@pytest.mark.parametrize("name", [each for each in OPTIMIZERS if each != "lbfgs"])
def test_fifty_steps_in_single_precision(name: str) -> None:
    changes: dict[str, Any] = {"epochs": 9, "layers": [{"units": 7, "activation": "tanh"}]}
    end, their_end = ended(name, "gpu", **changes)[1], ended(name, "cpu", **changes)[1]
    np.testing.assert_allclose(end.last, their_end.last, rtol=0, atol=1e-4 * np.abs(their_end.last).max())


@pytest.mark.parametrize(("task", "loss"), LOSSES)
@pytest.mark.parametrize(("precision", "most"), [("float64", 1e-10), ("float32", 1e-5)])
def test_gradients_equal_numpys(task: str, loss: str, precision: str, most: float) -> None:
    name = f"{loss} {task}"
    spec, rows = spec_of(name, precision=precision), in_precision(rows_of(name), precision)
    network = Network.of(spec, rows.X.shape[1], outputs_of(name))
    found = []
    for kind in (course_on_gpu(spec), Course):
        course = kind([spec], network, rows)
        step = course.steps(1, course.cutting.at(0))[0]
        run(step.forward + step.batch.backward(step.number))
        found.append(fetched(course.optimizer.gradient))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=most * np.abs(found[1]).max())


@pytest.mark.parametrize("name", [*OPTIMIZERS, "all in one", "all in one, double", "full batch"])
def test_a_run_goes_on_to_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in ("lbfgs", "full batch"):
        monkeypatch.setattr(chunks, "piece_rows", lambda *_: 20)
    _, end, states = ended(name, "gpu")
    for state in states[:: max(1, len(states) // 6)]:
        assert ended(name, "gpu", state)[1].last.tolist() == end.last.tolist()


@pytest.mark.parametrize("name", ["all in one", "lbfgs", "full batch"])
def test_streamed_rows_give_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ended(name, "gpu")[1].last.tolist()
    monkeypatch.setattr(device, "SHARE_FOR_ROWS", 0.0)
    assert ended(name, "gpu")[1].last.tolist() == expected


def test_a_stack_equals_its_networks_alone() -> None:
    """In double precision: where batch norm follows, a bias has no gradient but rounding, which Adam makes large."""
    name = "all in one, double"
    specs = [
        spec_of(name, seed=seed, device="gpu", optimizer={"name": "adam", "learning_rate": rate})
        for seed, rate in enumerate((0.01, 0.02, 0.05))
    ]
    rows, validation, outputs = rows_of(name), rows_of(name, 30, seed=1), outputs_of(name)
    stack = fit_stack(specs, rows, outputs=outputs, validation=validation, engine=ON_GPU)
    together = {item.net: item for item in stack.run() if isinstance(item, Finished | Failed)}
    for number, spec in enumerate(specs):
        *_, alone = fit(spec, rows, outputs=outputs, validation=validation, engine=ON_GPU)
        assert isinstance(alone, Finished)
        found = together[number]
        assert isinstance(found, Finished)
        np.testing.assert_allclose(found.last, alone.last, rtol=0, atol=1e-9 * np.abs(alone.last).max())


def test_divergence_is_diagnosed() -> None:
    steep: dict[str, Any] = {"optimizer": {"name": "gradient_descent", "learning_rate": 1e6}}
    with pytest.raises(Diverged, match="The numbers became infinite in epoch 1"):
        ended("mean_squared_error regression", "gpu", **steep)


def test_too_little_memory_is_a_clear_failure() -> None:
    cupy = pytest.importorskip("cupy")
    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    pool.set_limit(size=pool.used_bytes() + 2**20)
    try:
        with pytest.raises(OutOfMemory, match=r"GiB left; this training needs about"):
            ended("adam", "gpu", layers=[{"units": 4000}, {"units": 4000}])
    finally:
        pool.set_limit(size=0)


def test_a_thousand_jobs_leave_no_memory_behind() -> None:
    cupy = pytest.importorskip("cupy")

    def free() -> int:
        gc.collect()
        cupy.get_default_memory_pool().free_all_blocks()
        cupy.cuda.runtime.deviceSynchronize()
        return int(cupy.cuda.runtime.memGetInfo()[0])

    for _ in range(20):
        ended("adam", "gpu", epochs=2)
    before = free()
    for seed in range(JOBS):
        ended("adam", "gpu", epochs=2, seed=seed)
    assert before - free() < GROWTH
