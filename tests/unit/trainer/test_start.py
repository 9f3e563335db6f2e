"""Beginning elsewhere than at drawn weights, in a given order, at a changing pace."""

from typing import Any

import numpy as np
import pytest

from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array
from steepest.trainer.engines.choice import Engine
from steepest.trainer.fit import EpochRecord, Failed, Finished, fit_stack
from steepest.trainer.initializers import initial
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows
from steepest.trainer.stack import Stack
from steepest.trainer.start import Start
from steepest.trainer.state import State
from tests.unit.trainer.world import ENGINES, data_for, spec_for

ROWS = 40
PLAIN = {"split": {"validation": 0.0, "test": 0.0}, "early_stopping": None, "precision": "float64"}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(request.param, 1)


def a_spec(**fields: Any) -> ResolvedTrainSpec:
    return spec_for("multiclass", ROWS, **{**PLAIN, "batch_size": 8, "epochs": 3, **fields})


def rows(order: Any = None) -> Rows:
    X, y = data_for("multiclass", ROWS, dtype="float64")
    return Rows(X, y, order=order)


def a_stack(spec: ResolvedTrainSpec, engine: Engine, start: Start | None = None, order: Any = None) -> Stack:
    return fit_stack([spec], rows(order), outputs=3, starts=None if start is None else [start], engine=engine)


def drive(stack: Stack) -> tuple[list[EpochRecord], Finished, State]:
    records, state, end = [], None, None
    for item in stack.run():
        assert not isinstance(item, Failed)
        if isinstance(item, EpochRecord):
            records.append(item)
            state = item.state()
        elif isinstance(item, Finished):
            end = item
    assert state is not None
    assert end is not None
    return records, end, state


def drawn(spec: ResolvedTrainSpec) -> Array:
    theta: Array = initial(Network.of(spec, 4, 3), spec.initializer, spec.seed, np.float64)[0]
    return theta


def test_a_start_at_the_drawn_weights_changes_nothing(engine: Engine) -> None:
    spec = a_spec()
    plain, started = drive(a_stack(spec, engine))[1], drive(a_stack(spec, engine, Start(drawn(spec))))[1]
    assert np.array_equal(plain.last, started.last)
    assert np.array_equal(plain.initial, started.initial)


def test_the_first_weights_are_those_of_the_start(engine: Engine) -> None:
    spec = a_spec()
    theta = drawn(spec) + 1
    end = drive(a_stack(spec, engine, Start(theta)))[1]
    assert np.array_equal(end.initial, theta)
    assert not np.array_equal(end.last, drive(a_stack(spec, engine))[1].last)


@pytest.mark.parametrize("name", ["gradient_descent", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw"])
def test_epochs_one_by_one_are_those_of_one_run(name: str, engine: Engine) -> None:
    spec = a_spec(optimizer={"name": name})
    whole = drive(a_stack(spec, engine, order=rotated(0)))[1]
    one = spec.model_copy(update={"epochs": 1})
    start = Start(drawn(spec))
    for epoch in range(3):
        _, end, state = drive(a_stack(one, engine, start, order=rotated(epoch)))
        start = Start(end.last, state.slots[:, 0], start.steps + 5)
    assert np.array_equal(start.theta, whole.last)


def rotated(epochs: int) -> Any:
    """Rows that go round by one with each epoch, `epochs` of them later."""
    return lambda epoch: np.roll(np.arange(ROWS), epoch + epochs)


def test_rows_come_in_the_order_that_is_given(engine: Engine) -> None:
    spec, asked = a_spec(batch_size=1, epochs=2), []

    def backwards(epoch: int) -> Array:
        asked.append(epoch)
        return np.arange(ROWS)[::-1].copy()

    given = drive(a_stack(spec, engine, order=backwards))[1]
    X, y = data_for("multiclass", ROWS, dtype="float64")
    turned = Rows(X[::-1].copy(), y[::-1].copy(), order=lambda epoch: np.arange(ROWS))
    assert np.array_equal(given.last, drive(fit_stack([spec], turned, outputs=3, engine=engine))[1].last)
    assert asked == sorted(asked)
    assert set(asked) == {1, 2}


@pytest.mark.parametrize("name", ["gradient_descent", "momentum", "nesterov", "adam"])
def test_a_change_of_pace_leaves_the_velocity(name: str, engine: Engine) -> None:
    """As scikit-learn has it: v = mu v - lr g, each gradient at the rate of its own step."""
    spec = a_spec(optimizer={"name": name, "learning_rate": 0.1}, batch_size="full", epochs=4)
    stack, rates = a_stack(spec, engine), iter([0.02, 0.2, 0.1, 0.1])
    thetas, seen = [drawn(spec)], []
    for item in stack.run():
        if isinstance(item, EpochRecord):
            thetas.append(item.state().theta[0])
            seen.append(item.learning_rate)
            stack.pace(0, next(rates))
    assert seen == [0.1, 0.02, 0.2, 0.1]
    moved, slopes = np.diff(thetas, axis=0), np.array([gradient(spec, theta) for theta in thetas[:-1]])
    rate, velocity = np.array(seen)[:, None], np.zeros_like(moved)
    for step in range(4):
        velocity[step] = 0.9 * velocity[step - 1] - rate[step] * slopes[step]
    expected = {
        "gradient_descent": -rate * slopes,
        "momentum": velocity,
        "nesterov": 0.9 * velocity - rate * slopes,
    }
    if name == "adam":  # which has none
        assert np.allclose(moved[0], -0.1 * slopes[0] / (np.abs(slopes[0]) + 1e-8))
    else:
        assert np.allclose(moved, expected[name], rtol=1e-6, atol=1e-12)


def gradient(spec: ResolvedTrainSpec, theta: Array) -> Array:
    """(P,) by the way that one plain step goes from there."""
    plain = a_spec(optimizer={"name": "gradient_descent", "learning_rate": 1.0}, batch_size="full", epochs=1)
    slopes: Array = theta - drive(a_stack(plain, Engine("numpy", 1), Start(theta)))[1].last
    return slopes


def test_l_bfgs_says_how_often_it_looked_and_how_steep_it_is() -> None:
    spec = a_spec(optimizer={"name": "lbfgs"}, batch_size="full", epochs=30)
    records, _, _ = drive(a_stack(spec, Engine("numpy", 1)))
    assert records[0].passes >= 2  # the place itself, and at least one other
    assert all(record.passes >= 1 for record in records)
    assert records[-1].steepness is not None
    assert records[0].steepness is not None
    assert records[-1].steepness < records[0].steepness
    plain = drive(a_stack(a_spec(), Engine("numpy", 1)))[0]
    assert {(record.passes, record.steepness) for record in plain} == {(1, None)}


def test_a_start_of_another_network_is_refused(engine: Engine) -> None:
    spec = a_spec()
    theta = drawn(spec)
    for start in (Start(theta[:-1]), Start(theta.astype(np.float32)), Start(theta, np.zeros((1, theta.size)))):
        with pytest.raises(ValueError, match="another network"):
            a_stack(spec, engine, start)
    with pytest.raises(ValueError, match="equally many steps"):
        fit_stack([spec, spec], rows(), outputs=3, starts=[Start(theta), Start(theta, steps=1)], engine=engine)
