"""Cells and labels: one meaning for a text everywhere."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.data.labels import in_class_order, is_code, read_cell
from steepest.spec.labels import number_label


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1.0),
        (" -2.50 ", -2.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("0", 0.0),
        ("-0", -0.0),
        ("0.0", 0.0),
        ("007", "007"),
        ("-01.5", "-01.5"),
        ("1,5", "1,5"),
        ("1_0", "1_0"),
        ("0x1", "0x1"),
        ("\u0661", "\u0661"),
        ("", None),
        ("  ", None),
        ("NaN", None),
        ("Inf", math.inf),
        ("-infinity", -math.inf),
        ("1e999", math.inf),
        ("infinite", "infinite"),
        (" x ", " x "),
    ],
)
def test_what_a_cell_means(text: str, value: float | str | None) -> None:
    assert read_cell(text) == value


@pytest.mark.parametrize(
    ("value", "label"),
    [(1.0, "1"), (-0.0, "0"), (2.5, "2.5"), (1e15, "1000000000000000"), (1e16, "1e+16"), (0.1, "0.1"), (-3.0, "-3")],
)
def test_numbers_as_labels(value: float, label: str) -> None:
    assert number_label(value) == label


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_label_reads_as_its_number(value: float) -> None:
    assert read_cell(number_label(value)) == value


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True))
def test_numeric_labels_ascend_as_numbers(values: list[float]) -> None:
    assert [float(label) for label in in_class_order(map(number_label, values))] == sorted(values)


def test_text_labels_ascend_by_code_point() -> None:
    assert in_class_order(["b", "10", "B", "9", "é"]) == ["10", "9", "B", "b", "é"]


def test_codes() -> None:
    assert [text for text in ("01", "0", "0.1", "-01", "0x", "00a") if is_code(text)] == ["01", "-01"]
