"""Shapes, names and the flat array of the weights."""

import numpy as np
import pytest

from steepest.trainer.network import Dense, Network
from tests.unit.trainer.world import spec_for

NETWORK = Network(3, (Dense(4, "relu"), Dense(2, "tanh")), 5, "softmax", "categorical_crossentropy")


def test_parameters_and_names() -> None:
    assert NETWORK.parameters == 4 * 4 + 5 * 2 + 3 * 5
    arrays = NETWORK.arrays(np.arange(NETWORK.parameters, dtype=np.float32))
    assert {name: array.shape for name, array in arrays.items()} == {
        "layers.0.weight": (3, 4),
        "layers.0.bias": (4,),
        "layers.1.weight": (4, 2),
        "layers.1.bias": (2,),
        "layers.2.weight": (2, 5),
        "layers.2.bias": (5,),
    }
    assert all(array.flags.c_contiguous for array in arrays.values())


def test_arrays_and_theta_are_inverse() -> None:
    theta = np.random.default_rng(0).standard_normal(NETWORK.parameters)
    assert np.array_equal(NETWORK.theta(NETWORK.arrays(theta)), theta)


@pytest.mark.parametrize("change", [{"layers.1.bias": None}, {"layers.1.bias": np.zeros(3)}])
def test_arrays_of_another_network_are_refused(change: dict[str, np.ndarray | None]) -> None:
    arrays = NETWORK.arrays(np.zeros(NETWORK.parameters)) | change
    with pytest.raises(ValueError, match=r"layers\.1\.bias"):
        NETWORK.theta({name: array for name, array in arrays.items() if array is not None})


def test_blocks_are_views() -> None:
    theta = np.zeros((2, NETWORK.parameters))
    for block in NETWORK.blocks(theta):
        block += 1
    assert (theta == 1).all()


NORMALIZED = Network(
    3, (Dense(4, "relu", batch_norm=True), Dense(2, "tanh"), Dense(3, "elu", 0.5, True)), 1, "linear", "huber"
)


def test_batch_norm_has_arrays_of_its_own() -> None:
    assert NORMALIZED.normalizes
    assert not NETWORK.normalizes
    assert NORMALIZED.parameters == (16 + 2 * 4) + 10 + (9 + 2 * 3) + 4
    assert NORMALIZED.size == NORMALIZED.parameters + 2 * (4 + 3)
    arrays = NORMALIZED.arrays(np.arange(NORMALIZED.size, dtype=np.float32))
    figures = ("scale", "shift", "mean", "variance")
    assert [name for name in arrays if "batch_norm" in name] == [
        f"layers.{layer}.batch_norm.{figure}" for layer in (0, 2) for figure in figures
    ]
    assert all(arrays[f"layers.2.batch_norm.{figure}"].shape == (3,) for figure in figures)
    every = np.concatenate([array.ravel() for array in arrays.values()])
    assert np.array_equal(np.sort(every), np.arange(NORMALIZED.size))
    assert min(arrays["layers.0.batch_norm.mean"]) == NORMALIZED.parameters
    theta = np.random.default_rng(0).standard_normal(NORMALIZED.size)
    assert np.array_equal(NORMALIZED.theta(NORMALIZED.arrays(theta)), theta)


def test_the_gradient_moves_all_but_the_running_figures() -> None:
    theta = np.zeros((2, NORMALIZED.size))
    for view in NORMALIZED.trained(theta):
        view += 1
    assert (theta[:, : NORMALIZED.parameters] == 1).all()
    assert (theta[:, NORMALIZED.parameters :] == 0).all()
    for norm in NORMALIZED.norms(theta):
        if norm is not None:
            norm.mean[:] = norm.variance[:] = 2
    assert (theta[:, NORMALIZED.parameters :] == 2).all()


def test_without_their_batch_norm_weights_are_refused() -> None:
    arrays = NORMALIZED.arrays(np.zeros(NORMALIZED.size))
    with pytest.raises(ValueError, match=r'no array "layers\.2\.batch_norm\.variance"'):
        NORMALIZED.theta({name: array for name, array in arrays.items() if not name.endswith("2.batch_norm.variance")})


def test_log_loss_is_the_tasks_cross_entropy() -> None:
    losses = {
        "binary": "binary_crossentropy",
        "multiclass": "categorical_crossentropy",
        "multilabel": "binary_crossentropy",
    }
    for task, loss in losses.items():
        spec = spec_for(task, 100, loss={"name": "log_loss"})
        assert Network.of(spec, 2, 1).loss == loss
