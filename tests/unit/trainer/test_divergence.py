"""What is said when numbers become infinite."""

from typing import Any

import numpy as np
import pytest

from steepest.spec.errors import Diverged
from steepest.trainer.fit import EpochRecord
from tests.unit.trainer.world import data_for, spec_for, train


def diverge(task: str = "regression", validation: Any = None, rows: int = 64, X: Any = None, **fields: Any) -> Diverged:
    given, y = data_for(task, rows)
    spec = spec_for(task, rows, len(validation[0]) if validation else 0, **({"epochs": 200} | fields))
    try:
        for item in train(spec, given if X is None else X, y, validation):
            if isinstance(item, EpochRecord):
                assert np.isfinite(item.state().best).all()
    except Diverged as error:
        return error
    raise AssertionError("did not diverge")


@pytest.mark.parametrize("batch_size", [8, "full"])
@pytest.mark.parametrize("optimizer", ["gradient_descent", "momentum"])
def test_epoch_step_and_layer_are_named(optimizer: str, batch_size: Any) -> None:
    error = diverge(optimizer={"name": optimizer, "learning_rate": 1e9}, batch_size=batch_size)
    epoch, step, layer = (error.extensions[name] for name in ("epoch", "step", "layer"))
    assert epoch >= 1
    assert 1 <= step <= (8 if batch_size == 8 else 1)
    assert layer in ("layers.0", "layers.1")
    assert f"epoch {epoch}, step {step}" in error.detail
    assert "learning_rate (now 1e+09; try 1e+08)" in error.detail
    assert error.fault == "user"


def test_the_step_is_the_first_that_goes_wrong() -> None:
    """Weights that double or more each step: a step earlier all was finite."""
    chunked = diverge(optimizer={"name": "gradient_descent", "learning_rate": 1e7}, batch_size=4, layers=[])
    one_by_one = diverge_one_step_at_a_time(learning_rate=1e7)
    assert (chunked.extensions["epoch"], chunked.extensions["step"]) == one_by_one


def diverge_one_step_at_a_time(learning_rate: float) -> tuple[int, int]:
    from steepest.trainer import chunks

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "STEPS", 1)
        error = diverge(optimizer={"name": "gradient_descent", "learning_rate": learning_rate}, batch_size=4, layers=[])
    return error.extensions["epoch"], error.extensions["step"]


def test_a_bad_layer_is_found_by_what_it_does_to_the_signal() -> None:
    X = np.full((64, 4), 3e38, np.float32)
    error = diverge(X=X, layers=[{"units": 4, "activation": "linear"}, {"units": 3}])
    assert error.extensions == {"epoch": 1, "step": 1, "layer": "layers.0"}


def test_a_loss_that_overflows_alone_is_the_last_layers() -> None:
    X = np.full((64, 4), 1e25, np.float32)
    error = diverge(X=X, layers=[])
    assert error.extensions == {"epoch": 1, "step": 1, "layer": "layers.0"}


def test_weights_that_end_infinite_are_never_best() -> None:
    error = diverge(rows=8, batch_size="full", epochs=1, optimizer={"name": "gradient_descent", "learning_rate": 1e39})
    assert error.extensions["epoch"] == 1


def test_a_validation_loss_that_overflows() -> None:
    Xv, yv = data_for("regression", 10, seed=4)
    error = diverge(validation=(Xv * np.float32(1e30), yv), early_stopping=None)
    assert error.extensions["epoch"] == 1


def test_unscaled_data_get_their_own_advice() -> None:
    error = diverge(optimizer={"name": "gradient_descent", "learning_rate": 1e9}, preprocess={"numeric": "none"})
    assert "preprocess.numeric" in error.detail
    error = diverge(optimizer={"name": "gradient_descent", "learning_rate": 1e9}, preprocess={"target": "none"})
    assert "preprocess.target" in error.detail
