"""The schema's entry of a column that is already in memory; the ingest makes the same while it reads."""

import numpy as np

from steepest.data.features import blocks
from steepest.data.table import CategoricalColumn, NumericColumn, Table
from steepest.data.tally import MOST_VALUES, NumberTally
from steepest.spec.answers import Column


def describe(table: Table, name: str) -> Column:
    """Kind and statistics of one column over all rows of a table."""
    column = table[name]
    if isinstance(column, NumericColumn):
        tally = NumberTally()
        rows = np.arange(table.rows)
        for part in blocks(rows, 1):
            values = column.values[part].astype(np.float64)
            tally.add(values[~np.isnan(values)])
        return tally.column(name, table.rows)
    if isinstance(column, CategoricalColumn):
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.categories))
        listed = len(column.categories) <= MOST_VALUES
        return Column(
            name=name,
            kind="categorical",
            count=int(counts.sum()),
            missing=table.rows - int(counts.sum()),
            distinct=len(column.categories),
            values=list(column.categories) if listed else None,
            value_counts=counts.tolist() if listed else None,
        )
    raise TypeError(f'column "{name}" is free text: only the ingest knows its statistics')
