"""What is said when numbers become infinite."""

from typing import Any

import numpy as np
import pytest

from steepest.spec.errors import Diverged
from steepest.trainer import chunks
from steepest.trainer.divergence import in_chunk
from steepest.trainer.engines.choice import Engine
from steepest.trainer.engines.courses import course_for
from steepest.trainer.fit import EpochRecord, Failed, Finished
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows
from tests.unit.trainer.world import OPTIMIZERS, data_for, records_of, rows_for, spec_for, stack_of, train


def diverge(
    engine: str,
    task: str = "regression",
    validation: Any = None,
    rows: int = 64,
    X: Any = None,
    dtype: str = "float32",
    **fields: Any,
) -> Diverged:
    given, y = rows_for(task, rows, loss="poisson" if fields.pop("counts", False) else "auto", dtype=dtype)
    spec = spec_for(
        task, rows, len(validation[0]) if validation else 0, **({"epochs": 200, "precision": dtype} | fields)
    )
    try:
        for item in train(spec, given if X is None else X, y, validation, engine=engine):
            if isinstance(item, EpochRecord):
                assert np.isfinite(item.state().best).all()
    except Diverged as error:
        return error
    raise AssertionError("did not diverge")


def _one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of a step each."""
    monkeypatch.setattr(chunks, "STEPS", 1)
    monkeypatch.setattr("steepest.trainer.engines.kernel_course.MOST_STEPS", 1)


@pytest.mark.parametrize("batch_size", [8, "full"])
@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum", "nesterov"])
def test_epoch_step_and_layer_are_named(optimizer: str, batch_size: Any, engine: str) -> None:
    error = diverge(engine, optimizer={"name": optimizer, "learning_rate": 1e9}, batch_size=batch_size)
    epoch, step, layer = (error.extensions[name] for name in ("epoch", "step", "layer"))
    assert epoch >= 1
    assert 1 <= step <= (8 if batch_size == 8 else 1)
    assert layer in ("layers.0", "layers.1")
    assert f"epoch {epoch}, step {step}" in error.detail
    assert "learning_rate (now 1e+09; try 1e+08)" in error.detail
    assert error.fault == "user"


BY_THE_GRADIENT = ("gradient_descent", "momentum", "nesterov")
"""Their steps are as long as the gradient; those of others are about as long as the rate, which has to be larger."""

WILD = [(name, 1e7 if name in BY_THE_GRADIENT else 1e37) for name in OPTIMIZERS]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(("optimizer", "rate"), WILD)
def test_the_step_is_the_first_that_goes_wrong(
    optimizer: str, rate: float, batch_norm: bool, monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    """It is the step that a run names whose chunks have a step each."""
    fields: dict[str, Any] = {
        "optimizer": {"name": optimizer, "learning_rate": rate},
        "batch_size": 4,
        "layers": [{"units": 3, "activation": "linear", "batch_norm": batch_norm, "dropout": 0.2}],
        "schedule": {"name": "exponential", "factor": 0.99, "warmup_epochs": 1},
    }
    chunked = diverge(engine, **fields)
    _one_by_one(monkeypatch)
    one_by_one = diverge(engine, **fields)
    assert chunked.extensions["epoch"] == one_by_one.extensions["epoch"]
    # Weights that a step makes infinite show in the loss of the next.
    assert one_by_one.extensions["step"] - chunked.extensions["step"] in (0, 1)


def test_the_step_is_found_at_the_rate_to_which_a_plateau_has_come(
    monkeypatch: pytest.MonkeyPatch, engine: str
) -> None:
    fields: dict[str, Any] = {
        "optimizer": {"name": "gradient_descent", "learning_rate": 1.5},
        "schedule": {"name": "plateau", "patience": 0, "factor": 0.7},
        "batch_size": 4,
        "layers": [],
        "early_stopping": None,
    }
    chunked = diverge(engine, **fields)
    _one_by_one(monkeypatch)
    one_by_one = diverge(engine, **fields)
    assert chunked.extensions["epoch"] > 2
    assert one_by_one.extensions["step"] - chunked.extensions["step"] in (0, 1)


@pytest.mark.parametrize("batch_size", [4, "full"])
def test_a_bound_on_the_gradient_is_no_remedy_that_is_taken_already(batch_size: Any, engine: str) -> None:
    clip = {"by": "global_norm", "limit": 1e6}
    wild = {"name": "gradient_descent", "learning_rate": 1e35}
    assert "gradient_clip" in diverge(engine, optimizer=wild, batch_size=batch_size).detail
    assert "gradient_clip" not in diverge(engine, optimizer=wild, batch_size=batch_size, gradient_clip=clip).detail


def test_a_penalty_that_overflows(engine: str) -> None:
    wild = {"name": "gradient_descent", "learning_rate": 10.0}
    error = diverge(engine, optimizer=wild, regularization={"l2": 1e6}, layers=[{"units": 3, "activation": "sigmoid"}])
    assert error.extensions["layer"] in ("layers.0", "layers.1")


def test_counts_that_overflow_need_no_other_scale(engine: str) -> None:
    wild = {"name": "gradient_descent", "learning_rate": 1e3}
    error = diverge(engine, loss={"name": "poisson"}, optimizer=wild, counts=True)
    assert "learning_rate" in error.detail
    assert "preprocess" not in error.detail


def test_a_bad_layer_is_found_by_what_it_does_to_the_signal(engine: str) -> None:
    X = np.full((64, 4), 3e38, np.float32)
    error = diverge(engine, X=X, layers=[{"units": 4, "activation": "linear"}, {"units": 3}])
    assert error.extensions == {"epoch": 1, "step": 1, "layer": "layers.0"}


def test_running_figures_that_overflow_are_their_layers(engine: str) -> None:
    X = data_for("regression", 64)[0] * np.float32(1e25)
    error = diverge(engine, X=X, layers=[{"units": 4, "batch_norm": True}, {"units": 3}])
    # Kernels see it in the step itself; the plan's loss stays finite until the epoch's end, when the weights tell.
    step = {"numpy": 2, "numba": 1}[engine]
    assert error.extensions == {"epoch": 1, "step": step, "layer": "layers.0"}


def test_a_loss_that_overflows_alone_is_the_last_layers(engine: str) -> None:
    X = np.full((64, 4), 1e25, np.float32)
    error = diverge(engine, X=X, layers=[])
    assert error.extensions == {"epoch": 1, "step": 1, "layer": "layers.0"}


def test_weights_that_end_infinite_are_never_best(engine: str) -> None:
    error = diverge(
        engine, rows=8, batch_size="full", epochs=1, optimizer={"name": "gradient_descent", "learning_rate": 1e39}
    )
    assert error.extensions["epoch"] == 1


def test_a_validation_loss_that_overflows(engine: str) -> None:
    Xv, yv = data_for("regression", 10, seed=4)
    error = diverge(engine, validation=(Xv * np.float32(1e30), yv), early_stopping=None)
    assert error.extensions["epoch"] == 1


def test_unscaled_data_get_their_own_advice(engine: str) -> None:
    error = diverge(
        engine, optimizer={"name": "gradient_descent", "learning_rate": 1e9}, preprocess={"numeric": "none"}
    )
    assert "preprocess.numeric" in error.detail
    error = diverge(engine, optimizer={"name": "gradient_descent", "learning_rate": 1e9}, preprocess={"target": "none"})
    assert "preprocess.target" in error.detail


OVERFLOWS: dict[str, dict[str, Any]] = {
    "squares": {"layers": []},
    "squares of deep networks": {"layers": [{"units": 3, "activation": "linear"}]},
    "squares that no loss needs": {"loss": {"name": "huber"}, "layers": []},
    "exponentials": {"loss": {"name": "poisson"}, "counts": True},
    "weights that are held down": {"layers": [], "regularization": {"l2": 1e30}},
    "weights in front of a squashed signal": {
        "layers": [{"units": 3, "activation": "sigmoid"}],
        "regularization": {"l2": 1e30},
    },
}
"""The sums of the output layer are still finite at the step, or the steps, that do it."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [8, 16, "full"])
@pytest.mark.parametrize("rate", [100.0, 1e3])
@pytest.mark.parametrize("what", OVERFLOWS)
def test_what_overflows_before_the_signal_does(
    what: str, rate: float, batch_size: Any, dtype: str, engine: str
) -> None:
    if "no loss" in what:
        rate *= 1e20 if dtype == "float32" else 1e155
    wild = {"name": "gradient_descent", "learning_rate": rate}
    fields = {"epochs": 2000, "early_stopping": None, **OVERFLOWS[what]}
    error = diverge(engine, rows=40, dtype=dtype, optimizer=wild, batch_size=batch_size, **fields)
    steps = 1 if batch_size == "full" else -(-40 // batch_size)
    assert 1 <= error.extensions["step"] <= steps
    assert error.extensions["layer"] in ("layers.0", "layers.1")


@pytest.mark.parametrize("batch_size", [8, "full"])
def test_a_penalty_may_overflow_alone(batch_size: Any, engine: str) -> None:
    """In the last step of a chunk, from which no later step can tell."""
    error = diverge(
        engine,
        rows=8,
        dtype="float64",
        batch_size=batch_size,
        optimizer={"name": "gradient_descent", "learning_rate": 1e-250},
        layers=[{"units": 3, "activation": "sigmoid"}],
        regularization={"l2": 1.7e308},
        early_stopping=None,
    )
    assert error.extensions == {"epoch": 1, "step": 1, "layer": "layers.1"}


@pytest.mark.parametrize("batch_size", [8, "full"])
def test_in_a_stack_only_the_diverged_network_fails(batch_size: Any, engine: str) -> None:
    X, y = data_for("regression", 40)
    specs = [
        spec_for(
            "regression",
            40,
            optimizer={"name": "gradient_descent", "learning_rate": rate},
            batch_size=batch_size,
            layers=[],
            epochs=200,
            early_stopping=None,
        )
        for rate in (100.0, 0.01)
    ]
    ends = [item for item in stack_of(specs, (X, y), engine=engine).run() if isinstance(item, Failed | Finished)]
    failed, finished = ends
    assert isinstance(failed, Failed)
    assert failed.net == 0
    assert np.isfinite(failed.best).all()
    assert isinstance(finished, Finished)
    assert np.array_equal(finished.last, records_of(specs[1], X, y, engine=engine)[1].last)


def test_what_does_not_go_wrong_again_is_the_chunks_last_step(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no step beyond the chunk is taken to look for it."""
    specs = [spec_for("regression", 64, batch_size=4, layers=[])]
    rows = Rows(*data_for("regression", 64))
    monkeypatch.setattr(chunks, "STEPS", 4)
    monkeypatch.setattr("steepest.trainer.engines.kernel_course.MOST_STEPS", 4)
    course = course_for(specs, Network.of(specs[0], 4, 1), rows, Engine(engine, 1), validated=False)  # type: ignore[arg-type]
    chunk = course.cutting.at(16)
    course.advance(1, chunk)
    assert in_chunk(course, 0, 1, chunk).extensions == {"epoch": 1, "step": 8, "layer": "layers.0"}


def test_no_state_is_handed_out_whose_weights_are_not_finite(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss is that of the weights before the step: the weights overflow first."""
    _one_by_one(monkeypatch)
    monkeypatch.setattr("steepest.trainer.stack.PROGRESS_SECONDS", 0.0)
    wild = {"name": "gradient_descent", "learning_rate": 1e39}
    spec = spec_for("regression", 64, optimizer=wild, layers=[], batch_size=8, early_stopping=None)
    states: list[Any] = []
    items: Any = train(spec, *data_for("regression", 64), engine=engine)
    with pytest.raises(Diverged) as caught:
        states.extend(item.state().theta for item in items)
    assert all(np.isfinite(theta).all() for theta in states)
    assert caught.value.extensions["step"] < 8


@pytest.mark.parametrize("scale", [1e20, 1e30, np.inf])
def test_lbfgs_that_starts_from_no_number(scale: float) -> None:
    X = data_for("regression", 64)[0] * np.float32(scale)
    X[:, 1:] = np.inf - np.inf if scale == np.inf else X[:, 1:]
    error = diverge("numpy", X=X, optimizer={"name": "lbfgs"}, layers=[{"units": 3, "activation": "linear"}])
    assert (error.extensions["epoch"], error.extensions["step"]) == (1, 1)
