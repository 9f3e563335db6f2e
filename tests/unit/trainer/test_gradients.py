"""Backpropagation against finite differences, for every activation with every loss."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.spec.names import ActivationName
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array, run
from steepest.trainer.backprop import Batch
from steepest.trainer.network import Dense, Network
from steepest.trainer.objectives import OBJECTIVES

H = 1e-5
TOLERANCE = 1e-7
SHIFTS = (-2 * H, -H, H, 2 * H)
FOURTH_ORDER = np.array([1, -8, 8, -1]) / (12 * H)


class Checked:
    """One drawn network on drawn rows."""

    def __init__(self, network: Network, rows: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.theta = random.standard_normal((1, network.parameters))
        x = random.standard_normal((1, rows, network.inputs + 1))
        x[..., -1] = 1
        self.gradient = np.zeros_like(self.theta)
        self.batch = Batch(network, self.theta, x, self.gradient, 1 / rows)
        y: Array = random.integers(max(2, network.outputs), size=rows)
        if not network.classifies:
            y = random.standard_normal((rows, network.outputs))
        self.batch.objective.load(self.batch.objective.encode(y, np.float64))
        self.rows = rows
        self.forward = self.batch.forward(0)
        self.kinked = [ACTIVATIONS[name].kinked for name in network.activations]

    def loss(self) -> float:
        run(self.forward)
        return float(self.batch.objective.sums(1)[0, 0]) / self.rows

    def positive(self) -> list[Array]:
        return [a > 0 for a, kinked in zip(self.batch.hidden, self.kinked, strict=True) if kinked]

    def analytic(self) -> Array:
        run(self.forward + self.batch.backward(0))
        return np.array(self.gradient[0])

    def numeric(self) -> tuple[Array, Array]:
        """The derivatives, and which of them cross no kink."""
        self.loss()
        before = self.positive()
        slopes, smooth = np.zeros(self.theta.shape[1]), np.ones(self.theta.shape[1], bool)
        for j in range(len(slopes)):
            here = self.theta[0, j]
            for shift, factor in zip(SHIFTS, FOURTH_ORDER, strict=True):
                self.theta[0, j] = here + shift
                slopes[j] += factor * self.loss()
                smooth[j] &= all((a == b).all() for a, b in zip(before, self.positive(), strict=True))
            self.theta[0, j] = here
        return slopes, smooth


@pytest.mark.parametrize("objective", sorted(OBJECTIVES))
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_gradients_agree_with_finite_differences(activation: ActivationName, objective: tuple[str, str]) -> None:
    drawn, left_out = 0, 0

    @settings(max_examples=15, deadline=None)
    @given(
        inputs=st.integers(1, 5),
        units=st.lists(st.integers(1, 6), max_size=3),
        outputs=st.integers(1, 4),
        rows=st.integers(1, 8),
        seed=st.integers(0, 2**32),
    )
    def check(inputs: int, units: list[int], outputs: int, rows: int, seed: int) -> None:
        nonlocal drawn, left_out
        loss, output = objective
        outputs = max(2, outputs) if output == "softmax" else 1 if loss == "binary_crossentropy" else outputs
        layers = tuple(Dense(width, activation) for width in units)
        checked = Checked(Network(inputs, layers, outputs, output, loss), rows, seed)  # type: ignore[arg-type]  # registered
        analytic = checked.analytic()
        numeric, smooth = checked.numeric()
        drawn, left_out = drawn + len(smooth), left_out + int(np.count_nonzero(~smooth))
        error = np.abs(analytic - numeric)[smooth].max(initial=0) / max(1e-3, np.abs(analytic).max())
        assert error < TOLERANCE

    check()
    assert left_out <= 0.01 * drawn


def test_each_network_of_a_stack_gets_the_gradient_it_gets_alone() -> None:
    network = Network(5, (Dense(7, "relu"), Dense(3, "tanh")), 3, "softmax", "categorical_crossentropy")
    random = np.random.default_rng(0)
    thetas = random.standard_normal((3, network.parameters)).astype(np.float32)
    x = random.standard_normal((1, 8, 6)).astype(np.float32)
    y = random.integers(3, size=8)

    def gradients(theta: Array) -> tuple[Array, Array]:
        gradient = np.zeros_like(theta)
        batch = Batch(network, theta, x, gradient, 1 / 8)
        batch.objective.load(y)
        run(batch.forward(0) + batch.backward(0))
        return gradient, batch.objective.sums(1)

    together, sums = gradients(thetas)
    for number in range(len(thetas)):
        alone, alone_sums = gradients(thetas[number : number + 1].copy())
        assert np.array_equal(together[number], alone[0])
        assert np.allclose(sums[number], alone_sums[0], rtol=1e-6)


def test_a_dead_relu_has_no_slope() -> None:
    network = Network(2, (Dense(3, "relu"),), 1, "linear", "mean_squared_error")
    theta = np.full((1, network.parameters), -1.0)
    gradient = np.full_like(theta, np.nan)
    batch = Batch(network, theta, np.ones((1, 4, 3)), gradient, 1 / 4)
    batch.objective.load(np.ones((4, 1)))
    run(batch.forward(0) + batch.backward(0))
    first, second = network.blocks(gradient)
    assert not first.any()
    assert np.array_equal(second[0, :, 0], [0, 0, 0, -4])
