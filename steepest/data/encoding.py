"""Values of features to units of the input layer: numbers scaled, labels switched on, moments turned into cycles."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from steepest.data.features import (
    CategoricalFeature,
    DateTimeFeature,
    HashedFeature,
    NumericFeature,
    OrdinalFeature,
    cycles,
)

Inputs: TypeAlias = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]
LabelFeature = CategoricalFeature | OrdinalFeature | HashedFeature


def value_of(feature: LabelFeature, label: str | None) -> float:
    """The number that stands for a label: its unit, or its place among the ordinal ones; NaN for a missing one."""
    if label is None:
        return np.nan
    return feature.places.get(label, np.nan) if isinstance(feature, OrdinalFeature) else feature.unit(label)


def put(feature: LabelFeature | DateTimeFeature, values: Floats, inputs: Inputs) -> None:
    """Write the units (n, width) of a feature, which are 0 so far.

    Args:
        feature: Whose units they are.
        values: (n,) milliseconds, or what `value_of` says of labels; NaN where a value is missing.
        inputs: (n, width), to write to.
    """
    missing = np.isnan(values)
    if feature.indicator and not feature.untaught:
        inputs[:, -1] = missing
    if isinstance(feature, CategoricalFeature | HashedFeature):
        rows = np.flatnonzero(values >= 0)
        inputs[rows, values[rows].astype(np.intp)] = 1.0
        return
    values = np.where(missing, feature.fill, values)
    if feature.scale:
        inputs[:, 0] = (values - feature.center) / feature.scale
    if isinstance(feature, DateTimeFeature):
        inputs[:, 1:7] = cycles(values)


class NumberEncoder:
    """All features of numbers at once: their centers, scales and fills as vectors."""

    def __init__(self, features: Sequence[NumericFeature], starts: Sequence[int]) -> None:
        self._center = np.array([feature.center for feature in features])
        self._scale = np.array([feature.scale or 1.0 for feature in features])
        self._fill = np.array([feature.fill for feature in features])
        self._constant = np.array([feature.scale == 0.0 for feature in features])
        contiguous = list(starts) == list(range(len(starts)))
        self._units = slice(len(starts)) if contiguous else list(starts)
        self._told = np.array([feature.indicator and not feature.untaught for feature in features], bool)
        self._indicators = np.array(starts, np.intp)[self._told] + 1

    def put(self, x: Floats, inputs: Inputs) -> None:
        """Scale raw numbers x (k, features) in place, then copy them to their units of `inputs` (k, width)."""
        missing = np.isnan(x)
        if missing.any():
            np.copyto(x, self._fill, where=missing)
            inputs[:, self._indicators] = missing[:, self._told]
        x -= self._center
        x /= self._scale
        if self._constant.any():
            x[:, self._constant] = 0.0
        inputs[:, self._units] = x
