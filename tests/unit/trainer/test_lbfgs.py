"""L-BFGS against SciPy's optimum and against the conditions that its line search promises."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from steepest.trainer import lbfgs
from steepest.trainer.arrays import Array
from steepest.trainer.lbfgs import Line, Memory, Point, direction, dot, iteration

Problem = Callable[[Array], tuple[float, Array]]


def least_squares(seed: int = 0, condition: float = 1e2) -> tuple[Problem, Array]:
    """|A theta - b|^2 / n + (l2/2) |theta|^2."""
    random = np.random.default_rng(seed)
    A = random.standard_normal((60, 12)) * np.geomspace(1, sqrt_of(condition), 12)
    b = random.standard_normal(60)

    def f(theta: Array) -> tuple[float, Array]:
        r = A @ theta - b
        return float(r @ r / 60 + 0.005 * theta @ theta), 2 * A.T @ r / 60 + 0.01 * theta

    return f, np.zeros(12)


def sqrt_of(number: float) -> float:
    return float(np.sqrt(number))


def logistic(seed: int = 0, dtype: str = "float64") -> tuple[Problem, Array]:
    """Cross-entropy of a logistic regression with l2, as scikit-learn's breast cancer data."""
    random = np.random.default_rng(seed)
    X = np.c_[random.standard_normal((200, 9)), np.ones(200)].astype(dtype)
    s = np.sign(X @ random.standard_normal(10) + random.standard_normal(200)).astype(dtype)
    decay = np.r_[np.full(9, 0.01), 0].astype(dtype)

    def f(theta: Array) -> tuple[float, Array]:
        margin = s * (X @ theta)
        loss = float(np.logaddexp(0, -margin).mean() + (decay * theta * theta).sum() / 2)
        slope = -s * np.exp(-np.logaddexp(0, margin)) / X.dtype.type(200)
        return loss, X.T @ slope + decay * theta

    return f, np.zeros(10, dtype)


def rosenbrock() -> tuple[Problem, Array]:
    return (lambda theta: (float(optimize.rosen(theta)), optimize.rosen_der(theta))), np.array([-1.2, 1, -1.2, 1])


def driven(f: Problem, here: Point, memory: Memory, rate: float = 1.0) -> tuple[Point, int]:
    """An iteration, and how often it asked."""
    steps = iteration(*here, memory, rate)
    asked, buffer = 0, np.empty_like(here.gradient)
    try:
        point = next(steps)
        while True:
            asked += 1
            loss, buffer[:] = f(point)
            point = steps.send((loss, buffer))  # whose memory is used again
    except StopIteration as end:
        return end.value, asked


def descended(f: Problem, start: Array, iterations: int, history: int = 10, rate: float = 1.0) -> tuple[Point, int]:
    here, asked = Point(start, *f(start)), 0
    memory = Memory(np.zeros((2, history, len(start)), start.dtype))
    for _ in range(iterations):
        new, more = driven(f, here, memory, rate)
        assert new.loss <= here.loss * (1 + 1e-14 if start.dtype == np.float64 else 1 + 1e-5)
        here, asked = new, asked + more
    return here, asked


@pytest.mark.parametrize("history", [1, 3, 10, 50])
@pytest.mark.parametrize("problem", [least_squares(), least_squares(1, 1e4), logistic(), logistic(3)])
def test_it_reaches_scipys_optimum(problem: tuple[Problem, Array], history: int) -> None:
    f, start = problem
    peer = optimize.minimize(f, start, jac=True, method="BFGS", options={"gtol": 1e-12, "maxiter": 10_000})
    # Losses tell where they are lowest to half of their digits; a root of the gradient is known to all of them.
    best = optimize.root(lambda theta: f(theta)[1], peer.x, tol=1e-14).x
    assert np.abs(best - peer.x).max() < 1e-6
    found, _ = descended(f, start, 5_000 if history < 10 else 500, history)
    assert found.loss <= peer.fun + 1e-14
    # One pair of vectors crawls along a valley until the loss can tell no two points apart, and how near that is to the
    # lowest depends on how a processor rounds.
    assert np.abs(found.theta - best).max() < (1e-7 if history == 1 else 1e-8)


def test_it_finds_the_way_through_a_curved_valley() -> None:
    f, start = rosenbrock()
    found, asked = descended(f, start, 150)
    assert found.theta == pytest.approx(np.ones(4), abs=1e-8)
    assert asked < 250


def test_it_needs_about_as_many_evaluations_as_scipy() -> None:
    f, start = logistic()
    peer = optimize.minimize(f, start, jac=True, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-6})
    here, asked = Point(start, *f(start)), 0
    memory = Memory(np.zeros((2, 10, len(start))))
    while np.abs(here.gradient).max() > 1e-6:
        here, more = driven(f, here, memory)
        asked += more
    assert asked <= 1.5 * peer.nfev


def test_the_first_trial_may_be_as_long_as_scipys() -> None:
    f, start = logistic()
    steps = iteration(start, *f(start), Memory(np.zeros((2, 10, len(start)))), first_step=1.0)
    assert np.linalg.norm(next(steps) - start) == pytest.approx(1.0)
    seen: list[Array] = []

    def watched(theta: Array) -> tuple[float, Array]:
        seen.append(theta.copy())
        return f(theta)

    optimize.minimize(watched, start, jac=True, method="L-BFGS-B")
    steps = iteration(start, *f(start), Memory(np.zeros((2, 10, len(start)))), first_step=1.0)
    assert next(steps) == pytest.approx(seen[1])


