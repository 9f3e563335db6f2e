"""The one error for data that cannot be used, summed up from its problems."""

from collections.abc import Sequence

from steepest.spec.errors import DataUnusable, FieldProblem


def unusable(problems: Sequence[FieldProblem]) -> DataUnusable:
    """An error whose detail is the first problem and the number of the others."""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return DataUnusable(problems[0].detail + more, problems=problems)
