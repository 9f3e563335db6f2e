"""Raw rows in; labels and probabilities, or values, out."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from steepest.client.references import id_of
from steepest.client.session import Session
from steepest.spec.answers import Job, Page, Prediction

Cell = float | str | bool | None
Row = Mapping[str, Cell] | Iterable[Cell]


class Predictions:
    """`POST /v1/jobs/{id}/predictions`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, job: Job | str, rows: Iterable[Row]) -> list[Prediction]:
        """Predict raw rows with a trained job: a prediction for each row, in order.

        Args:
            job: A succeeded job or its id.
            rows: Each a mapping from column to value, in which a column may be missing, or the values in the order
                of `job.resolved_spec.features`; a NumPy array of shape (n, d) will do. NaN means missing.

        Raises:
            Conflict: the job has no weights yet.
            ValidationFailed: a row is wrong; `problems` points at every wrong cell.
        """
        body = {"rows": [_sendable(row) for row in _plain(rows)]}
        return self._session.post(f"/v1/jobs/{id_of(job)}/predictions", Page[Prediction], body).data


def _sendable(row: Row) -> dict[str, Any] | list[Any]:
    if isinstance(row, Mapping):
        return {name: _cell(value) for name, value in row.items()}
    if isinstance(row, str) or not isinstance(row, Iterable):
        raise TypeError(f"a row is a mapping from column to value or a list of values, not {row!r}")
    return [_cell(value) for value in _plain(row)]


def _cell(value: Any) -> Any:
    """JSON has no NaN; the service reads null as missing."""
    value = _plain(value)
    return None if isinstance(value, float) and math.isnan(value) else value


def _plain(value: Any) -> Any:
    """NumPy's arrays and scalars as lists and numbers, without importing NumPy."""
    return value.tolist() if hasattr(value, "tolist") else value
