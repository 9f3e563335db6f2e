"""What a job's network predicts of every row of a data set, as a Parquet file, in memory that does not grow with it."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from steepest.data.table import Table
from steepest.export.model import Model
from steepest.export.predictions import batch, to_parquet
from steepest.inspect.evaluation.evaluate import blocks
from steepest.spec.figures import PredictionResult
from store import blobs
from worker.computing import Outcome, Task
from worker.loading import model_of, table_of

ROWS: Final = 1 << 20
"""Row numbers that are held at once."""


def prediction(task: Task) -> Outcome:
    """Predict all rows, in their order.

    Raises:
        NotFound: the job or the data set has been deleted meanwhile.
        DataUnusable: the data set lacks a column, or has one that cannot serve.
    """
    here, row = task.here, task.computation
    model = model_of(here, row.account_id, row.job_id)
    with table_of(here, row.account_id, row.dataset_id or "", task.watch) as table:
        schema = batch(model, np.zeros((0, _outputs(model)), model.spec.precision)).schema
        pieces = to_parquet(schema, _batches(model, table, task))
        blob = blobs.write(here.database, row.account_id, pieces)
        result = PredictionResult(rows=table.rows, columns=schema.names, bytes=blob.size, sha256=blob.sha256 or "")
    return Outcome(result, blob.id)


def _batches(model: Model, table: Table, task: Task) -> Iterator[pa.RecordBatch]:
    for start in range(0, table.rows, ROWS):
        for rows in blocks(np.arange(start, min(start + ROWS, table.rows)), model.preprocessing.width):
            task.watch()
            yield batch(model, model.predict_table(table, rows))


def _outputs(model: Model) -> int:
    """Columns of what the model puts out: a binary one, probabilities of both classes."""
    return 2 if model.target.task == "binary" else model.target.outputs
