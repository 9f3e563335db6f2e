"""Splits that go by a column: what the column may be, and what its labels say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from steepest.spec.names import SplitMethod

Part = Literal["training", "validation", "test"]

BY_COLUMN: Final[tuple[SplitMethod, ...]] = ("group", "time", "column")
"""Methods that go by a column."""

SPELLINGS: Final[Mapping[str, Part]] = {
    **dict.fromkeys(("training", "train"), "training"),
    **dict.fromkeys(("validation", "valid", "val"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Labels that say which part a row is in; capitals and blanks around them do not count."""

MARKS: Final[Mapping[str, bool]] = {"1": True, "0": False, "true": True, "false": False}
"""Labels that say whether a row is a test row, likewise."""


@dataclass(frozen=True)
class Roles:
    """What the labels of a column say about their rows."""

    parts: Mapping[str, Part]
    """The part of each label."""
    marks_test: bool
    """The column tells test rows from others only; validation rows are drawn from the others."""


@dataclass(frozen=True)
class PartingFacts:
    """What a schema says about the column that a split goes by."""

    rows: int
    """Rows that have a value."""
    parts: tuple[int, int, int] | None = None
    """Rows that it marks as training, validation and test rows; None where it is no column of marks."""
    marks_test: bool = False
    """As of `Roles`."""


class NoRole(ValueError):
    """A label that says nothing about a part."""


def roles_of(labels: Iterable[str]) -> Roles:
    """What labels say: all name parts, or all mark test rows.

    Raises:
        NoRole: one does neither; the message says which.
    """
    known = {label: label.strip().casefold() for label in labels}
    if known and all(word in MARKS for word in known.values()):
        return Roles({label: "test" if MARKS[word] else "training" for label, word in known.items()}, marks_test=True)
    for label, word in known.items():
        if word not in SPELLINGS:
            raise NoRole(f'"{label}" is none of "training", "validation" and "test", nor 0 or 1 for a test row')
    return Roles({label: SPELLINGS[word] for label, word in known.items()}, marks_test=False)


def parts_asked(validation: float, test: float) -> int:
    """How many parts there are to be, by their shares."""
    return 1 + (validation > 0) + (test > 0)
