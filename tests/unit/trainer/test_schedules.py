"""Learning rates step by step: formulas written out, PyTorch's rules written out, and scikit-learn's own."""

from math import cos, pi
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from steepest.spec import schedules as spec
from steepest.trainer.schedules import RULES, Plateau, Schedule

ETA, N, ROWS = 0.3, 7, 50
ADAPTER: TypeAdapter[Any] = TypeAdapter(spec.Schedule)


def of(settings: spec.Schedule, epochs: int = 12) -> Schedule:
    return Schedule.of(settings, ETA, epochs=epochs, steps_per_epoch=N, rows=ROWS)


def per_epoch(schedule: Schedule, epochs: int) -> list[float]:
    """The rates of the epochs, all of whose steps have the same."""
    rates = schedule.rates(0, epochs * N).reshape(epochs, N)
    assert (rates == rates[:, :1]).all()
    return [float(rate) for rate in rates[:, 0]]


def test_constant() -> None:
    assert per_epoch(of(spec.Constant()), 5) == [ETA] * 5


def test_step() -> None:
    rates = per_epoch(of(spec.Step(step_epochs=3, factor=0.5)), 8)
    assert rates == pytest.approx([ETA, ETA, ETA, ETA / 2, ETA / 2, ETA / 2, ETA / 4, ETA / 4])
    assert per_epoch(of(spec.Step()), 12)[8:] == pytest.approx([ETA, ETA, ETA / 10, ETA / 10])


def test_exponential() -> None:
    assert per_epoch(of(spec.Exponential()), 6) == pytest.approx([ETA * 0.95**e for e in range(6)])


def test_cosine_ends_at_0_after_the_last_step() -> None:
    rates = of(spec.Cosine(), 12).rates(0, 12 * N + 1)
    assert rates == pytest.approx([ETA * (1 + cos(pi * s / (12 * N))) / 2 for s in range(12 * N + 1)], abs=1e-17)


def by_pytorch_one_cycle(step: int, total: int) -> float:
    """OneCycleLR.get_lr of PyTorch 2, with its defaults."""

    def anneal(start: float, end: float, share: float) -> float:
        return end + (start - end) / 2 * (cos(pi * share) + 1)

    initial = ETA / 25
    phases = [(0.3 * total - 1, initial, ETA), (total - 1, ETA, initial / 1e4)]
    start_step = 0.0
    for number, (end_step, start, end) in enumerate(phases):
        if step <= end_step or number == len(phases) - 1:
            return anneal(start, end, (step - start_step) / (end_step - start_step))
        start_step = end_step
    raise AssertionError


@pytest.mark.parametrize("epochs", [1, 2, 10])
def test_one_cycle_is_pytorchs(epochs: int) -> None:
    total = epochs * N
    expected = [by_pytorch_one_cycle(step, total) for step in range(total)]
    assert of(spec.OneCycle(), epochs).rates(0, total) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_one_cycle_of_next_to_no_steps(steps: int) -> None:
    rates = Schedule.of(spec.OneCycle(), ETA, epochs=1, steps_per_epoch=steps, rows=9).rates(0, steps)
    assert rates == pytest.approx([by_pytorch_one_cycle(step, steps) for step in range(steps)])


@pytest.mark.parametrize("power", [0.0, 0.5, 1.3])
def test_inverse_scaling_is_scikit_learns(power: float) -> None:
    peer = SGDOptimizer([np.zeros(1)], ETA, "invscaling", power_t=power)
    expected = []
    for epoch in range(6):
        expected.append(peer.learning_rate)
        peer.iteration_ends((epoch + 1) * ROWS)
    assert per_epoch(of(spec.InverseScaling(power=power)), 6) == pytest.approx(expected)


@pytest.mark.parametrize("settings", [spec.Constant, spec.Step, spec.Exponential, spec.Cosine, spec.InverseScaling])
def test_a_warm_up_rises_step_by_step_and_the_schedule_follows_over_the_epochs_left(settings: Any) -> None:
    rates = of(settings(warmup_epochs=2), 12).rates(0, 12 * N)
    assert rates[: 2 * N] == pytest.approx([ETA * (s + 1) / (2 * N) for s in range(2 * N)])
    assert rates[2 * N :] == pytest.approx(of(settings(), 10).rates(0, 10 * N))


