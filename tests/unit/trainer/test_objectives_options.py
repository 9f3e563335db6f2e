"""Every loss with row weights, smoothed labels and several data orders, against its formula written out row by row."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from steepest.trainer.arrays import Array, run
from steepest.trainer.objectives import OBJECTIVES, Objective

STEPS, ROWS = 3, 5
BEND = 0.7
CASES = [
    ("categorical_crossentropy", "softmax", 4),
    ("categorical_crossentropy", "softmax", 40),
    ("binary_crossentropy", "sigmoid", 1),
    ("binary_crossentropy", "sigmoid", 3),
    ("mean_squared_error", "linear", 1),
    ("mean_squared_error", "linear", 2),
    ("mean_squared_error", "sigmoid", 1),
    ("mean_squared_error", "sigmoid", 3),
    ("mean_absolute_error", "linear", 2),
    ("huber", "linear", 2),
    ("poisson", "exponential", 2),
]
WRITTEN_OUT = {case[:2] for case in CASES}
CASES += [(*pair, 2) for pair in OBJECTIVES if pair not in [case[:2] for case in CASES]]
CLASSES = [case for case in CASES if case[1] in ("softmax", "sigmoid")]


def drawn(loss: str, output: str, K: int, size: int, seed: int = 1) -> Array:
    random = np.random.default_rng(seed)
    if output == "softmax" or (loss, output) == ("mean_squared_error", "sigmoid"):
        return random.integers(max(2, K), size=size)
    if output == "sigmoid":
        return random.integers(2, size=(size, K))
    return random.poisson(2.0, (size, K)) if loss == "poisson" else random.normal(0, 1.5, (size, K))


def targets(loss: str, output: str, K: int, y: Array, smoothing: float) -> Array:
    """(n, K), as a textbook has them."""
    if y.ndim == 1:
        y = np.eye(K)[y] if K > 1 else y[:, None]
    if output in ("softmax", "sigmoid"):
        alternatives = K if output == "softmax" or (loss == "mean_squared_error" and K > 1) else 2
        y = (1 - smoothing) * y + smoothing / alternatives
    return y.astype(np.float64)


def row_losses(loss: str, output: str, z: Array, y: Array) -> Array:
    """(n,) of z and y (n, K), as CONTRACT writes them."""
    if output == "softmax":
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        return np.asarray(-(y * np.log(p)).sum(1))
    if output == "sigmoid":
        a = 1 / (1 + np.exp(-z))
        if loss == "mean_squared_error":
            return np.asarray(((a - y) ** 2).mean(1))
        return np.asarray(-(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(1))
    r = np.abs(z - y)
    if (loss, output) not in WRITTEN_OUT:
        kind = OBJECTIVES[loss, output]  # type: ignore[index]  # a registered pair
        return kind(1, 1, z.shape[1], len(z), z.dtype, delta=BEND).formula(z, y)
    of_values: dict[str, Array] = {
        "mean_squared_error": r**2,
        "mean_absolute_error": r,
        "huber": np.where(r <= BEND, r**2 / 2, BEND * (r - BEND / 2)),
        "poisson": np.exp(z) - y * z,
    }
    return np.asarray(of_values[loss].mean(1))


def weights_for(orders: int, seed: int = 2) -> Array:
    """(orders, n) that add up to 1 in every batch; one row does not count."""
    w = np.random.default_rng(seed).uniform(0, 3, (orders, STEPS, ROWS))
    w[:, 1, 2] = 0
    return np.asarray((w / w.sum(2, keepdims=True)).reshape(orders, -1))


class World:
    """An objective of M networks that has been through all steps."""

    def __init__(
        self, case: tuple[str, str, int], nets: int, orders: int, *, weighted: bool = False, smoothing: float = 0.0
    ) -> None:
        self.loss, self.output, self.K = case
        self.nets, self.orders = nets, orders
        kind = OBJECTIVES[self.loss, self.output]  # type: ignore[index]  # a registered pair
        self.ys = [drawn(*case, STEPS * ROWS, seed) for seed in range(orders)]
        self.w = weights_for(orders) if weighted else np.full((orders, STEPS * ROWS), 1 / ROWS)
        self.z = np.random.default_rng(7).normal(0, 1.5, (nets, STEPS * ROWS, self.K))
        self.t = [targets(*case, y, smoothing) for y in self.ys]
        options: dict[str, Any] = {"label_smoothing": smoothing} if smoothing else {}
        self.objective = kind(
            STEPS, nets, self.K, ROWS, np.float64, orders=orders, weighted=weighted, delta=BEND, **options
        )
        encoded = np.stack([kind.encode(y, np.float64) for y in self.ys])
        self.objective.load(encoded, self.w if weighted else None)
        self.deltas = through(self.objective, self.z)

    def of_net(self, net: int) -> tuple[Array, Array, Array]:
        """Its targets, weights and y."""
        order = net if self.orders > 1 else 0
        return self.t[order], self.w[order], self.ys[order]


def through(objective: Objective, z: Array) -> Array:
    """Delta (M, n, K) of all steps, after z (M, n, K)."""
    nets, _, K = z.shape
    objective.logits[...] = z.reshape(nets, STEPS, ROWS, K).transpose(1, 0, 3, 2)
    deltas = np.empty((nets, STEPS, ROWS, K), objective.delta.dtype)
    for step in range(STEPS):
        with np.errstate(all="raise", under="ignore"):
            run(objective.forward(step) + objective.backward(step))
        deltas[:, step] = objective.delta.swapaxes(1, 2)
    return deltas.reshape(nets, -1, K)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("nets", "orders"), [(1, 1), (3, 1), (3, 3)])
@pytest.mark.parametrize("case", CASES)
def test_losses_and_derivatives_are_the_formulas(
    case: tuple[str, str, int], nets: int, orders: int, weighted: bool, smoothing: float
) -> None:
    if smoothing and case not in CLASSES:
        return
    world = World(case, nets, orders, weighted=weighted, smoothing=smoothing)
    sums = world.objective.sums(STEPS)
    assert sums.dtype == np.float64
    h = 1e-5
    for net in range(nets):
        t, w, _ = world.of_net(net)
        z = world.z[net]
        losses = row_losses(*case[:2], z, t)
        assert sums[net, 0] == pytest.approx(ROWS * (w * losses).sum(), rel=1e-13)
        for k in range(world.K):
            shift = h * np.eye(world.K)[k]
            slope = (row_losses(*case[:2], z + shift, t) - row_losses(*case[:2], z - shift, t)) / (2 * h)
            assert world.deltas[net, :, k] == pytest.approx(w * slope, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_what_an_objective_calls_its_formula_is_it(case: tuple[str, str, int]) -> None:
    world = World(case, 1, 1, smoothing=0.2 if case in CLASSES else 0.0)
    z, (t, w, _) = world.z[0], world.of_net(0)
    assert world.objective.formula(z, t) == pytest.approx(row_losses(*case[:2], z, t), rel=1e-13)
    assert world.deltas[0] == pytest.approx(w[:, None] * world.objective.derivative(z, t), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_figures_know_no_weights(case: tuple[str, str, int], weighted: bool) -> None:
    world = World(case, 3, 3, weighted=weighted)
    sums = world.objective.sums(STEPS)
    for net in range(3):
        z, y = world.z[net], world.of_net(net)[2]
        if case[1] == "softmax" or (case[1] == "sigmoid" and case[2] > 1 and y.ndim == 1):
            figures: Any = metrics.accuracy_score(y, z.argmax(1)) * len(y)
        elif case[1] == "sigmoid":
            figures = metrics.accuracy_score(y, z > 0) * len(y)
        else:
            a = np.exp(z) if case[1] == "exponential" else z
            figures = metrics.mean_squared_error(y, a, multioutput="raw_values") * len(y)
        assert sums[net, 1:] == pytest.approx(figures)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_each_network_of_a_stack_is_as_if_it_were_alone(case: tuple[str, str, int], weighted: bool, dtype: str) -> None:
    kind = OBJECTIVES[case[:2]]  # type: ignore[index]  # a registered pair
    K, steps, rows = case[2], 3, 50
    y = kind.encode(drawn(*case, steps * rows), np.dtype(dtype))[None]
    w = np.random.default_rng(0).uniform(0, 1, (1, steps * rows)).astype(dtype) if weighted else None
    z = np.random.default_rng(7).normal(0, 1.5, (steps, 4, K, rows)).astype(dtype)

    def found(z: Array) -> tuple[Array, Array]:
        objective = kind(steps, z.shape[1], K, rows, dtype, weighted=weighted)
        objective.load(y, w)
        objective.logits[...] = z
        for step in range(steps):
            run(objective.forward(step) + objective.backward(step))
        return objective.delta, objective.sums(steps)

    delta, sums = found(z)
    for net in range(4):
        alone, alone_sums = found(z[:, net : net + 1])
        assert np.array_equal(delta[net], alone[0])
        assert np.array_equal(sums[net], alone_sums[0])


@pytest.mark.parametrize("case", CASES)
def test_equal_weights_are_no_weights(case: tuple[str, str, int]) -> None:
    kind = OBJECTIVES[case[:2]]  # type: ignore[index]  # a registered pair
    plain = World(case, 2, 1)
    weighted = kind(STEPS, 2, case[2], ROWS, np.float64, weighted=True, delta=BEND)
    weighted.load(kind.encode(plain.ys[0], np.float64)[None], plain.w)
    assert np.allclose(through(weighted, plain.z), plain.deltas, rtol=1e-13, atol=1e-15)
    assert np.allclose(weighted.sums(STEPS), plain.objective.sums(STEPS), rtol=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_the_first_steps_alone_can_be_loaded_and_summed(case: tuple[str, str, int]) -> None:
    world = World(case, 2, 2, weighted=True)
    expected = world.objective.sums(2)
    kind = type(world.objective)
    encoded = np.stack([kind.encode(y[: 2 * ROWS], np.float64) for y in world.ys])
    world.objective.load(encoded, world.w[:, : 2 * ROWS])
    through(world.objective, world.z)
    assert np.allclose(world.objective.sums(2), expected, rtol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_a_row_without_weight_does_not_matter(case: tuple[str, str, int]) -> None:
    world = World(case, 1, 1, weighted=True)
    without = world.w[0] == 0
    assert not world.deltas[0, without].any()
    world.z[0, without] = 20.0 if case[0] == "poisson" else 1e4
    deltas, before = through(world.objective, world.z), world.deltas
    assert np.array_equal(deltas, before)


def test_rows_that_should_have_weights_must_have_them() -> None:
    objective = OBJECTIVES["huber", "linear"](1, 1, 1, 4, np.float64, weighted=True)
    with pytest.raises(ValueError, match="weights"):
        objective.load(np.zeros((1, 4, 1)))


def test_a_multilabel_row_is_right_if_all_its_labels_are() -> None:
    z = np.array([[[1, -1], [1, 1], [-1, -1], [0, 5]]], np.float64)
    y = np.array([[1, 0], [1, 0], [0, 0], [1, 1]])
    objective = OBJECTIVES["binary_crossentropy", "sigmoid"](1, 1, 2, 4, np.float64)
    objective.load(objective.encode(y, np.float64)[None])
    objective.logits[0] = z.swapaxes(1, 2)
    assert objective.sums(1)[0, 1] == 2


@pytest.mark.parametrize("bend", [0.5, 1.0, 3.0])
def test_huber_is_scipys(bend: float) -> None:
    from scipy.special import huber

    r = np.linspace(-5, 5, 101)
    objective = OBJECTIVES["huber", "linear"](1, 1, 1, 101, np.float64, delta=bend)
    objective.load(np.zeros((1, 101, 1)))
    objective.logits[0, 0, 0] = r
    run(objective.forward(0))
    assert objective.sums(1)[0, 0] == pytest.approx(huber(bend, r).sum())


def test_poisson_is_scikit_learns_but_for_a_term_of_y() -> None:
    y, z = np.array([1.0, 2, 5, 3]), np.array([0.3, 0.9, 1.1, -0.4])
    objective = OBJECTIVES["poisson", "exponential"](1, 1, 1, 4, np.float64)
    objective.load(y[None, :, None])
    objective.logits[0, 0, 0] = z
    half_deviance = metrics.mean_poisson_deviance(y, np.exp(z)) / 2
    assert objective.sums(1)[0, 0] / 4 == pytest.approx(half_deviance - np.mean(y * np.log(y) - y))


def test_at_a_residual_of_zero_the_absolute_error_pulls_nowhere() -> None:
    objective = OBJECTIVES["mean_absolute_error", "linear"](1, 1, 1, 3, np.float32)
    objective.load(np.array([[[1.0], [2], [3]]], np.float32))
    objective.logits[0, 0, 0] = 2
    run(objective.forward(0) + objective.backward(0))
    assert objective.delta[0, 0].tolist() == pytest.approx([1 / 3, 0, -1 / 3])
