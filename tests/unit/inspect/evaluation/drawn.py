"""Rows and predictions as Hypothesis draws them: few distinct probabilities, so that ties are many."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from steepest.inspect.evaluation.classes import ClassTally
from steepest.inspect.evaluation.labels import LabelTally
from steepest.inspect.evaluation.values import ValueTally

EIGHTHS = st.integers(0, 8).map(lambda number: number / 8)


@st.composite
def of_classes(draw: Any, least: int = 2, most: int = 5) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Class codes (n,) and probabilities (n, classes); classes may be absent, and probabilities 0 and 1."""
    rows, classes = draw(st.integers(1, 30)), draw(st.integers(least, most))
    codes = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=rows, max_size=rows)), np.intp)
    weights = st.lists(st.integers(0, 4), min_size=classes, max_size=classes).filter(any)
    shares = np.array(draw(st.lists(weights, min_size=rows, max_size=rows)), np.float64)
    return codes, shares / shares.sum(axis=1, keepdims=True)


@st.composite
def of_labels(draw: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels (n, labels) of 0 and 1, and probabilities (n, labels)."""
    rows, labels = draw(st.integers(1, 30)), draw(st.integers(2, 4))
    cells = rows * labels
    y = draw(st.lists(st.integers(0, 1), min_size=cells, max_size=cells))
    p = draw(st.lists(EIGHTHS, min_size=cells, max_size=cells))
    return np.array(y).reshape(rows, labels), np.array(p, np.float64).reshape(rows, labels)


@st.composite
def of_values(draw: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values and predictions (n, columns), all of them eighths, which floats hold exactly."""
    rows, columns = draw(st.integers(1, 40)), draw(st.integers(1, 3))
    cells = rows * columns
    numbers = st.lists(st.integers(-40, 40).map(lambda number: number / 8), min_size=cells, max_size=cells)
    return np.array(draw(numbers)).reshape(rows, columns), np.array(draw(numbers)).reshape(rows, columns)


def fed(tally: ClassTally | LabelTally | ValueTally, y: NDArray[Any], predicted: NDArray[Any], blocks: int = 3) -> None:
    """Give rows to a tally block by block."""
    for rows in np.array_split(np.arange(len(y)), blocks):
        if len(rows):
            tally.add(rows, y[rows], predicted[rows])
