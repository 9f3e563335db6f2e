"""Backpropagation against finite differences, for every activation with every loss and all that goes with them.

The analytic gradient is what a step of gradient descent at rate 1 takes from the weights. The numeric one is of fourth
order: each weight is moved to four places near by, all moved weights are one stack, and their losses tell the slope.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.spec.names import ActivationName
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array, run
from steepest.trainer.backprop import Batch, Descent
from steepest.trainer.dropout import Words
from steepest.trainer.engines.courses import course_for
from steepest.trainer.network import Dense, Network
from steepest.trainer.rows import Rows
from tests.unit.trainer.world import OBJECTIVES, options_of, spec_for

H = 1e-5
TOLERANCE = 1e-7
SHIFTS = np.array([-2 * H, -H, H, 2 * H])
FOURTH_ORDER = np.array([1, -8, 8, -1]) / (12 * H)
PENALTIES = [{}, {"l1": 0.05}, {"l2": 0.1}, {"l1": 0.05, "l2": 0.1}]
EXAMPLES = 3
"""Of each combination of options."""
MOST_LEFT_OUT = 0.01
LEAST_SIZE = 1e-2
"""Of a gradient, in units of the loss: a smaller one drowns in the rounding of what it is the difference of."""


@dataclass
class Drawn:
    """One network on rows, both drawn from a seed."""

    spec: ResolvedTrainSpec
    rows: Rows
    network: Network
    theta: Array

    @classmethod
    def of(cls, spec: ResolvedTrainSpec, rows: int, inputs: int, outputs: int, *, weighted: bool, seed: int) -> "Drawn":
        random = np.random.default_rng(seed)
        network = Network.of(spec, inputs, outputs)
        # Normalized sums of weights that all but vanish bend too sharply for differences over H.
        theta = random.uniform(0.3, 1.3, network.size) * random.choice([-1, 1], network.size)
        theta[network.parameters :] **= 2
        y: Array = random.integers(max(2, outputs), size=rows)
        if spec.task == "multilabel":
            y = random.integers(2, size=(rows, outputs))
        if spec.task == "regression":
            y = random.normal(0, 1, (rows, outputs))
        if spec.loss.name == "poisson":
            y = random.poisson(2, (rows, outputs))
        weights = random.uniform(0.1, 2, rows) if weighted else None
        return cls(spec, Rows(random.standard_normal((rows, inputs)), y, weights), network, theta)

    def analytic(self, engine: str) -> tuple[Array, float]:
        """The gradient (P,) and the loss of one full batch."""
        course = course_for([self.spec], self.network, self.rows, **options_of(engine), validated=False)
        course.theta[0] = self.theta
        (chunk,) = course.cutting.after()
        sums = course.advance(1, chunk)
        return (self.theta - course.theta[0])[: self.network.parameters], float(sums[0, 0]) / len(self.rows)

    def numeric(self) -> tuple[Array, Array, float]:
        """The derivatives (P,), which of them cross no kink, and the loss."""
        P = self.network.parameters
        thetas = np.tile(self.theta, (4 * P + 1, 1))
        for number, shift in enumerate(SHIFTS):
            np.fill_diagonal(thetas[number * P : (number + 1) * P, :P], self.theta[:P] + shift)
        losses, sides = self.losses(thetas)
        smooth = (sides[:-1] == sides[-1]).all(1).reshape(4, P).all(0)
        return FOURTH_ORDER @ losses[:-1].reshape(4, P), smooth, float(losses[-1])

    def losses(self, thetas: Array) -> tuple[Array, Array]:
        """(M,) of many weights, penalties included; and on which sides of kinks they have come to lie (M, ...)."""
        n, M = len(self.rows), len(thetas)
        x = np.ones((1, 1, n, self.network.inputs + 1))
        x[0, 0, :, :-1] = self.rows.X
        batch = Batch(self.network, thetas, x, self.descent(M), weighted=self.rows.weights is not None)
        w = self.rows.weights
        targets = batch.objective.encode(self.rows.y, np.float64)[None]
        batch.objective.load(targets, None if w is None else (w / w.sum())[None])
        run(batch.forward(0))
        losses = batch.objective.sums(1)[:, 0] / n
        sides = [a > 0 for a, layer in zip(batch.hidden, self.network.layers, strict=True) if kinked(layer)]
        sides += [batch.objective.logits[0] > kink for kink in batch.objective.kinks]
        l1, l2 = self.spec.regularization.l1, self.spec.regularization.l2
        for block in self.network.blocks(thetas):
            W = block[:, :-1]
            losses = losses + l1 * np.abs(W).sum((1, 2)) + l2 / 2 * np.square(W).sum((1, 2))
            if l1:
                sides.append(W > 0)
        return losses, np.concatenate([np.zeros((M, 1), bool), *(side.reshape(M, -1) for side in sides)], 1)

    def descent(self, M: int) -> Descent:
        dropout: list[Any] = []
        for number, layer in enumerate(self.spec.layers):
            words = Words([self.spec.seed], number, layer.units, 1, len(self.rows))
            words.draw(1, 0, len(self.rows))
            words.words = np.broadcast_to(words.words, (1, M, *words.words.shape[2:]))
            dropout.append((words, np.full(M, layer.dropout)) if layer.dropout else None)
        return Descent(np.zeros((M, self.network.parameters)), 1 / len(self.rows), dropout)


def kinked(layer: Dense) -> bool:
    return ACTIVATIONS[layer.activation].kinked


@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_gradients_agree_with_finite_differences(activation: ActivationName, task: str, loss: str, engine: str) -> None:
    drawn, left_out = 0, 0
    for penalty, batch_norm, dropout, weighted in product(PENALTIES, (False, True), (0.0, 0.3), (False, True)):
        layer = {"activation": activation, "batch_norm": batch_norm, "dropout": dropout}

        @settings(max_examples=EXAMPLES)
        @given(
            inputs=st.integers(1, 4),
            units=st.lists(st.integers(1, 5), min_size=int(batch_norm or dropout > 0), max_size=3),
            outputs=st.integers(2, 4),
            rows=st.integers(8 if batch_norm else 2, 10),
            alpha=st.sampled_from([None, 0.3, 1.4]),
            share=st.sampled_from([0.0, 0.1]),
            seed=st.integers(0, 2**32),
        )
        def check(
            inputs: int, units: list[int], outputs: int, rows: int, alpha: float | None, share: float, seed: int
        ) -> None:
            nonlocal drawn, left_out
            own = {} if ACTIVATIONS[activation].alpha is None else {"alpha": alpha}
            spec = spec_for(
                task,
                rows,
                loss={"name": loss, "label_smoothing": share if "crossentropy" in loss else 0.0},
                layers=[layer | own | {"units": width} for width in units],  # noqa: B023  # called right here
                regularization=penalty,  # noqa: B023
                optimizer={"name": "gradient_descent", "learning_rate": 1.0},
                batch_size="full",
                epochs=1,
                precision="float64",
                seed=seed,
            )
            outputs = 1 if task == "binary" else outputs
            one = Drawn.of(spec, rows, inputs, outputs, weighted=weighted, seed=seed)  # noqa: B023
            analytic, value = one.analytic(engine)
            numeric, smooth, expected = one.numeric()
            drawn, left_out = drawn + len(smooth), left_out + int(np.count_nonzero(~smooth))
            assert value == pytest.approx(expected, rel=1e-12, abs=1e-14)
            size = max(float(np.linalg.norm(analytic[smooth])), LEAST_SIZE * max(1.0, abs(value)))
            assert np.linalg.norm((analytic - numeric)[smooth]) < TOLERANCE * size

        check()
    assert left_out <= MOST_LEFT_OUT * drawn


def test_each_network_of_a_stack_gets_the_gradient_it_gets_alone() -> None:
    network = Network(5, (Dense(7, "relu"), Dense(3, "tanh")), 3, "softmax", "categorical_crossentropy")
    random = np.random.default_rng(0)
    thetas = random.standard_normal((3, network.parameters)).astype(np.float32)
    x = random.standard_normal((1, 1, 8, 6)).astype(np.float32)
    y = random.integers(3, size=8)

    def gradients(theta: Array) -> tuple[Array, Array]:
        gradient = np.zeros_like(theta)
        batch = Batch(network, theta, x, Descent(gradient, 1 / 8, [None, None]))
        batch.objective.load(y[None])
        run(batch.forward(0) + batch.backward(0))
        return gradient, batch.objective.sums(1)

    together, sums = gradients(thetas)
    for number in range(len(thetas)):
        alone, alone_sums = gradients(thetas[number : number + 1].copy())
        assert np.array_equal(together[number], alone[0])
        assert np.array_equal(sums[number], alone_sums[0])


def test_a_dead_relu_has_no_slope() -> None:
    network = Network(2, (Dense(3, "relu"),), 1, "linear", "mean_squared_error")
    theta = np.full((1, network.parameters), -1.0)
    gradient = np.full_like(theta, np.nan)
    batch = Batch(network, theta, np.ones((1, 1, 4, 3)), Descent(gradient, 1 / 4, [None]))
    batch.objective.load(np.ones((1, 4, 1)))
    run(batch.forward(0) + batch.backward(0))
    first, second = network.blocks(gradient)
    assert not first.any()
    assert np.array_equal(second[0, :, 0], [0, 0, 0, -4])
