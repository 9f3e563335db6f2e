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


def test_log_loss_is_the_tasks_cross_entropy() -> None:
    losses = {"binary": "binary_crossentropy", "multiclass": "categorical_crossentropy"}
    for task, loss in losses.items():
        spec = spec_for(task, 100, loss={"name": "log_loss"})
        assert Network.of(spec, 2, 1).loss == loss
