"""From the body of `POST /v1/jobs` to a resolved spec, or to one error that names every problem at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from sqlalchemy.orm import Session

from steepest.data.facts import check_columns, input_width, target_facts
from steepest.spec import answers
from steepest.spec.errors import Conflict, FieldProblem, NotFound, ValidationFailed
from steepest.spec.job import JobSpec
from steepest.spec.problems import parse, raised
from steepest.spec.resolve import Resolution, resolve
from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.states import DatasetState
from steepest.trainer.network import Network
from store import datasets
from store.models import DatasetRow
from store.settings import Limits

T = TypeVar("T")

PROCESS_BYTES: Final = 80 << 20
"""A worker's Python with NumPy, before any data."""

CHUNK_ROWS: Final = 8_192
"""Rows whose activations are in memory at once."""

COPIES: Final = {"gradient_descent": 4, "momentum": 5, "adam": 6}
"""Arrays of the size of the parameters: weights, gradient, best, checkpoint on its way out, optimizer's slots."""


@dataclass(frozen=True)
class Submission:
    """A job that could be trained."""

    spec: JobSpec
    resolved: ResolvedJobSpec
    resolution: Resolution
    width: int
    """Units of the input layer."""
    parameters: int

    def validation(self) -> answers.JobValidation:
        """What is told about it when nothing is to be created."""
        rows = self.resolution
        return answers.JobValidation(
            resolved_spec=self.resolved,
            parameters=self.parameters,
            rows=answers.SplitRows(training=rows.training_rows, validation=rows.validation_rows, test=rows.test_rows),
            memory_bytes=self.memory_bytes,
            warnings=list(rows.warnings),
        )

    @property
    def memory_bytes(self) -> int:
        """Estimated peak: the process, the rows as numbers, the parameters' copies, and a chunk's activations."""
        item = np.dtype(self.resolved.precision).itemsize
        rows = self.resolution.training_rows + self.resolution.validation_rows + self.resolution.test_rows
        batch = self.resolved.batch_size if isinstance(self.resolved.batch_size, int) else rows
        units = self.width + 3 * sum(layer.units for layer in self.resolved.layers)
        numbers = rows * (self.width + 1) + COPIES[self.resolved.optimizer.name] * self.parameters
        return PROCESS_BYTES + item * (numbers + min(batch, rows, CHUNK_ROWS) * units)


def examine(session: Session, account_id: str, body: Any, limits: Limits) -> Submission:
    """Check a body against the spec, the data set and the limits, and resolve it.

    Raises:
        ValidationFailed: every problem of the fields, of the data set's columns and of the limits.
        Conflict: the data set is not ready, or failed.
    """
    try:
        spec = parse(JobSpec, body)
    except ValidationFailed as error:
        further = _what_the_data_say(session, account_id, body, {problem.pointer for problem in error.problems})
        if not further:
            raise
        raise raised([*error.problems, *further]) from None
    problems: list[FieldProblem] = []
    row = _dataset(session, account_id, spec.dataset)
    columns, target = row.columns or [], str(spec.target)
    features = _collect(problems, lambda: check_columns(columns, target, spec.features))
    resolution = None
    if not any(problem.pointer == "/target" for problem in problems):
        resolution = _collect(problems, lambda: resolve(spec, target_facts(columns, target)))
    if problems or features is None or resolution is None:
        raise raised(problems)
    return _measured(spec, row, features, resolution, limits)


def _measured(
    spec: JobSpec, row: DatasetRow, features: tuple[str, ...], resolution: Resolution, limits: Limits
) -> Submission:
    resolved = ResolvedJobSpec(**(dict(spec) | dict(resolution.spec) | {"features": features}))
    width = input_width(row.columns or [], features, resolved.preprocess)
    outputs = len(resolution.classes) if resolved.task == "multiclass" else 1
    parameters = Network.of(resolved, width, outputs).parameters
    problems = []
    if parameters > limits.parameters:
        detail = f"the network would have {parameters:,} parameters; the limit is {limits.parameters:,}"
        problems.append(FieldProblem(pointer="/layers", detail=detail))
    if resolved.epochs > limits.epochs:
        detail = f"{resolved.epochs:,} is over the limit of {limits.epochs:,} epochs"
        problems.append(FieldProblem(pointer="/epochs", detail=detail))
    if problems:
        raise raised(problems)
    return Submission(spec, resolved, resolution, width, parameters)


def _dataset(session: Session, account_id: str, dataset_id: str) -> DatasetRow:
    try:
        row = datasets.get(session, account_id, dataset_id)
    except NotFound:
        raise raised([FieldProblem(pointer="/dataset", detail=f"there is no data set {dataset_id}")]) from None
    if row.status is DatasetState.VALIDATING:
        raise Conflict(f"data set {row.id} is still being read; wait until its status is ready", state=row.status)
    if row.status is DatasetState.FAILED:
        why = row.error.detail if row.error else "it cannot be read"
        raise Conflict(f"data set {row.id} failed and cannot be used: {why}", state=row.status)
    return row


def _what_the_data_say(session: Session, account_id: str, body: Any, wrong: set[str]) -> list[FieldProblem]:
    """Beside wrong fields, an unknown data set or column, as far as the body can be understood."""
    problems: list[FieldProblem] = []
    if not isinstance(body, dict) or not isinstance(body.get("dataset"), str) or "/dataset" in wrong:
        return problems
    try:
        row = _collect(problems, lambda: _dataset(session, account_id, body["dataset"]))
    except Conflict:
        return problems
    if row is not None and isinstance(body.get("target"), str) and "/target" not in wrong:
        features = body.get("features")
        usable = isinstance(features, list) and not any(pointer.startswith("/features") for pointer in wrong)
        _collect(problems, lambda: check_columns(row.columns or [], body["target"], features if usable else None))
    return problems


def _collect(problems: list[FieldProblem], attempt: Callable[[], T]) -> T | None:
    """The attempt's value, or None after its problems have been added."""
    try:
        return attempt()
    except ValidationFailed as error:
        problems += error.problems
        return None
