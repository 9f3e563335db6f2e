"""One rule says which engine runs a job, and a missing one is no error."""

import sys
from typing import Any

import pytest

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer import chunks
from steepest.trainer.engines import choice, codes
from steepest.trainer.engines.choice import Engine, choose, kernels
from steepest.trainer.network import Network
from tests.unit.trainer.world import spec_for

ROWS = 1_000


def spec_of(**fields: Any) -> ResolvedTrainSpec:
    return spec_for("regression", ROWS, **fields)


def name_of(spec: ResolvedTrainSpec, kept: str | None = None, rows: int = ROWS) -> str:
    return choose(spec, Network.of(spec, 20, 1), rows, kept=kept).name


@pytest.fixture
def nothing_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels()
    monkeypatch.delitem(sys.modules, choice.KERNELS)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "KERNELS", "steepest.trainer.engines.nowhere")


def test_kernels_run_whatever_they_can_once_they_are_loaded() -> None:
    assert kernels() is not None
    assert name_of(spec_of()) == "numba"
    assert name_of(spec_of(layers=[])) == "numba"
    for refused in (
        {"optimizer": {"name": "lbfgs"}},
        {"gradient_clip": {"by": "norm"}},
        {"regularization": {"max_norm": 1.0}},
    ):
        assert name_of(spec_of(**refused)) == "numpy"


def test_a_batch_that_is_cut_in_pieces_runs_on_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels()
    monkeypatch.setattr(chunks, "piece_rows", lambda *_: 100)
    assert name_of(spec_of(batch_size=101)) == "numpy"
    assert name_of(spec_of(batch_size=100)) == "numba"


@pytest.mark.parametrize(
    ("registry", "piece"), [("ACTIVATIONS", "tanh"), ("OBJECTIVES", ("huber", "linear")), ("OPTIMIZERS", "adagrad")]
)
def test_a_piece_without_a_kernel_runs_on_the_plan(registry: str, piece: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(layers=[{"activation": "tanh"}], loss={"name": "huber"}, optimizer={"name": "adagrad"})
    assert name_of(spec, "numba") == "numba"
    others = {name: code for name, code in getattr(codes, registry).items() if name != piece}
    monkeypatch.setattr(codes, registry, others)
    assert name_of(spec, "numba") == "numpy"


@pytest.mark.usefixtures("nothing_loaded")
def test_short_runs_never_wait_for_kernels_to_load() -> None:
    assert name_of(spec_of(epochs=100)) == "numpy"
    assert choice.KERNELS not in sys.modules
    assert name_of(spec_of(epochs=1_000_000)) == "numba"


@pytest.mark.usefixtures("nothing_loaded")
def test_a_job_keeps_its_engine() -> None:
    assert name_of(spec_of(epochs=1), kept="numba") == "numba"
    assert choice.KERNELS in sys.modules
    assert name_of(spec_of(epochs=1_000_000), kept="numpy") == "numpy"


@pytest.mark.usefixtures("nothing_installed")
def test_without_kernels_the_plan_runs_everything() -> None:
    assert kernels() is None
    assert name_of(spec_of(), kept="numba") == "numpy"
    assert name_of(spec_of(epochs=1_000_000)) == "numpy"


@pytest.mark.parametrize("fields", [{}, {"optimizer": {"name": "lbfgs"}}, {"gradient_clip": {"by": "norm"}}])
def test_a_gpu_runs_what_asks_for_it(fields: dict[str, Any]) -> None:
    spec = spec_of(device="gpu", **fields)
    assert choose(spec, Network.of(spec, 20, 1), ROWS, nets=3, kept="numba") == Engine("cupy", 1)


def test_an_engine_that_a_job_cannot_keep_is_replaced() -> None:
    assert name_of(spec_of(), kept="cupy") in ("numpy", "numba")
    assert name_of(spec_of(optimizer={"name": "lbfgs"}), kept="numba") == "numpy"
