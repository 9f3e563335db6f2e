"""From the body of `POST /v1/jobs` to a resolved spec, or to one error that names every problem at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from sqlalchemy.orm import Session

from steepest.data.advice import job_warnings
from steepest.data.facts import check_columns, input_width, parting_facts, target_facts
from steepest.spec import answers
from steepest.spec.errors import Conflict, FieldProblem, NotFound, ValidationFailed
from steepest.spec.job import JobSpec
from steepest.spec.problems import parse, raised
from steepest.spec.resolve import Resolution, batch_rows, resolve
from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.shuffling import shuffle_of
from steepest.spec.states import DatasetState
from steepest.spec.training import Split
from steepest.trainer.chunks import capacity_of, check_batch, piece_rows
from steepest.trainer.engines.choice import seconds
from steepest.trainer.network import Network
from steepest.trainer.optimizers import OPTIMIZERS
from store import datasets
from store.models import DatasetRow
from store.settings import Limits

T = TypeVar("T")

PROCESS_BYTES: Final = 220 << 20
"""A worker's Python with NumPy and the trainer's kernels, before any data."""

COPIES: Final = 8
"""Arrays of the size of the parameters: weights, gradient, scratch, best; and weights and best of a checkpoint on its
way out, as arrays and as bytes."""

SLOT_COPIES: Final = 3
"""Such arrays for each that the optimizer keeps: itself, and in the checkpoint."""

SUMS: Final = 3
"""Numbers of a row for each unit: its activation, the derivative by it, and scratch."""

NORMALIZED: Final = 2
"""Further ones where batch normalization has to find its way back."""

SILENCED: Final = 3
"""Further ones of dropout, random words included."""

WINDOWS: Final = 2
"""In memory at a time, of rows that are shuffled by blocks: one in use, one on its way."""

ROW_BYTES: Final = 48
"""Of the numbers of a row that is not in memory itself: its places in the data, in the split and in its part, while
that is worked out; its target after that."""


@dataclass(frozen=True)
class Submission:
    """A job that could be trained."""

    spec: JobSpec
    resolved: ResolvedJobSpec
    resolution: Resolution
    network: Network
    warnings: tuple[str, ...]

    def validation(self, *, reuses: str | None = None) -> answers.JobValidation:
        """What is told about it when nothing is to be created; `reuses` is the job that would be the answer."""
        rows = self.resolution
        return answers.JobValidation(
            resolved_spec=self.resolved,
            parameters=self.network.parameters,
            rows=answers.SplitRows(training=rows.training_rows, validation=rows.validation_rows, test=rows.test_rows),
            memory_bytes=self.memory_bytes,
            seconds=self.seconds,
            reuses=reuses,
            warnings=list(self.warnings),
        )

    @property
    def memory_bytes(self) -> int:
        """Estimated peak: the process, the rows as numbers, the parameters' copies, and a chunk's activations.

        Of rows that are shuffled by blocks, two windows are in memory, and a few numbers of each row.
        """
        spec = self.resolved
        item = np.dtype(spec.precision).itemsize
        rows = self.resolution.training_rows + self.resolution.validation_rows + self.resolution.test_rows
        weighted = spec.loss.sample_weight is not None or spec.loss.class_weight is not None
        of_rows = item * rows * (self.network.inputs + len(spec.targets) + weighted)
        if spec.shuffle.block_rows is not None and spec.shuffle.window_blocks is not None:
            window = min(rows, spec.shuffle.block_rows * spec.shuffle.window_blocks)
            of_rows = min(of_rows, item * WINDOWS * window * self.network.inputs + ROW_BYTES * rows)
        copies = COPIES + SLOT_COPIES * OPTIMIZERS[spec.optimizer.name].slots_for(spec.optimizer)
        numbers = copies * self.network.size + self._rows_at_once(rows, item) * self._numbers_of_a_row
        return PROCESS_BYTES + of_rows + item * numbers

    @property
    def seconds(self) -> float | None:
        """Estimated time of training; nothing tells how fast a GPU is."""
        spec = self.resolved
        if spec.device == "gpu":
            return None
        estimate = seconds(spec, self.network, self.resolution.training_rows, self._batch)
        return estimate if spec.max_seconds is None else min(estimate, spec.max_seconds)

    def _rows_at_once(self, rows: int, itemsize: int) -> int:
        """A batch or a piece of it, a shorter one that is the last, and rows that are evaluated together."""
        most = piece_rows(self.network, itemsize, capacity_of(self.resolved.device))
        return min(rows, 2 * min(self._batch, most) + most // 4)

    @property
    def _batch(self) -> int:
        return batch_rows(self.resolved.batch_size, self.resolution.training_rows)

    @property
    def _numbers_of_a_row(self) -> int:
        layers = self.network.layers
        silenced = sum(layer.units for layer in self.resolved.layers if layer.dropout)
        normalized = sum(layer.units for layer in layers if layer.batch_norm)
        units = sum(layer.units for layer in layers) + self.network.outputs
        return self.network.inputs + SUMS * units + NORMALIZED * normalized + SILENCED * silenced


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
    columns, targets = row.columns or [], spec.targets
    features = _collect(
        problems, lambda: check_columns(columns, targets, spec.features, spec.loss.sample_weight, spec.split)
    )
    resolution = None
    if not any(problem.pointer.startswith(("/target", "/split")) for problem in problems):
        facts, parting = target_facts(columns, targets), parting_facts(columns, spec.split)
        resolution = _collect(problems, lambda: resolve(spec, facts, split_column=parting))
    if problems or features is None or resolution is None:
        raise raised(problems)
    return _measured(spec, row, features, resolution, limits)


def _measured(
    spec: JobSpec, row: DatasetRow, features: tuple[str, ...], resolution: Resolution, limits: Limits
) -> Submission:
    width = input_width(row.columns or [], features, resolution.spec.preprocess)
    if not width:
        detail = "the features give no inputs: they are columns of labels, and have none"
        raise raised([FieldProblem(pointer="/features", detail=detail)])
    itemsize = np.dtype(resolution.spec.precision).itemsize
    shuffle = shuffle_of(spec.shuffle, resolution.training_rows, width * itemsize, limits.memory_bytes)
    resolved = ResolvedJobSpec(**(dict(spec) | dict(resolution.spec) | {"features": features, "shuffle": shuffle}))
    network = Network.of(resolved, width, resolution.outputs)
    problems: list[FieldProblem] = []
    batch = batch_rows(resolved.batch_size, resolution.training_rows)
    if (size := (row.rows or 0) * width * itemsize) > limits.input_bytes:
        detail = (
            f"{row.rows or 0:,} rows of {width:,} inputs take {size:,} bytes; the limit is {limits.input_bytes:,}"
            " (input_bytes). Leave out features, or lower preprocess.max_categories"
        )
        problems.append(FieldProblem(pointer="/features", detail=detail))
    _collect(problems, lambda: check_batch(network, batch, itemsize, capacity_of(resolved.device)))
    if network.parameters > limits.parameters:
        detail = f"the network would have {network.parameters:,} parameters; the limit is {limits.parameters:,}"
        problems.append(FieldProblem(pointer="/layers", detail=detail))
    if resolved.epochs > limits.epochs:
        detail = f"{resolved.epochs:,} is over the limit of {limits.epochs:,} epochs"
        problems.append(FieldProblem(pointer="/epochs", detail=detail))
    if problems:
        raise raised(problems)
    advice = job_warnings(row.columns or [], spec.targets, features, resolution)
    return Submission(spec, resolved, resolution, network, (*resolution.warnings, *advice))


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
    targets = _usable(body, "target", wrong)
    if row is not None and targets is not None:
        features = _usable(body, "features", wrong)
        loss = body.get("loss")
        weight = loss.get("sample_weight") if isinstance(loss, dict) and "/loss/sample_weight" not in wrong else None
        split = _usable_split(body, wrong)
        _collect(problems, lambda: check_columns(row.columns or [], targets, features, weight, split))
    return problems


def _usable(body: dict[str, Any], field: str, wrong: set[str]) -> list[str] | None:
    """The names of columns in a field, if they are what they should be."""
    given = body.get(field)
    if any(pointer == f"/{field}" or pointer.startswith(f"/{field}/") for pointer in wrong):
        return None
    return [given] if isinstance(given, str) else given if isinstance(given, list) else None


def _usable_split(body: dict[str, Any], wrong: set[str]) -> Split | None:
    if any(pointer == "/split" or pointer.startswith("/split/") for pointer in wrong):
        return None
    return parse(Split, body.get("split", {}))


def _collect(problems: list[FieldProblem], attempt: Callable[[], T]) -> T | None:
    """The attempt's value, or None after its problems have been added."""
    try:
        return attempt()
    except ValidationFailed as error:
        problems += error.problems
        return None
