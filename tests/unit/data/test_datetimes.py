"""Date-times as texts to milliseconds."""

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.data.datetimes import read_datetime
from steepest.data.formats.arrow import moments

DAY = 86_400_000.0


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01", 0),
        ("1970-01-02T00:00:00Z", DAY),
        ("1970-01-02 00:00:00", DAY),
        (" 1970-01-02\t", DAY),
        ("1970-01-01T12", DAY / 2),
        ("1970-01-01T12:00", DAY / 2),
        ("1970-01-01t12:00z", DAY / 2),
        ("1970-01-01T14:00+02:00", DAY / 2),
        ("1970-01-01T08:30-0330", DAY / 2),
        ("1970-01-01T13:00:00+01", DAY / 2),
        ("1970-01-01T00:00:00.5", 500),
        ("1970-01-01T00:00:00,25Z", 250),
        ("1970-01-01T00:00:00.000001999", 0.001),
        ("1969-12-31T23:59:59.999", -1),
        ("0001-01-01", -62_135_596_800_000),
        ("9999-12-31T23:59:59", 253_402_300_799_000),
        ("2024-02-29", 1_709_164_800_000),
    ],
)
def test_a_date_time_is_milliseconds(text: str, milliseconds: float) -> None:
    assert read_datetime(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026", "2026-01", "20260131", "2026-W05", "2026-1-3", "31.01.2026", "01/31/2026"),
        *("0000-01-01", "2026-13-01", "2026-02-30", "12026-01-01", "-2026-01-01"),
        *("2026-01-31T24:00", "2026-01-31T12:60", "2026-01-31T12:00:60", "2026-01-31T120000", "2026-01-31_12:00"),
        *("2026-01-31T", "2026-01-31T12:00:00.", "2026-01-31T12:00:00.1234567890", "2026-01-31T12:00 UTC"),
        *("2026-01-31T12:00+24:00", "2026-01-31T12:00+1", "2026-01-31Z", "2026-01-31T12:00:00+02:00:00"),
        *("\uff12\uff10\uff12\uff16-01-31", "2026-01-31T12:00Zx"),
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert read_datetime(text) is None


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60))
def test_what_python_writes_is_read(moment: datetime, minutes: int) -> None:
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    exact = (there - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)
    assert read_datetime(there.isoformat()) == exact


@given(
    st.lists(st.none() | st.datetimes().filter(lambda moment: 1 < moment.year < 9999), max_size=20),
    st.sampled_from(["", "Z", "+05:30", "-11"]),
    st.sampled_from(["T", " "]),
)
def test_texts_are_read_together_as_one_by_one(found: list[datetime | None], zone: str, between: str) -> None:
    texts = [None if moment is None else moment.isoformat(between) + zone for moment in found]
    together = moments(pa.array(texts, pa.string()))
    assert together is not None
    alone = [math.nan if text is None else read_datetime(text) for text in texts]
    np.testing.assert_allclose(together, np.array(alone, np.float64), rtol=1e-15, atol=1e-9)


@pytest.mark.parametrize("texts", [["2026-01-01", "x"], ["2026-01-01", "2026-01-01T00:00Z"], ["0000-01-01"]])
def test_texts_that_are_not_alike_are_left_to_the_slow_way(texts: list[str]) -> None:
    assert moments(pa.array(texts)) is None
