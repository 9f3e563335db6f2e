"""Permutation importance: how much worse predictions get when one raw column is shuffled among the rows.

Breiman 2001, section 10. Preprocessing treats each row and each column for itself, so that to shuffle a column is to
shuffle its units among the inputs.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.data.preprocessing import Inputs
from steepest.data.table import Rows, Table
from steepest.inspect.evaluation.evaluate import Predictor, blocks, truth
from steepest.inspect.evaluation.sample import mixed
from steepest.spec.figures import ColumnImportance, Importance
from steepest.spec.tasks import CLASSES, HALF

MOST_NUMBERS: Final = 1 << 24
"""Inputs that are held in memory, twice: 64 MiB each in float32."""


def importance(
    model: Predictor,
    table: Table,
    rows: Rows,
    repeats: int,
    seed: int,
    *,
    watch: Callable[[], object] | None = None,
    most_numbers: int = MOST_NUMBERS,
) -> Importance:
    """The importance of every feature, by the drop of accuracy or R2, the most important first.

    Args:
        model: The network.
        table: Has its features and targets.
        rows: Row numbers, ascending; at least one, and each has every target.
        repeats: Shuffles of each column.
        seed: Of all shuffles; each column and repeat has a shuffle of its own.
        watch: Called between predictions; may raise to end it.
        most_numbers: Inputs to hold; of more rows a sample is taken.

    Raises:
        DataUnusable: a column is missing or of another kind, or a row's label is none of the classes.
    """
    rows = sampled(rows, most_rows(model.preprocessing.width, most_numbers))
    parts = list(blocks(rows, model.preprocessing.width))
    inputs = np.concatenate([model.inputs_of(table, part) for part in parts])
    y = np.concatenate([truth(model, table, part) for part in parts])

    def score(X: Inputs) -> float:
        predicted = []
        for part in blocks(np.arange(len(X)), X.shape[1]):
            if watch is not None:
                watch()
            predicted.append(model.outputs_of(X[part[0] : part[-1] + 1]))
        return _score(model, y, np.concatenate(predicted))

    baseline, shuffled = score(inputs), inputs.copy()
    columns, start = [], 0
    for index, feature in enumerate(model.preprocessing.features):
        units = slice(start, start + feature.width)
        start += feature.width
        drops = []
        for repeat in range(repeats):
            order = np.random.default_rng((seed, index, repeat)).permutation(len(rows))
            shuffled[:, units] = inputs[order, units]
            drops.append(baseline - score(shuffled))
        shuffled[:, units] = inputs[:, units]
        deviation = float(np.std(drops))
        columns.append(
            ColumnImportance(column=feature.name, mean=float(np.mean(drops)), deviation=deviation, drops=drops)
        )
    return Importance(
        score="r2" if model.target.task == "regression" else "accuracy",
        baseline=baseline,
        rows=len(rows),
        repeats=repeats,
        seed=seed,
        columns=sorted(columns, key=lambda column: -column.mean),
    )


def most_rows(width: int, most_numbers: int = MOST_NUMBERS) -> int:
    """How many rows are held of a network of so many inputs; of more, a sample is shuffled."""
    return max(1, most_numbers // max(1, width))


def sampled(rows: Rows, most: int) -> Rows:
    """At most `most` of the rows, ascending: those whose numbers have the least hashes."""
    if len(rows) <= most:
        return rows
    return np.sort(rows[np.argpartition(mixed(rows), most)[:most]])


def _score(model: Predictor, y: NDArray[Any], predicted: Inputs) -> float:
    """The share of rows that are right, or R2, the mean over columns."""
    if model.target.task in CLASSES:
        return float((predicted.argmax(axis=1) == y).mean())
    if model.target.task == "multilabel":
        return float(((predicted > HALF) == (y > 0)).all(axis=1).mean())
    residual = np.square(y - predicted.astype(np.float64)).sum(axis=0)
    variation = np.square(y - y.mean(axis=0)).sum(axis=0)
    exact = np.where(residual == 0, 1.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.where(variation > 0, 1 - residual / variation, exact).mean())
