"""A table and a resolved spec to the arrays that training runs on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from steepest.data.preprocessing import Preprocessing
from steepest.data.split import Parts
from steepest.data.table import Table
from steepest.data.target import Target
from steepest.spec.resolved import ResolvedTrainSpec

Pair = tuple[NDArray[Any], NDArray[Any]]
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
    left_out_rows: int
    """Rows without a target."""
    parts: Parts
    """Row numbers of the table behind each pair."""
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
        validation: Rows given apart, which replace the split; the table is then all training rows.

    Raises:
        DataUnusable: a row's value cannot serve, for example a class that training rows do not have.
    """
    raise NotImplementedError
