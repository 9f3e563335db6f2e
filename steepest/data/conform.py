"""Whether another data set can serve a network, and its columns in the kinds that the network learned.

A column of codes is numbers in a data set that has no text among them, and labels in one that has: numbers serve as
labels, written as labels are. Texts cannot serve as numbers.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from steepest.data.features import Feature
from steepest.data.labels import read_cell
from steepest.data.table import CategoricalColumn, Column, FreeTextColumn, NumericColumn, Rows, Table
from steepest.data.target import Target
from steepest.data.unusable import unusable
from steepest.spec.columns import Column as ColumnSchema
from steepest.spec.errors import FieldProblem
from steepest.spec.labels import number_label
from steepest.spec.problems import pointer_to
from steepest.spec.tasks import CLASSES

NUMBERS: Final = frozenset({"numeric", "integer"})
"""Kinds of columns that hold numbers."""

MOMENTS: Final = "datetime"
"""The kind of columns, and of features, that hold moments."""


def schema_problems(
    columns: Sequence[ColumnSchema], features: Sequence[Feature], target: Target | None = None
) -> list[str]:
    """Why a data set of these columns cannot serve a network, in words; without a target it is only to predict."""
    known = {column.name: column for column in columns}
    problems = []
    for feature in features:
        column = known.get(feature.name)
        if column is None:
            problems.append(f'it has no column "{feature.name}", a feature of the network')
        elif why := _objection(_need(feature), column.kind, free=not column.distinct_exact):
            problems.append(f'column "{feature.name}" {why}')
    for name in target.names if target else ():
        if name not in known:
            problems.append(f'it has no column "{name}", a target of the network')
        elif target and target.task not in CLASSES and known[name].kind not in NUMBERS:
            problems.append(f'column "{name}" holds no numbers')
    return problems


def conformed(
    table: Table, rows: Rows, features: Sequence[Feature], target: Target | None = None
) -> tuple[Table, Rows]:
    """The rows with columns of the kinds that were learned: the table itself where it has them, else a copy of these.

    Raises:
        DataUnusable: a column is missing, or of a kind that cannot serve.
    """
    needs = {feature.name: _need(feature) for feature in features}
    if target is not None and target.task not in CLASSES:
        needs |= dict.fromkeys(target.names, "numbers")
    elif target is not None and not _are_numbers(target.labels):
        needs |= {target.names[0]: "labels"}
    for name in (*needs, *(target.names if target else ())):
        if name not in table.index:
            raise unusable([FieldProblem(pointer=pointer_to([name]), detail=f'there is no column "{name}"')])
    changed = {name: _as(table[name], need, rows) for name, need in needs.items() if not _serves(table[name], need)}
    if not changed:
        return table, rows
    wanted = (*needs, *(name for name in (target.names if target else ()) if name not in needs))
    columns = tuple(changed[name] if name in changed else _taken(table[name], rows) for name in wanted)
    return Table(len(rows), columns), np.arange(len(rows))


def _need(feature: Feature) -> str:
    kind: str = feature.kind
    return "numbers" if kind == "numeric" else "moments" if kind == MOMENTS else "labels"


def _objection(need: str, kind: str, *, free: bool) -> str | None:
    """Why a column of a kind cannot serve."""
    if need == "numbers" and kind not in NUMBERS:
        return "holds no numbers, and the network learned from numbers"
    if need == "moments" and kind != MOMENTS:
        return "holds no dates, and the network learned from dates"
    if need == "labels" and (kind in ("text", MOMENTS) or (free and kind not in NUMBERS)):
        return "holds free text or dates, and the network learned from labels"
    return None


def _serves(column: Column, need: str) -> bool:
    if need == "labels":
        return isinstance(column, CategoricalColumn)
    return not isinstance(column, CategoricalColumn | FreeTextColumn)


def _as(column: Column, need: str, rows: Rows) -> Column:
    """A column of numbers as one of labels.

    Raises:
        DataUnusable: it cannot serve as what is needed.
    """
    if need != "labels" or not isinstance(column, NumericColumn):
        detail = f'column "{column.name}" does not hold {need}, from which the network learned'
        raise unusable([FieldProblem(pointer=pointer_to([column.name]), detail=detail)])
    values = column.values[rows].astype(np.float64)
    there = ~np.isnan(values)
    codes = np.full(len(rows), -1, np.int32)
    distinct, places = np.unique(values[there], return_inverse=True)
    codes[there] = places
    return CategoricalColumn(column.name, codes, tuple(number_label(value) for value in distinct.tolist()))


def _taken(column: Column, rows: Rows) -> Column:
    if isinstance(column, FreeTextColumn):
        return column
    if isinstance(column, CategoricalColumn):
        return replace(column, codes=column.codes[rows])
    return replace(column, values=column.values[rows])


def _are_numbers(labels: Sequence[str]) -> bool:
    return all(isinstance(read_cell(label), float) for label in labels)