def test_a_run_may_be_all_warm_up() -> None:
    rates = of(spec.Cosine(warmup_epochs=20), 5).rates(0, 5 * N)
    assert rates == pytest.approx([ETA * (s + 1) / (20 * N) for s in range(5 * N)])


@given(
    name=st.sampled_from(sorted(RULES)),
    warmup=st.integers(0, 3),
    first=st.integers(0, 60),
    steps=st.integers(1, 30),
)
def test_rates_do_not_depend_on_where_one_starts_to_ask(name: Any, warmup: int, first: int, steps: int) -> None:
    settings = ADAPTER.validate_python({"name": name} | ({} if name == "one_cycle" else {"warmup_epochs": warmup}))
    schedule = of(settings, 13)
    all_of_them = schedule.rates(0, 13 * N)
    assert np.array_equal(schedule.rates(first, steps), all_of_them[first : first + steps])
    assert all_of_them.dtype == np.float64
    assert (all_of_them >= 0).all()
    assert all_of_them.max() <= ETA * (1 + 1e-15)


def by_pytorch_plateau(figures: list[float], factor: float, patience: int, mode: str) -> list[float]:
    """The rate after each epoch by PyTorch's ReduceLROnPlateau.step, with its other defaults."""
    best, bad, rate, rates = (float("inf") if mode == "min" else -float("inf")), 0, ETA, []
    for figure in figures:
        if (figure < best * (1 - 1e-4)) if mode == "min" else (figure > best * (1 + 1e-4)):
            best, bad = figure, 0
        else:
            bad += 1
        if bad > patience:
            new = max(rate * factor, 0)
            if rate - new > 1e-8:
                rate = new
            bad = 0
        rates.append(rate)
    return rates


@given(
    figures=st.lists(st.floats(-1, 3).map(lambda figure: round(figure, 1)), max_size=60),
    factor=st.sampled_from([0.01, 0.1, 0.5]),
    patience=st.integers(0, 5),
    mode=st.sampled_from(["min", "max"]),
)
def test_plateau_is_pytorchs(figures: list[float], factor: float, patience: int, mode: str) -> None:
    schedule = of(spec.Plateau(factor=factor, patience=patience))
    plateau = schedule.plateau("lowest" if mode == "min" else "highest")
    assert plateau is not None
    rates = []
    for epoch, figure in enumerate(figures, 1):
        plateau.note(epoch, figure)
        rates.append(schedule.rates(0, 1)[0] * plateau.multiple)
    assert rates == pytest.approx(by_pytorch_plateau(figures, factor, patience, mode), rel=1e-12)


def test_a_plateau_does_not_count_its_warm_up() -> None:
    plateau = of(spec.Plateau(patience=1, warmup_epochs=3)).plateau()
    assert isinstance(plateau, Plateau)
    seen = []
    for epoch, figure in enumerate([1.0, 0.1, 2, 2, 2, 2, 2], 1):
        plateau.note(epoch, figure)
        seen.append(plateau.multiple)
    assert seen == pytest.approx([1, 1, 1, 1, 1, 0.1, 0.1])


def test_only_a_plateau_watches() -> None:
    assert of(spec.Cosine()).plateau() is None
    assert per_epoch(of(spec.Plateau()), 4) == [ETA] * 4


def test_every_schedule_of_the_spec_has_its_rule() -> None:
    assert set(RULES) == set(spec.SUPPORTED)


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "one_cycle", "warmup_epochs": 2},
        {"name": "step", "step_epochs": 0},
        {"name": "step", "power": 1.0},
        {"name": "plateau", "factor": 1.0},
        {"name": "cosine", "warmup_epochs": -1},
        {"name": "sine"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: Any) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(settings)


def test_without_a_name_it_is_constant() -> None:
    assert ADAPTER.validate_python({"warmup_epochs": 3}) == spec.Constant(warmup_epochs=3)
