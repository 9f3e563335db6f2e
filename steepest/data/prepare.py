"""A table and a resolved spec to the arrays that training runs on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from steepest.data.preprocessing import Preprocessing
from steepest.data.split import Parts, split
from steepest.data.table import Rows, Table
from steepest.data.target import Target, rows_with
from steepest.data.unusable import unusable
from steepest.spec.errors import FieldProblem
from steepest.spec.resolved import ResolvedTrainSpec

Pair: TypeAlias = tuple[NDArray[Any], NDArray[Any]]
"""Inputs (n, d) in the job's precision, and targets: (n,) intp class codes, or (n, 1) values in training units."""


@dataclass(frozen=True)
class Prepared:
    """All that training and evaluation need."""

    training: Pair
    validation: Pair | None
    test: Pair | None
    preprocessing: Preprocessing
    target: Target
    outputs: int
    """Units of the output layer."""
    parts: Parts
    """The rows of the table behind each pair; a validation table's rows are not among them."""
    left_out_rows: int
    """Rows of the table without a target."""
    warnings: tuple[str, ...]


def prepare(
    table: Table,
    spec: ResolvedTrainSpec,
    target: str,
    features: Sequence[str],
    classes: Sequence[str],
    validation: Table | None = None,
) -> Prepared:
    """Split `table`, learn the preprocessing from its training rows, and build the arrays.

    Args:
        table: The data.
        spec: Resolved for this data.
        target: The column to predict.
        features: The columns to predict from, in data-set order.
        classes: `Resolution.classes`: labels in class order; empty for regression.
        validation: Rows given apart, which replace the split: the table's rows are then all training rows.

    Raises:
        DataUnusable: a feature is free text, a scaled value is out of range, a row's label is none of the classes,
            or the validation rows lack a column or have one that the table has not.
    """
    if validation is not None:
        _check_columns(validation, table, (*features, target))
    rows = rows_with(table, target)
    none = np.empty(0, np.intp)
    parts = Parts(rows, none, none) if validation is not None else _split(table, rows, spec, target, classes)
    codec = Target.fit(table, parts.training, target, spec.task, classes, spec.preprocess.target)
    preprocessing = Preprocessing.fit(table, parts.training, features, spec.preprocess)

    def pair(source: Table, part: Rows) -> Pair:
        return preprocessing.transform(source, part, spec.precision), codec.encode(source, part, spec.precision)

    if validation is not None:
        apart = rows_with(validation, target)
        validation_pair = pair(validation, apart) if len(apart) else None
    else:
        validation_pair = pair(table, parts.validation) if len(parts.validation) else None
    left_out = table.rows - len(rows)
    return Prepared(
        training=pair(table, parts.training),
        validation=validation_pair,
        test=pair(table, parts.test) if len(parts.test) else None,
        preprocessing=preprocessing,
        target=codec,
        outputs=codec.outputs,
        parts=parts,
        left_out_rows=left_out,
        warnings=_warnings(target, left_out),
    )


def _check_columns(validation: Table, table: Table, needed: Sequence[str]) -> None:
    for words, names in (
        ("the validation rows lack", [name for name in needed if name not in validation.index]),
        ("only the validation rows have", [name for name in validation.names if name not in table.index]),
    ):
        if names:
            detail = f"{words} " + ", ".join(f'"{name}"' for name in names)
            raise unusable([FieldProblem(pointer="/validation", detail=detail)])


def _split(table: Table, rows: Rows, spec: ResolvedTrainSpec, target: str, classes: Sequence[str]) -> Parts:
    """The parts as row numbers of the table, of which only `rows` have a target."""
    codes = None
    if spec.split.method == "stratified":
        codes = Target(target, spec.task, tuple(classes)).encode(table, rows, np.intp)
    parts = split(spec.split, len(rows), codes)
    return Parts(rows[parts.training], rows[parts.validation], rows[parts.test])


def _warnings(target: str, left_out: int) -> tuple[str, ...]:
    if not left_out:
        return ()
    return (f'{left_out:,} {"row has" if left_out == 1 else "rows have"} no value of the target "{target}": left out',)
