"""What there is to learn: the task that the loss or the target's values call for, and whether they can serve it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from steepest.spec.errors import FieldProblem
from steepest.spec.names import LOSSES_BY_TASK, Task
from steepest.spec.training import TrainSpec

MOST_VALUES_OF_A_CLASS_CODE: Final = 20
"""Whole numbers with at most this many distinct values are taken for classes."""

OF_ONE_COLUMN: Final[tuple[Task, ...]] = ("binary", "multiclass", "regression")
OF_COLUMNS: Final[tuple[Task, ...]] = ("multilabel", "regression")
CLASSES: Final[frozenset[Task]] = frozenset({"binary", "multiclass"})
"""Tasks that give each row one of several classes."""
HALF: Final = 0.5
"""A row has a label whose probability is above this."""


@dataclass(frozen=True)
class TargetFacts:
    """What the data say about a target column, over the rows that have one."""

    name: str
    rows: int
    distinct: int
    numeric: bool
    whole: bool
    classes: tuple[str, ...] | None
    """The distinct values as labels, ascending; None when there are more than are kept."""
    counts: tuple[int, ...] | None
    """Rows of each class, in the order of `classes`."""
    least: float | None = None
    """The smallest number."""

    @property
    def is_label(self) -> bool:
        """Whether all values are 0 and 1: a label that a row has or has not."""
        return self.numeric and self.classes is not None and set(self.classes) <= {"0", "1"}


def task_of(spec: TrainSpec, targets: Sequence[TargetFacts]) -> Task:
    """The task that is asked for, else the one that the loss decides, else the one that the values call for."""
    if spec.task != "auto":
        return spec.task
    several = len(targets) > 1
    candidates = OF_COLUMNS if several else OF_ONE_COLUMN
    allowed = [task for task in candidates if spec.loss.name in ("auto", *LOSSES_BY_TASK[task])] or candidates
    if len(allowed) == 1:
        return allowed[0]
    if several:
        return "multilabel" if all(target.is_label for target in targets) else "regression"
    return _of_values(targets[0], allowed)


def target_problems(spec: TrainSpec, targets: Sequence[TargetFacts], task: Task) -> Iterator[FieldProblem]:
    """Why the target cannot be learned; at most one reason for each column."""
    several = len(targets) > 1
    if several and task in CLASSES:
        detail = f'the task "{task}" has one target column, not {len(targets)}; use "multilabel" or "regression"'
        yield FieldProblem(pointer="/task", detail=detail)
        return
    for number, target in enumerate(targets):
        pointer = f"/target/{number}" if several else "/target"
        if objection := _objection(target, task):
            asked_for = spec.task == "binary" and target.classes is not None and target.distinct > 2
            yield FieldProblem(pointer="/task" if asked_for else pointer, detail=objection)
        elif spec.loss.name == "poisson" and target.least is not None and target.least < 0:
            detail = (
                f'column "{target.name}" goes down to {target.least:g}; the loss "poisson" needs values of at least 0'
            )
            yield FieldProblem(pointer=pointer, detail=detail)


def _of_values(target: TargetFacts, allowed: Iterable[Task]) -> Task:
    codes = target.whole and target.distinct <= MOST_VALUES_OF_A_CLASS_CODE
    if target.distinct == 2 and "binary" in allowed:
        return "binary"
    if (not target.numeric or codes or "regression" not in allowed) and "multiclass" in allowed:
        return "multiclass"
    return "regression"


def _objection(target: TargetFacts, task: Task) -> str | None:
    column = f'column "{target.name}"'
    if target.rows == 0:
        return f"{column} has no values"
    if target.distinct == 1:
        value = f' ("{target.classes[0]}")' if target.classes else ""
        return f"{column} has one distinct value{value}: there is nothing to tell apart"
    if task == "regression":
        return None if target.numeric else f'{column} holds text; regression needs numbers. Use the task "multiclass"'
    if task == "multilabel":
        return None if target.is_label else f"{column} holds other values than 0 and 1; a label is one of these"
    if target.classes is None:
        return f"{column} has {target.distinct:,} distinct values, too many to be classes"
    if task == "binary" and target.distinct != 2:
        return f"a binary task needs two classes; {column} has {target.distinct:,}"
    return None
