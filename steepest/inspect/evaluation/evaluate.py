"""A network on some rows of a table: block by block through it, and into the tally of its task."""

from collections.abc import Callable, Iterator
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from steepest.data.conform import conformed
from steepest.data.preprocessing import Inputs, Preprocessing
from steepest.data.table import Rows, Table
from steepest.data.target import Target
from steepest.inspect.evaluation.classes import ClassTally
from steepest.inspect.evaluation.labels import LabelTally
from steepest.inspect.evaluation.losses import loss_of
from steepest.inspect.evaluation.values import ValueTally
from steepest.spec.errors import DataUnusable
from steepest.spec.figures import EvaluationResult
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import CLASSES

MOST_ROWS: Final = 8_192
MOST_VALUES: Final = 1 << 21
"""Inputs of a block: 16 MiB in float64."""


class Predictor(Protocol):
    """What is evaluated: a network with what it learned from its training rows."""

    @property
    def spec(self) -> ResolvedTrainSpec:
        """What was trained."""
        ...

    @property
    def preprocessing(self) -> Preprocessing:
        """From raw rows to inputs."""
        ...

    @property
    def target(self) -> Target:
        """From outputs to what they mean."""
        ...

    def inputs_of(self, table: Table, rows: Rows) -> Inputs:
        """The inputs (n, width) of rows of a table."""
        ...

    def outputs_of(self, inputs: Inputs) -> Inputs:
        """Of inputs: probabilities (n, classes) or (n, labels), or values (n, columns) in the target's units."""
        ...


def evaluate(
    model: Predictor,
    table: Table,
    rows: Rows,
    *,
    left_out_rows: int = 0,
    watch: Callable[[], object] | None = None,
) -> EvaluationResult:
    """All figures of a network on `rows` of `table`, each of which has every target.

    Args:
        model: The network.
        table: Has its features and targets.
        rows: Row numbers, ascending.
        left_out_rows: Of the table, for want of a target.
        watch: Called between blocks; may raise to end it.

    Raises:
        DataUnusable: there are no rows, a column is missing or of another kind, or a label is none of the classes.
    """
    if not len(rows):
        raise DataUnusable("there are no rows to evaluate: none has a value of every target")
    tally = _tally(model)
    for block in blocks(rows, model.preprocessing.width):
        if watch is not None:
            watch()
        tally.add(block, truth(model, table, block), model.outputs_of(model.inputs_of(table, block)))
    return EvaluationResult(
        rows=len(rows), left_out_rows=left_out_rows, figures=tally.figures(), worst_rows=tally.worst_rows()
    )


def truth(model: Predictor, table: Table, rows: Rows) -> NDArray[Any]:
    """What is: class codes (n,), labels (n, labels) of 0 and 1, or values (n, columns) in the target's units.

    Raises:
        DataUnusable: a column is missing or of another kind, or a row's label is none of the classes.
    """
    table, rows = conformed(table, rows, (), model.target)
    if model.target.task == "regression":
        return table.numbers(rows, model.target.names)
    return model.target.encode(table, rows, np.float64)


def blocks(rows: Rows, width: int) -> Iterator[Rows]:
    """Rows in blocks whose inputs fit into little memory."""
    step = max(1, min(MOST_ROWS, MOST_VALUES // max(1, width)))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _tally(model: Predictor) -> ClassTally | LabelTally | ValueTally:
    target = model.target
    if target.task in CLASSES:
        return ClassTally(target.labels)
    if target.task == "multilabel":
        return LabelTally(target.names)
    return ValueTally(target.names, loss_of(model.spec, target))
