import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.inspect import scales

finite = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)
positive = st.floats(min_value=1e-12, max_value=1e12)


@given(st.lists(finite, min_size=1, max_size=20))
def test_every_value_and_tick_lies_on_the_axis(values: list[float]) -> None:
    scale = scales.fitting(values, 0.0, 100.0)
    for value in [*values, *scale.ticks]:
        assert -1e-6 <= scale(value) <= 100 + 1e-6
    assert len(scale.ticks) <= 7


@given(positive, st.floats(min_value=25, max_value=1e9))
def test_a_wide_range_above_zero_is_logarithmic(low: float, ratio: float) -> None:
    scale = scales.fitting([low, low * ratio], 0.0, 100.0)
    assert scale.logarithmic
    assert scale.ticks
    assert 0 < scale(low) < scale(low * ratio) < 100


def test_a_range_that_holds_zero_stays_linear() -> None:
    assert not scales.fitting([0.0, 1000.0], 0.0, 1.0).logarithmic


def test_a_range_wider_than_numbers_are_stays_linear() -> None:
    assert not scales.fitting([1e-313, 1.0], 0.0, 1.0).logarithmic


def test_ticks_are_round() -> None:
    assert scales.linear(0.0, 1.06, 0.0, 1.0).ticks == pytest.approx((0.0, 0.5, 1.0))
    assert scales.logarithmic(0.04, 1.1, 0.0, 1.0).ticks == pytest.approx((0.05, 0.1, 0.2, 0.5, 1.0))
    assert scales.logarithmic(1e-6, 10.0, 0.0, 1.0).ticks == pytest.approx((1e-6, 1e-4, 1e-2, 1.0))
    assert scales.whole(1, 62, 0.0, 1.0).ticks == (1.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0)


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_epochs_have_whole_ticks(first: int, more: int) -> None:
    ticks = scales.whole(first, first + more, 0.0, 1.0).ticks
    assert all(tick == round(tick) and first <= tick <= first + more for tick in ticks)
    assert ticks[0] == first
    assert list(ticks) == sorted(set(ticks))
    assert len(ticks) <= 10


def test_labels_are_short() -> None:
    assert [scales.label(value) for value in (0.002, 50.0, 20000.0, 1e-7, 0.123456, 0.0)] == [
        *("0.002", "50", "20,000", "1e-07", "0.1235", "0")
    ]
