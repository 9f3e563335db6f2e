"""Where a fault is, in a file that has no lines."""

from collections.abc import Sequence

from steepest.data.formats.reader import Fault
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import pointer_to


def place_by_row(fault: Fault, names: Sequence[str]) -> FieldProblem:
    """A fault by its row, counted from 0 as NumPy and pandas do, and its column."""
    name = names[fault.column]
    detail = f'row {fault.row}, column "{name}": {fault.detail}'
    return FieldProblem(pointer=pointer_to(["rows", fault.row, name]), detail=detail)
