"""What the names of columns must be like, wherever they come from."""

from collections.abc import Iterable, Iterator, Sequence

from steepest.data.labels import LONGEST_LABEL, objection, shorten
from steepest.data.limits import IngestLimits
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem


def name_objections(names: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Places, counted from 1, of names that cannot be a column's, and why."""
    first_place: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if why := _objection(name, first_place.setdefault(name, place), place):
            yield place, why


def checked_names(names: Iterable[str], limits: IngestLimits) -> list[str]:
    """The names of a file that has them apart from its rows.

    Raises:
        DataUnusable: there are none or too many, or some cannot be used.
    """
    names = list(names)
    if not names:
        raise unusable([FieldProblem(pointer="/columns", detail="a file without columns")])
    if len(names) > limits.columns:
        detail = f"the file has {len(names):,} columns; the limit is {limits.columns:,}"
        raise unusable([FieldProblem(pointer="/columns", detail=detail)])
    problems = [
        FieldProblem(pointer=f"/columns/{place}", detail=f"column {place}: {why}")
        for place, why in name_objections(names)
    ]
    if problems:
        raise unusable(problems[: limits.problems])
    return names


def _objection(name: str, first_place: int, place: int) -> str | None:
    if not name:
        return "the header has no name here"
    if first_place < place:
        return f"the header has the name {shorten(name)} already in column {first_place}"
    if len(name) > LONGEST_LABEL:
        return f"a name of {len(name):,} characters; the limit is {LONGEST_LABEL:,}"
    return objection(name)