@pytest.mark.parametrize("rate", [1e-3, 0.1, 30.0, 1e6])
def test_the_first_trial_may_be_anything(rate: float) -> None:
    f, start = logistic()
    best, _ = descended(f, start, 300)
    assert np.abs(descended(f, start, 300, rate=rate)[0].theta - best.theta).max() < 1e-8


def test_single_precision_comes_as_far_as_it_can() -> None:
    f, start = logistic(dtype="float32")
    found, _ = descended(f, start, 60)
    best, _ = descended(*logistic(), 300)
    assert found.theta.dtype == found.gradient.dtype == np.float32
    assert np.abs(found.theta - best.theta).max() < 2e-3
    assert found.loss == pytest.approx(best.loss, rel=1e-6)


@pytest.mark.parametrize("problem", [least_squares(), logistic(), logistic(dtype="float32"), rosenbrock()])
def test_where_nothing_is_lower_it_stays_and_asks_no_more(problem: tuple[Problem, Array]) -> None:
    f, start = problem
    here = Point(start, *f(start))
    memory = Memory(np.zeros((2, 10, len(start)), start.dtype))
    for _ in range(600):
        here, _ = driven(f, here, memory)
    assert memory.settled or not here.gradient.any()
    new, asked = driven(f, here, memory)
    assert asked == 0
    assert new.theta is here.theta
    assert (new.loss, new.gradient is here.gradient) == (here.loss, True)


def test_a_gradient_of_zero_is_the_end() -> None:
    theta = np.ones(3)
    memory = Memory(np.zeros((2, 4, 3)))
    new, asked = driven(lambda theta: (0.0, np.zeros(3)), Point(theta, 0.0, np.zeros(3)), memory)
    assert (new.theta is theta, asked, memory.count) == (True, 0, 0)


def test_what_it_was_given_is_left_alone() -> None:
    f, start = logistic()
    loss, gradient = f(start)
    copies = start.copy(), gradient.copy()
    driven(f, Point(start, loss, gradient), Memory(np.zeros((2, 10, len(start)))))
    assert np.array_equal(start, copies[0])
    assert np.array_equal(gradient, copies[1])


def test_a_loss_that_overflows_is_too_far() -> None:
    def f(theta: Array) -> tuple[float, Array]:
        with np.errstate(all="ignore"):
            return float(np.exp(theta).sum() - theta.sum()), np.exp(theta) - 1

    found, _ = descended(f, np.array([-3.0, 2.0]), 50, rate=1e4)
    assert found.theta == pytest.approx([0, 0], abs=1e-7)


@pytest.mark.parametrize("first", [1e-6, 0.3, 1.0, 50.0])
@pytest.mark.parametrize("problem", [least_squares(), logistic(), rosenbrock()])
def test_a_line_search_ends_where_the_strong_wolfe_conditions_hold(
    problem: tuple[Problem, Array], first: float
) -> None:
    f, theta = problem
    loss, g = f(theta)
    slope = -dot(g, g)
    search = Line(Point(theta, loss, g), -g, slope).search(first)
    point = next(search)
    try:
        while True:
            point = search.send(f(point))
    except StopIteration as end:
        found = end.value
    assert found.a > 0
    assert found.loss <= loss + lbfgs.C1 * found.a * slope
    assert abs(found.slope) <= lbfgs.C2 * abs(slope)
    assert found.loss == pytest.approx(f(theta - found.a * g)[0])


def test_the_direction_is_that_of_bfgs_in_full() -> None:
    """As long as all steps are remembered: the inverse Hessian by equation 6.17, from gamma times the identity."""
    random = np.random.default_rng(0)
    P, steps = 6, 4
    memory = Memory(np.zeros((2, 10, P)))
    hessian = random.standard_normal((P, P))
    hessian = hessian @ hessian.T + np.eye(P)
    pairs = [(s, hessian @ s) for s in random.standard_normal((steps, P))]
    for s, y in pairs:
        memory.keep(s, y)
    s, y = pairs[-1]
    H = np.eye(P) * (s @ y) / (y @ y)
    for s, y in pairs:
        V = np.eye(P) - np.outer(y, s) / (y @ s)
        H = V.T @ H @ V + np.outer(s, s) / (y @ s)
    g = random.standard_normal(P)
    assert direction(g, memory) == pytest.approx(-H @ g)


def test_only_the_last_steps_are_remembered() -> None:
    memory = Memory(np.zeros((2, 3, 2)))
    for number in range(1, 6):
        memory.keep(np.array([number, 0.0]), np.array([number, 1.0]))
    assert [s[0] for s, _ in memory.newest_first] == [5, 4, 3]
    memory.keep(np.array([1.0, 0.0]), np.array([-1.0, 0.0]))
    assert memory.count == 5


def test_a_run_that_is_resumed_from_its_arrays_goes_on_to_the_bit() -> None:
    f, start = rosenbrock()
    here = Point(start, *f(start))
    memory = Memory(np.zeros((2, 3, len(start))))
    for number in range(30):
        if number == 13:
            kept = Point(here.theta.copy(), here.loss, here.gradient.copy())
            memorized = replace(memory, pairs=memory.pairs.copy())
        here, _ = driven(f, here, memory)
    for _ in range(13, 30):
        kept, _ = driven(f, kept, memorized)
    assert np.array_equal(kept.theta, here.theta)
    assert np.array_equal(memorized.pairs, memory.pairs)
