import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.card.limits import interval


@pytest.mark.parametrize(
    ("right", "rows", "expected"),
    [  # Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_the_interval_is_wilsons(right: int, rows: int, expected: tuple[float, float]) -> None:
    assert interval(right / rows, rows) == pytest.approx(expected, abs=6e-5)


@given(st.integers(1, 10**6), st.data())
def test_the_interval_holds_the_share_and_stays_between_0_and_1(rows: int, data: st.DataObject) -> None:
    share = data.draw(st.integers(0, rows)) / rows
    low, high = interval(share, rows)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
