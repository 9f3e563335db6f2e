"""Replace every `"auto"` by what the data call for: pure rules, so that the same request always means the same job."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from steepest.spec.errors import FieldProblem
from steepest.spec.names import LOSSES_BY_TASK, RELU_FAMILY, InitializerName, LossName, OutputActivationName, Task
from steepest.spec.problems import raised
from steepest.spec.resolved import (
    ResolvedEarlyStopping,
    ResolvedLoss,
    ResolvedPreprocess,
    ResolvedSplit,
    ResolvedTrainSpec,
)
from steepest.spec.training import EarlyStopping, TrainSpec

MOST_VALUES_OF_A_CLASS_CODE = 20
"""Whole numbers with at most this many distinct values are taken for classes."""

LEAST_ROWS_TO_STRATIFY = 3
"""A class needs a row for each of training, validation and test."""


@dataclass(frozen=True)
class TargetFacts:
    """What the data say about the target column, over the rows that have one."""

    name: str
    rows: int
    distinct: int
    numeric: bool
    whole: bool
    classes: tuple[str, ...] | None
    """The distinct values as labels, ascending; None when there are more than are kept."""
    counts: tuple[int, ...] | None
    """Rows of each class, in the order of `classes`."""


@dataclass(frozen=True)
class Resolution:
    """A resolved spec with what was learned on the way."""

    spec: ResolvedTrainSpec
    classes: tuple[str, ...]
    """Labels in class order; empty for regression."""
    training_rows: int
    validation_rows: int
    test_rows: int
    warnings: tuple[str, ...]


def resolve(spec: TrainSpec, target: TargetFacts, validation_rows: int | None = None) -> Resolution:
    """Resolve `spec` for a target.

    Args:
        spec: As requested; one that is resolved already comes back equal.
        target: Facts about the target's values.
        validation_rows: Rows of a validation set given apart, which replaces the split; None to split.

    Raises:
        ValidationFailed: the target cannot serve the task, loss or split; every problem at once.
    """
    problems: list[FieldProblem] = []
    warnings: list[str] = []
    task = _task(spec, target, problems)
    loss = _loss(spec, task, problems)
    output = _output_activation(spec, task, loss, problems)
    split = _split(spec, task, target, problems, given_apart=validation_rows is not None)
    if validation_rows is None:
        training, validation, test = split_sizes(target.rows, split.validation, split.test)
        if (split.validation and not validation) or (split.test and not test):
            warnings.append(f"{target.rows} rows are too few for every part of the split; a part is empty")
    else:
        training, validation, test = target.rows, validation_rows, 0
    if training < 1 and target.rows:
        problems.append(FieldProblem(pointer="/split", detail="the split leaves no training rows"))
    if spec.early_stopping is not None and not validation and _insists_on_validation(spec.early_stopping):
        problems.append(
            FieldProblem(pointer="/early_stopping/monitor", detail="there are no validation rows to monitor")
        )
    if problems:
        raise raised(problems)
    batch_size = _batch_size(spec, training)
    epochs = _epochs(spec, training, batch_size)
    fields = dict(spec) | {
        "task": task,
        "split": split,
        "preprocess": ResolvedPreprocess(**(dict(spec.preprocess) | {"target": _target_scaling(spec, task)})),
        "initializer": _initializer(spec),
        "output_activation": output,
        "loss": ResolvedLoss(**(dict(spec.loss) | {"name": loss})),
        "epochs": epochs,
        "batch_size": batch_size,
        "early_stopping": _early_stopping(spec.early_stopping, epochs, validation, warnings),
        "device": "cpu" if spec.device == "auto" else spec.device,
    }
    resolved = ResolvedTrainSpec(**{name: fields[name] for name in TrainSpec.model_fields})
    classes = () if task == "regression" else (target.classes or ())
    return Resolution(resolved, classes, training, validation, test, tuple(warnings))


def split_sizes(rows: int, validation: float, test: float) -> tuple[int, int, int]:
    """Rows for training, validation and test: each share to the nearest whole row, halves up; training takes the rest.

    Shares are read as the decimals that a person wrote, so that 0.15 of 100 rows is 15 and not 14.999...
    """
    parts = [int(Fraction(str(share)) * rows + Fraction(1, 2)) for share in (validation, test)]
    return rows - sum(parts), parts[0], parts[1]


def steps_per_epoch(rows: int, batch_size: int | str) -> int:
    """Batches in one pass over the training rows; the last may be short."""
    return 1 if not isinstance(batch_size, int) else ceil(rows / batch_size)


def _task(spec: TrainSpec, target: TargetFacts, problems: list[FieldProblem]) -> Task:
    allowed = _tasks_of(spec.loss.name)
    task = spec.task if spec.task != "auto" else _natural_task(target, allowed)
    if target.rows == 0:
        problems.append(FieldProblem(pointer="/target", detail=f'column "{target.name}" has no values'))
    elif target.distinct == 1:
        value = f' ("{target.classes[0]}")' if target.classes else ""
        problems.append(
            FieldProblem(
                pointer="/target",
                detail=f'column "{target.name}" has one distinct value{value}: there is nothing to tell apart',
            )
        )
    elif task == "regression" and not target.numeric:
        problems.append(
            FieldProblem(
                pointer="/target",
                detail=f'column "{target.name}" holds text; regression needs numbers. Use the task "multiclass"',
            )
        )
    elif task != "regression" and target.classes is None:
        problems.append(
            FieldProblem(
                pointer="/target",
                detail=f'column "{target.name}" has {target.distinct:,} distinct values, too many to be classes',
            )
        )
    elif task == "binary" and target.distinct != 2:
        problems.append(
            FieldProblem(
                pointer="/task" if spec.task != "auto" else "/target",
                detail=f'a binary task needs two classes; column "{target.name}" has {target.distinct:,}',
            )
        )
    return task


def _tasks_of(loss: str) -> tuple[Task, ...]:
    """The tasks of one column that a loss allows."""
    return tuple(
        task for task, losses in LOSSES_BY_TASK.items() if task != "multilabel" and (loss == "auto" or loss in losses)
    )


def _natural_task(target: TargetFacts, allowed: Sequence[Task]) -> Task:
    if len(allowed) == 1:
        return allowed[0]
    codes = target.whole and target.distinct <= MOST_VALUES_OF_A_CLASS_CODE
    if target.distinct == 2 and "binary" in allowed:
        return "binary"
    if (not target.numeric or codes or "regression" not in allowed) and "multiclass" in allowed:
        return "multiclass"
    return "regression"


def _loss(spec: TrainSpec, task: Task, problems: list[FieldProblem]) -> LossName:
    choices = LOSSES_BY_TASK[task]
    if spec.loss.name == "auto":
        return choices[0]
    if spec.loss.name not in choices:
        problems.append(
            FieldProblem(
                pointer="/loss/name",
                detail=f'"{spec.loss.name}" does not fit the task "{task}"; use {_one_of(choices)}',
            )
        )
    return spec.loss.name


def _output_activation(
    spec: TrainSpec, task: Task, loss: LossName, problems: list[FieldProblem]
) -> OutputActivationName:
    natural: OutputActivationName
    if task == "regression":
        natural = "exponential" if loss == "poisson" else "linear"
    else:
        natural = "softmax" if task == "multiclass" and loss != "mean_squared_error" else "sigmoid"
    if spec.output_activation not in ("auto", natural):
        problems.append(
            FieldProblem(
                pointer="/output_activation",
                detail=f'the task "{task}" with the loss "{loss}" has the output "{natural}"',
            )
        )
    return natural


def _split(
    spec: TrainSpec, task: Task, target: TargetFacts, problems: list[FieldProblem], *, given_apart: bool
) -> ResolvedSplit:
    counts = target.counts if task != "regression" else None
    fit = counts is not None and min(counts, default=0) >= LEAST_ROWS_TO_STRATIFY
    method = spec.split.method
    if method == "stratified" and not fit and not given_apart:
        detail = (
            f"each class needs at least {LEAST_ROWS_TO_STRATIFY} rows"
            if counts is not None
            else "only classes can be stratified"
        )
        problems.append(FieldProblem(pointer="/split/method", detail=f'{detail}; use "random"'))
    resolved = ("stratified" if fit else "random") if method == "auto" else method
    return ResolvedSplit(**(dict(spec.split) | {"method": resolved}))


def _insists_on_validation(early_stopping: EarlyStopping) -> bool:
    return early_stopping.monitor.startswith("validation") and "monitor" in early_stopping.model_fields_set


def _batch_size(spec: TrainSpec, rows: int) -> int | str:
    if spec.batch_size == "full":
        return "full"
    if spec.batch_size == "auto":
        return min(rows, 32 if rows < 10_000 else 128 if rows < 100_000 else 1_024)
    return min(rows, spec.batch_size)


def _epochs(spec: TrainSpec, rows: int, batch_size: int | str) -> int:
    if spec.epochs != "auto":
        return spec.epochs
    return min(1_000, max(50, ceil(2_000 / steps_per_epoch(rows, batch_size))))


def _early_stopping(
    requested: EarlyStopping | None, epochs: int, validation_rows: int, warnings: list[str]
) -> ResolvedEarlyStopping | None:
    if requested is None:
        return None
    if requested.monitor.startswith("validation") and not validation_rows:
        if requested.model_fields_set:
            warnings.append('there are no validation rows: early stopping is off; it could monitor "training_loss"')
        return None
    patience = max(10, epochs // 5) if requested.patience == "auto" else requested.patience
    return ResolvedEarlyStopping(**(dict(requested) | {"patience": patience}))


def _target_scaling(spec: TrainSpec, task: Task) -> str:
    if task != "regression":
        return "none"
    if spec.preprocess.target != "auto":
        return spec.preprocess.target
    return "none" if spec.loss.name == "poisson" else "standardize"


def _initializer(spec: TrainSpec) -> InitializerName:
    """One rule for all layers, chosen by the first hidden one (He et al. 2015; Klambauer et al. 2017; Glorot 2010)."""
    if spec.initializer != "auto":
        return spec.initializer
    activation = spec.layers[0].activation if spec.layers else "linear"
    if activation == "selu":
        return "lecun_normal"
    return "he_uniform" if activation in RELU_FAMILY else "glorot_uniform"


def _one_of(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
