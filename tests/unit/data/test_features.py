"""Fitted features are plain values: their widths, their units, and their way through JSON."""

import json
import math
from typing import Any

import numpy as np
import pytest

from steepest.data.features import (
    CategoricalFeature,
    DateTimeFeature,
    HashedFeature,
    NumericFeature,
    OrdinalFeature,
    cycles,
)
from steepest.data.preprocessing import Preprocessing

LABELS = ("a", "b", "c")


@pytest.mark.parametrize(
    ("feature", "width"),
    [
        (NumericFeature("x", 0.1, 3.0, 1e-300), 1),
        (CategoricalFeature("x", LABELS, ("c",), other=False), 3),
        (CategoricalFeature("x", LABELS, (), other=True, untaught=True), 4),
        (OrdinalFeature("x", LABELS, 1.0, 0.5, 1.1), 1),
        (HashedFeature("x", LABELS, 16), 16),
        (DateTimeFeature("x", 1.7e12, 1e9, 1.69e12), 7),
    ],
)
@pytest.mark.parametrize("indicator", [False, True])
def test_a_feature_knows_its_width_and_survives_json(feature: Any, width: int, indicator: bool) -> None:
    feature = type(feature)(**{**vars(feature), "indicator": indicator})
    assert feature.width == width + indicator
    fitted = Preprocessing((feature, NumericFeature("y", 0.0, 1.0, 0.0)))
    text = json.dumps(fitted.to_json(), allow_nan=False)
    assert Preprocessing.from_json(json.loads(text)) == fitted
    assert fitted.width == width + indicator + 1


def test_cycles_begin_with_1970() -> None:
    day = 86_400_000.0
    moments = np.array([0.0, day / 4, 7 * day / 2, 365.2425 * day, -day / 4])
    expected: list[list[float]] = [
        [0, 1, 0, 1, 0, 1],
        [1, 0, *_turn(1 / 28), *_turn(0.25 / 365.2425)],
        [*_turn(0.5), *_turn(0.5), *_turn(3.5 / 365.2425)],
        [*_turn(0.2425), *_turn(365.2425 / 7), 0, 1],
        [-1, 0, *_turn(-1 / 28), *_turn(-0.25 / 365.2425)],
    ]
    np.testing.assert_allclose(cycles(moments), expected, atol=1e-12)


def _turn(turns: float) -> tuple[float, float]:
    angle = 2 * math.pi * math.fmod(turns, 1.0)
    return math.sin(angle), math.cos(angle)
