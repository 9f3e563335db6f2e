"""Raw rows in; labels and probabilities, or values, out. Of a whole data set, as a file."""

import builtins
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from steepest.client.downloads import OnProgress, download
from steepest.client.frames import records
from steepest.client.references import id_of
from steepest.client.session import Session
from steepest.client.waiting import wait
from steepest.spec.answers import Dataset, DatasetPrediction, Job, Page
from steepest.spec.predictions import Prediction

Cell = float | str | bool | None
Row = Mapping[str, Cell] | Iterable[Cell]


class Predictions:
    """`/v1/jobs/{id}/predictions`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, job: Job | str, rows: Iterable[Row] | Any) -> "builtins.list[Prediction]":
        """Predict raw rows with a trained job: a prediction for each row, in order.

        Args:
            job: A succeeded job or its id.
            rows: Each a mapping from column to value, in which a column may be missing, or the values in the order
                of `job.resolved_spec.features`; a NumPy array of shape (n, d) will do. NaN means missing. Or a table of
                pandas, Polars or Arrow with the columns that the job was trained on; further ones are refused.

        Raises:
            Conflict: the job has no weights yet.
            ValidationFailed: a row is wrong; `problems` points at every wrong cell.
        """
        body = {"rows": [_sendable(row) for row in _plain(records(rows))]}
        return self._session.post(f"/v1/jobs/{id_of(job)}/predictions", Page[Prediction], body).data

    def create_for_dataset(self, job: Job | str, dataset: Dataset | str) -> DatasetPrediction:
        """Ask for predictions of every row of a data set; `wait` for them, then `download` them.

        Raises:
            Conflict: the job has no weights yet, or the data set is not ready.
            ValidationFailed: the data set lacks a feature.
        """
        body = {"dataset": id_of(dataset)}
        return self._session.create(f"/v1/jobs/{id_of(job)}/predictions", DatasetPrediction, body)

    def get(self, job: Job | str, prediction: str) -> DatasetPrediction:
        """Predictions of a data set as they are now, by their id."""
        return self._session.get(f"/v1/jobs/{id_of(job)}/predictions/{id_of(prediction)}", DatasetPrediction)

    def list(self, job: Job | str) -> Iterator[DatasetPrediction]:
        """A job's predictions of data sets, newest first."""
        return self._session.pages(f"/v1/jobs/{id_of(job)}/predictions", Page[DatasetPrediction])

    def delete(self, prediction: DatasetPrediction) -> None:
        """Delete the predictions of a data set, with their file."""
        self._session.delete(_path(prediction))

    def wait(self, prediction: DatasetPrediction, *, timeout: float | None = None) -> DatasetPrediction:
        """Wait until predictions of a data set have succeeded or failed, and return them.

        Raises:
            TimeoutError: `timeout` seconds have passed; the service goes on.
        """
        return wait(self._session, _path(prediction), DatasetPrediction, lambda found: found.is_terminal, timeout)

    def download(
        self,
        prediction: DatasetPrediction,
        path: str | os.PathLike[str],
        *,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """Save predictions of a data set as a Parquet file at `path`, whole or not at all.

        Raises:
            Conflict: they have not succeeded.
        """
        return download(self._session, f"{_path(prediction)}/content", {}, Path(path), on_progress)


def _path(prediction: DatasetPrediction) -> str:
    return f"/v1/jobs/{id_of(prediction.job)}/predictions/{id_of(prediction.id)}"


def _sendable(row: Row) -> dict[str, Any] | list[Any]:
    if isinstance(row, Mapping):
        return {name: _cell(value) for name, value in row.items()}
    if isinstance(row, str) or not isinstance(row, Iterable):
        raise TypeError(f"a row is a mapping from column to value or a list of values, not {row!r}")
    return [_cell(value) for value in _plain(row)]


def _cell(value: Any) -> Any:
    """JSON has no NaN; the service reads null as missing."""
    value = _plain(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def _plain(value: Any) -> Any:
    """NumPy's arrays and scalars as lists and numbers, without importing NumPy."""
    return value.tolist() if hasattr(value, "tolist") else value
