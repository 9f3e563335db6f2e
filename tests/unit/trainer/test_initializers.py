"""First weights: their spread, and that they follow from the seed alone."""

from math import sqrt

import numpy as np
import pytest

from steepest.spec.names import InitializerName
from steepest.trainer.initializers import INITIALIZERS, initial
from steepest.trainer.network import Dense, Network

NETWORK = Network(300, (Dense(200, "relu"),), 3, "softmax", "categorical_crossentropy")

SPREAD: dict[InitializerName, float] = {
    "glorot_uniform": sqrt(6 / 500),
    "glorot_normal": sqrt(2 / 500),
    "he_uniform": sqrt(6 / 300),
    "he_normal": sqrt(2 / 300),
    "lecun_uniform": sqrt(3 / 300),
    "lecun_normal": sqrt(1 / 300),
}
"""The limit of a uniform distribution, the standard deviation of a normal one."""


@pytest.mark.parametrize("name", sorted(SPREAD))
def test_spread(name: InitializerName) -> None:
    weights = NETWORK.arrays(initial(NETWORK, name, 0, np.float64)[0])["layers.0.weight"]
    if name.endswith("uniform"):
        assert 0.999 * SPREAD[name] < np.abs(weights).max() <= SPREAD[name]
        assert weights.std() == pytest.approx(SPREAD[name] / sqrt(3), rel=0.02)
    else:
        assert weights.std() == pytest.approx(SPREAD[name], rel=0.02)
        assert np.abs(weights).max() > 3 * SPREAD[name]
    assert abs(weights.mean()) < 4 * weights.std() / sqrt(weights.size)


def test_zeros_and_biases_are_zero() -> None:
    assert not initial(NETWORK, "zeros", 0, np.float32).any()
    arrays = NETWORK.arrays(initial(NETWORK, "he_normal", 0, np.float32)[0])
    assert not arrays["layers.0.bias"].any()
    assert not arrays["layers.1.bias"].any()


@pytest.mark.parametrize("name", sorted(INITIALIZERS))
def test_both_precisions_start_from_the_same_weights(name: InitializerName) -> None:
    single, double = (initial(NETWORK, name, 5, dtype) for dtype in ("float32", "float64"))
    assert np.array_equal(single, double.astype(np.float32))


def test_seeds_and_layers_differ() -> None:
    square = Network(4, (Dense(4, "tanh"),), 4, "softmax", "categorical_crossentropy")
    first, second = (square.arrays(initial(square, "he_normal", seed, np.float64)[0]) for seed in (0, 1))
    assert not np.isclose(first["layers.0.weight"], second["layers.0.weight"]).any()
    assert not np.isclose(first["layers.0.weight"], first["layers.1.weight"]).any()


def test_batch_norm_changes_nothing_at_first() -> None:
    network = Network(3, (Dense(4, "relu", batch_norm=True), Dense(2, "relu")), 1, "linear", "huber")
    theta = initial(network, "he_normal", 0, np.float32)
    norm, none = network.norms(theta)
    assert none is None
    assert norm is not None
    assert (norm.scale == 1).all()
    assert (norm.variance == 1).all()
    assert not norm.shift.any()
    assert not norm.mean.any()
