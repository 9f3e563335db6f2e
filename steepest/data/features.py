"""What is learned about each feature from the training rows: plain values, one record per column."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from steepest.data.murmur import bucket_of

Floats = NDArray[np.float64]

PERIODS: Final = (86_400_000.0, 7 * 86_400_000.0, 365.2425 * 86_400_000.0)
"""Milliseconds of a day, a week and a year (the mean one of the Gregorian calendar)."""

DATETIME_UNITS: Final = 1 + 2 * len(PERIODS)


@dataclass(frozen=True)
class NumericFeature:
    """One unit: (x - center) / scale, with `fill` in place of a missing x; 0 where the scale is 0.

    With `indicator` a second one: 1 where x is missing.
    """

    name: str
    center: float
    scale: float
    fill: float
    """In the column's own units."""
    indicator: bool = False
    """Whether one more unit, the last, is 1 where the value is missing."""
    kind: Literal["numeric"] = "numeric"
    untaught: bool = False
    """No training row lacks a value, though the data set has rows that do: the indicator's unit stays 0."""

    @property
    def width(self) -> int:
        """Units of the input layer."""
        return 1 + self.indicator


@dataclass(frozen=True)
class CategoricalFeature:
    """One unit per category, and one for all others when there are more categories than `max_categories`.

    A missing category is all zeros. One that the training rows never showed is `other`, or all zeros without one.
    """

    name: str
    categories: tuple[str, ...]
    """In the order of their units."""
    unseen: tuple[str, ...]
    """Those of `categories` that no training row has: their units stay 0."""
    other: bool
    indicator: bool = False
    """As of a number."""
    kind: Literal["categorical"] = "categorical"
    untaught: bool = False
    """As of a number."""

    @property
    def width(self) -> int:
        """Units of the input layer."""
        return len(self.categories) + self.other + self.indicator

    @cached_property
    def units(self) -> dict[str, int]:
        """The units of the categories that training rows have."""
        unseen = set(self.unseen)
        return {category: unit for unit, category in enumerate(self.categories) if category not in unseen}

    @property
    def known(self) -> Collection[str]:
        """Labels that are taken as they are written."""
        return self.units

    def unit(self, label: str) -> int:
        """The unit that a label switches on, -1 for none."""
        return self.units.get(label, len(self.categories) if self.other else -1)


@dataclass(frozen=True)
class OrdinalFeature:
    """One unit: the category's place in `categories`, from 0, as a number that is scaled as one.

    A category that is none of them is missing.
    """

    name: str
    categories: tuple[str, ...]
    """All of the data set, in order."""
    center: float
    scale: float
    fill: float
    """A place."""
    indicator: bool = False
    """As of a number."""
    kind: Literal["ordinal"] = "ordinal"
    untaught: bool = False
    """As of a number."""

    @property
    def width(self) -> int:
        """Units of the input layer."""
        return 1 + self.indicator

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each category."""
        return {category: place for place, category in enumerate(self.categories)}

    @property
    def known(self) -> Collection[str]:
        """Labels that are taken as they are written."""
        return self.places


@dataclass(frozen=True)
class HashedFeature:
    """One unit per bucket, of which a label switches on `murmur.bucket_of(label, buckets)`; a missing one, none."""

    name: str
    categories: tuple[str, ...]
    """All of the data set, in order. Any other label has its bucket too."""
    buckets: int
    indicator: bool = False
    """As of a number."""
    kind: Literal["hashed"] = "hashed"
    untaught: bool = False
    """As of a number."""

    @property
    def width(self) -> int:
        """Units of the input layer."""
        return self.buckets + self.indicator

    @cached_property
    def known(self) -> Collection[str]:
        """Labels that are taken as they are written."""
        return frozenset(self.categories)

    def unit(self, label: str) -> int:
        """The unit that a label switches on."""
        return bucket_of(label, self.buckets)


@dataclass(frozen=True)
class DateTimeFeature:
    """Seven units of a moment in milliseconds since 1970 UTC, with `fill` in place of a missing one.

    The first is scaled as a number; then come sine and cosine of the turn that it is at in the day, the week and the
    year (`PERIODS`), with turn 0 at the start of 1970. All of it is computed in float64.
    """

    name: str
    center: float
    scale: float
    fill: float
    """In milliseconds."""
    indicator: bool = False
    """As of a number."""
    kind: Literal["datetime"] = "datetime"
    untaught: bool = False
    """As of a number."""

    @property
    def width(self) -> int:
        """Units of the input layer."""
        return DATETIME_UNITS + self.indicator


Feature = Annotated[
    NumericFeature | CategoricalFeature | OrdinalFeature | HashedFeature | DateTimeFeature,
    Field(discriminator="kind"),
]


def cycles(moments: Floats) -> Floats:
    """Sine and cosine (n, 6) of moments (n,) in milliseconds since 1970 UTC: of the day, the week, the year."""
    angles = np.remainder(moments[:, None], PERIODS) * (2.0 * math.pi / np.array(PERIODS))
    return np.stack([np.sin(angles), np.cos(angles)], axis=2).reshape(len(moments), -1)
