"""A table and a resolved spec to the arrays that training runs on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from steepest.data.division import Division, divide, of_rows
from steepest.data.preprocessing import Preprocessing
from steepest.data.rooms import Memory, Room
from steepest.data.split import Parts
from steepest.data.table import Rows, Table
from steepest.data.target import Target, rows_with
from steepest.data.unusable import unusable
from steepest.data.weights import Weights
from steepest.spec.errors import FieldProblem
from steepest.spec.resolved import ResolvedTrainSpec


class Part(NamedTuple):
    """Rows as arrays; all but class codes are in the job's precision."""

    X: NDArray[Any]
    """(n, d) inputs."""
    y: NDArray[Any]
    """(n,) intp class codes, (n, labels) 1 and 0, or (n, columns) values in training units."""
    weights: NDArray[Any] | None
    """(n,) how much each row counts in the loss; None where all count the same."""


@dataclass(frozen=True)
class Prepared:
    """All that training and evaluation need."""

    training: Part
    validation: Part | None
    test: Part | None
    preprocessing: Preprocessing
    target: Target
    outputs: int
    """Units of the output layer."""
    parts: Parts
    """The rows of the table behind each part; a validation table's rows are not among them."""
    left_out_rows: int
    """Rows of the table that lack a target."""
    warnings: tuple[str, ...]


def prepare(
    table: Table,
    spec: ResolvedTrainSpec,
    targets: Sequence[str],
    features: Sequence[str],
    classes: Sequence[str],
    validation: Table | None = None,
    weight: str | None = None,
    room: Room | None = None,
) -> Prepared:
    """Split `table`, learn the preprocessing from its training rows, and build the arrays.

    Args:
        table: The data.
        spec: Resolved for this data.
        targets: The columns to predict.
        features: The columns to predict from, in data-set order.
        classes: `Resolution.classes`: labels in class order; empty for regression and multilabel.
        validation: Rows given apart, which replace the split: the table's rows are then all training rows.
        weight: The column of sample weights; a validation table may lack it.
        room: Where the arrays are put: in memory, unless said otherwise.

    Raises:
        DataUnusable: the split cannot be made, a feature is free text, a scaled value is out of
            range, a row's label is none of the classes, a weight is none, or the validation rows lack a column or have
            one that the table has not.
    """
    if validation is not None:
        _check_columns(validation, table, (*features, *targets))
    rows = rows_with(table, targets)
    none = np.empty(0, np.intp)
    if validation is not None:
        divided = Division(Parts(rows, none, none), ())
    else:
        divided = divide(table, rows, spec, targets, classes)
    parts = divided.parts
    codec = Target.fit(table, parts.training, targets, spec.task, classes, spec.preprocess.target)
    preprocessing = Preprocessing.fit(table, parts.training, features, spec.preprocess)
    room = room or Memory()
    learned = room.targets("training.targets", codec, table, parts.training, spec.precision)
    weights = Weights.fit(weight, spec.loss.class_weight, classes, learned)

    def part(name: str, source: Table, rows: Rows, y: NDArray[Any] | None = None) -> Part:
        y = room.targets(f"{name}.targets", codec, source, rows, spec.precision) if y is None else y
        w = weights.of(source, rows, y, spec.precision)
        return Part(
            room.inputs(f"{name}.inputs", preprocessing, source, rows, spec.precision),
            y,
            None if w is None else room.keep(f"{name}.weights", w),
        )

    measured = (table, parts.validation) if validation is None else (validation, rows_with(validation, targets))
    return Prepared(
        training=part("training", table, parts.training, learned),
        validation=part("validation", *measured) if len(measured[1]) else None,
        test=part("test", table, parts.test) if len(parts.test) else None,
        preprocessing=preprocessing,
        target=codec,
        outputs=codec.outputs,
        parts=parts,
        left_out_rows=table.rows - len(rows),
        warnings=(*_left_out(targets, table.rows - len(rows)), *divided.warnings),
    )


def check_monitor(spec: ResolvedTrainSpec, data: Prepared) -> None:
    """Make sure that there are rows to measure what early stopping monitors.

    Raises:
        DataUnusable: there are not, because rows lack a target, or groups are too large.
    """
    monitor = spec.early_stopping.monitor if spec.early_stopping else ""
    if data.validation is None and monitor.startswith("validation"):
        detail = (
            f'the split leaves no validation rows, and early stopping monitors "{monitor}"; monitor a figure of the '
            "training rows, or set early_stopping to null"
        )
        raise unusable([FieldProblem(pointer="/split", detail=detail)])


def _check_columns(validation: Table, table: Table, needed: Sequence[str]) -> None:
    for words, names in (
        ("the validation rows lack", [name for name in needed if name not in validation.index]),
        ("only the validation rows have", [name for name in validation.names if name not in table.index]),
    ):
        if names:
            detail = f"{words} " + ", ".join(f'"{name}"' for name in names)
            raise unusable([FieldProblem(pointer="/validation", detail=detail)])


def _left_out(targets: Sequence[str], rows: int) -> tuple[str, ...]:
    if not rows:
        return ()
    if len(targets) == 1:
        return (f'{of_rows(rows)} no value of the target "{targets[0]}": left out',)
    return (f"{of_rows(rows)} not a value of every target: left out",)
