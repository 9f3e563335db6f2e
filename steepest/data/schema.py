"""The schema's entry of a column that is already in memory; the ingest makes the same while it reads."""

import numpy as np

from steepest.data.categories import label_column
from steepest.data.facts import target_facts
from steepest.data.figures import blocks
from steepest.data.identifiers import with_identifier
from steepest.data.table import CategoricalColumn, DateTimeColumn, FreeTextColumn, NumericColumn, Table
from steepest.data.tally import NumberTally
from steepest.spec.columns import Column
from steepest.spec.tasks import TargetFacts


def describe(table: Table, name: str) -> Column:
    """Kind and statistics of one column over all rows of a table."""
    column = table[name]
    if isinstance(column, FreeTextColumn):
        raise TypeError(f'column "{name}" is free text: only the ingest knows its statistics')
    if isinstance(column, CategoricalColumn):
        counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.categories))
        longest = max(map(len, column.categories), default=0)
        return with_identifier(label_column(name, column.categories, counts.tolist(), table.rows), longest=longest)
    tally = _tally(column, table.rows)
    if isinstance(column, NumericColumn):
        return with_identifier(tally.column(name, table.rows), tally.increasing)
    return tally.moments_column(name, table.rows)


def facts_about(table: Table, name: str) -> TargetFacts:
    """What a target column holds, as its schema would say it, without the statistics that training does not ask for."""
    column = table[name]
    if not isinstance(column, NumericColumn):
        return target_facts([describe(table, name)], [name])[0]
    return _tally(column, table.rows).facts(name)


def _tally(column: NumericColumn | DateTimeColumn, rows: int) -> NumberTally:
    tally = NumberTally()
    for part in blocks(np.arange(rows), 1):
        values = column.values[part].astype(np.float64)
        tally.add(values[~np.isnan(values)])
    return tally
