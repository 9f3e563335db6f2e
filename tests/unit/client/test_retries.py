from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.client.retries import Retries, seconds


@given(st.integers(1, 4))
def test_a_pause_is_drawn_below_a_bound_that_doubles(attempt: int) -> None:
    pause = Retries(attempts=5, first=0.25).pause(attempt)
    assert pause is not None
    assert 0.0 <= pause <= 0.25 * 2 ** (attempt - 1)


def test_pauses_differ_so_that_clients_do_not_come_back_together() -> None:
    assert len({Retries().pause(3) for _ in range(20)}) > 1


def test_no_pause_is_longer_than_the_longest() -> None:
    retries = Retries(attempts=100, first=1.0, longest=2.0)
    assert max(retries.pause(attempt) or 0.0 for attempt in range(1, 100)) <= 2.0


def test_the_last_attempt_has_no_pause_behind_it() -> None:
    assert Retries(attempts=3).pause(2) is not None
    assert Retries(attempts=3).pause(3) is None
    assert Retries(attempts=1).pause(1) is None


def test_what_the_service_asks_for_is_the_least() -> None:
    assert (Retries().pause(1, "7") or 0.0) >= 7.0


def test_a_service_that_asks_for_too_long_is_given_up() -> None:
    assert Retries(longest=30.0).pause(1, "31") is None


@pytest.mark.parametrize("header", [None, "soon", "", "-1"])
def test_a_header_that_says_nothing_is_none(header: str | None) -> None:
    assert seconds(header) is None


def test_a_date_counts_from_now() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    assert 90 < (seconds(later) or 0.0) <= 100
    assert seconds(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0.0
