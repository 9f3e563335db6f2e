"""The engine's own code, on modules that stand in for CuPy's."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.run import numeric_environment
from steepest.spec.errors import ValidationFailed
from steepest.trainer import arrays, chunks
from steepest.trainer import stack as stack_module
from steepest.trainer.engines import cuda_source, gpu
from steepest.trainer.fit import fit
from steepest.trainer.records import EpochRecord, Finished
from steepest.trainer.state import State
from tests.unit.trainer.engines import fake_cupy
from tests.unit.trainer.engines.cases import ON_GPU, engine_of, outputs_of, rows_of, spec_of
from tests.unit.trainer.engines.processor import COMPILER
from tests.unit.trainer.engines.stand_in import Strict

compiled = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler here")


@pytest.fixture
def _fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    fake_cupy.install(monkeypatch, tmp_path)
    monkeypatch.setitem(arrays.PLACES, Strict, None)  # the engine puts itself there
    monkeypatch.setattr(cuda_source, "TILE", 4)  # a thread of this machine stands for each of the device's
    monkeypatch.setattr(chunks, "STEPS", 3)
    monkeypatch.setattr(stack_module, "PROGRESS_SECONDS", 0.0)
    gpu.why_not.cache_clear()
    yield
    gpu.why_not.cache_clear()
    sys.modules.pop(gpu.ENGINE, None)


def ended(name: str, device: str, state: State | None = None) -> tuple[list[float], Finished, list[State]]:
    """Losses, the end, and all states on the way."""
    rows, validation = rows_of(name), rows_of(name, 30, seed=1)
    spec = spec_of(name, device=device)
    losses: list[float] = []
    states: list[State] = []
    outputs, engine = outputs_of(name), engine_of(spec)
    for item in fit(spec, rows, outputs=outputs, validation=validation, state=state, engine=engine):
        if isinstance(item, Finished):
            return losses, item, states
        states.append(State.from_arrays(item.state().to_arrays()))
        if isinstance(item, EpochRecord):
            losses += [item.training_loss, item.validation_loss or 0.0]
    raise AssertionError


@compiled
@pytest.mark.usefixtures("_fake")
@pytest.mark.parametrize("streamed", [False, True], ids=["resident", "streamed"])
def test_it_trains_as_numpy_does_and_replays_what_it_recorded(streamed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if streamed:
        monkeypatch.setattr("steepest.trainer.engines.device.SHARE_FOR_ROWS", 0.0)
    monkeypatch.setattr("steepest.trainer.engines.device.OnDevice.capacity", chunks.CORE)
    name = "all in one, double"
    losses, end, states = ended(name, "gpu")
    expected, their_end, _ = ended(name, "cpu")
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    np.testing.assert_allclose(end.last, their_end.last, rtol=0, atol=1e-9)
    assert fake_cupy.Graph.launched >= 4
    for state in (states[0], states[5]):
        again = ended(name, "gpu", state)[1]
        assert again.last.tolist() == end.last.tolist()


@compiled
@pytest.mark.usefixtures("_fake")
def test_lbfgs_runs_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "piece_rows", lambda *_: 20)
    monkeypatch.setattr("steepest.trainer.engines.device.SHARE_FOR_ROWS", 0.0)
    losses, end, _ = ended("lbfgs", "gpu")
    expected, their_end, _ = ended("lbfgs", "cpu")
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    assert end.epochs == their_end.epochs


@pytest.mark.usefixtures("_fake")
def test_it_names_the_device() -> None:
    assert gpu.why_not() is None
    assert gpu.description() == "gpu Paper 3000, CUDA 12.9, CuPy 14"
    environment = numeric_environment(ON_GPU)
    assert (environment.engine, environment.device) == ("cupy", gpu.description())


@pytest.mark.usefixtures("_fake")
def test_a_machine_without_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = sys.modules["cupy"].cuda.runtime

    def none() -> int:
        raise runtime.CUDARuntimeError("no driver")

    monkeypatch.setattr(runtime, "getDeviceCount", none)
    with pytest.raises(
        ValidationFailed, match=r"/device: there is no GPU .*no driver.* or train on processors: device"
    ):
        gpu.description()


def test_without_cupy_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    monkeypatch.delitem(sys.modules, gpu.ENGINE, raising=False)
    gpu.why_not.cache_clear()
    with pytest.raises(ValidationFailed, match=r"pip install 'steepest\[gpu\]'"):
        ended("relu", "gpu")
    gpu.why_not.cache_clear()
