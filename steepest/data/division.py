"""The rows of a table to the parts that a spec's split asks for, by the values of the column that it goes by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from steepest.data.split import TEST, TRAINING, VALIDATION, Parts, split, split_groups, split_marked, split_time
from steepest.data.table import CategoricalColumn, Column, DateTimeColumn, FreeTextColumn, NumericColumn, Rows, Table
from steepest.data.target import Target
from steepest.data.unusable import unusable
from steepest.spec.errors import DataUnusable, FieldProblem
from steepest.spec.labels import number_label
from steepest.spec.parting import BY_COLUMN, NoRole, parts_asked, roles_of
from steepest.spec.resolved import ResolvedSplit, ResolvedTrainSpec

MARKS = {"training": TRAINING, "validation": VALIDATION, "test": TEST}
NOWHERE = -1
"""Marks a row that is in no part."""


@dataclass(frozen=True)
class Division:
    """How a table's rows are divided."""

    parts: Parts
    """Row numbers of the table."""
    warnings: tuple[str, ...]


def divide(
    table: Table, rows: Rows, spec: ResolvedTrainSpec, targets: Sequence[str], classes: Sequence[str]
) -> Division:
    """Divide those `rows` of a table that have every target.

    Args:
        table: The data.
        rows: Ascending row numbers.
        spec: Resolved for this data.
        targets: The columns to predict.
        classes: Labels in class order.

    Raises:
        DataUnusable: there is no such column, it cannot serve the method, or a part that is needed is empty; pointers
            `/split/column` and `/split`.
    """
    if spec.split.method in BY_COLUMN:
        name = spec.split.column or ""
        if name not in table.index:
            raise _refusal(f'there is no column "{name}" to split by')
        kept, parts = _by_column(spec.split, table[name], rows)
    else:
        codes = None
        if spec.split.method == "stratified":
            codes = Target(tuple(targets), spec.task, tuple(classes)).encode(table, rows, np.intp)
        kept, parts = rows, split(spec.split, len(rows), codes)
    if not len(parts.training):
        raise _refusal("the split leaves no training rows", "/split")
    lost = len(rows) - len(kept)
    warnings = (f'{of_rows(lost)} no value of the split column "{spec.split.column}": left out',) if lost else ()
    return Division(Parts(kept[parts.training], kept[parts.validation], kept[parts.test]), warnings)


def of_rows(rows: int) -> str:
    """So many rows have, in words."""
    return f"{rows:,} {'row has' if rows == 1 else 'rows have'}"


def _by_column(spec: ResolvedSplit, column: Column, rows: Rows) -> tuple[Rows, Parts]:
    """The rows that have a part, and the places of each part's rows among them."""
    if isinstance(column, FreeTextColumn):
        raise _refusal(f'column "{column.name}" is free text, whose values are not kept')
    if spec.method == "group":
        groups = _groups(column, rows)
        asked = parts_asked(spec.validation, spec.test)
        if (found := int(groups.max(initial=-1)) + 1) < asked:
            raise _refusal(f'column "{column.name}" has {found} groups, too few for {asked} parts')
        return rows, split_groups(spec, groups)
    if spec.method == "time":
        if isinstance(column, CategoricalColumn):
            raise _refusal(f'column "{column.name}" holds labels; time is a number or a date-time')
        times = column.values[rows].astype(np.float64)
        there = ~np.isnan(times)
        return rows[there], split_time(spec, times[there])
    marks, draw_validation = _marks(column, rows)
    there = marks != NOWHERE
    return rows[there], split_marked(spec, marks[there], draw_validation=draw_validation)


def _groups(column: CategoricalColumn | NumericColumn | DateTimeColumn, rows: Rows) -> NDArray[np.intp]:
    """(n,) the number of each row's group. The rows without a value are one group: they may belong together."""
    values = column.codes[rows] if isinstance(column, CategoricalColumn) else column.values[rows]
    groups: NDArray[np.intp] = np.unique(values, return_inverse=True)[1]
    return groups


def _marks(column: CategoricalColumn | NumericColumn | DateTimeColumn, rows: Rows) -> tuple[NDArray[np.intp], bool]:
    """(n,) each row's part, `NOWHERE` without a value; and whether the column marks test rows alone."""
    if isinstance(column, CategoricalColumn):
        codes = column.codes[rows].astype(np.intp)
        labels = list(column.categories)
    else:
        distinct, codes = np.unique(column.values[rows].astype(np.float64), return_inverse=True)
        labels = [number_label(number) for number in distinct.tolist() if not np.isnan(number)]
        codes = np.where(codes < len(labels), codes, NOWHERE)  # NaN comes last
    used = np.unique(codes[codes >= 0]).tolist()
    try:
        roles = roles_of(labels[code] for code in used)
    except NoRole as error:
        raise _refusal(f'column "{column.name}": {error}') from None
    marks = np.full(len(labels) + 1, NOWHERE)  # the last place serves the code -1
    for code in used:
        marks[code] = MARKS[roles.parts[labels[code]]]
    return marks[codes], roles.marks_test


def _refusal(detail: str, pointer: str = "/split/column") -> DataUnusable:
    return unusable([FieldProblem(pointer=pointer, detail=detail)])
