"""Replace every `"auto"` by what the data call for: pure rules, so that the same request always means the same job."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from steepest.spec.errors import FieldProblem
from steepest.spec.names import (
    ALPHAS,
    CROSS_ENTROPIES,
    DELTAS,
    LOSSES_BY_TASK,
    RELU_FAMILY,
    InitializerName,
    LossName,
    OutputActivationName,
    Task,
)
from steepest.spec.optimizers import LBFGS
from steepest.spec.parting import PartingFacts
from steepest.spec.problems import pointer_to, raised, suggestion
from steepest.spec.resolved import (
    ResolvedEarlyStopping,
    ResolvedLoss,
    ResolvedPreprocess,
    ResolvedSplit,
    ResolvedTrainSpec,
)
from steepest.spec.shuffling import shuffle_of
from steepest.spec.tasks import CLASSES, TargetFacts, target_problems, task_of
from steepest.spec.training import EarlyStopping, Layer, Split, TrainSpec

LEAST_ROWS_TO_STRATIFY = 3
"""A class needs a row for each of training, validation and test."""


@dataclass(frozen=True)
class Resolution:
    """A resolved spec with what was learned on the way."""

    spec: ResolvedTrainSpec
    classes: tuple[str, ...]
    """Labels in class order; empty for regression and multilabel."""
    outputs: int
    """Units of the output layer: one for binary, one for each class or column else."""
    training_rows: int
    validation_rows: int
    test_rows: int
    warnings: tuple[str, ...]


def resolve(
    spec: TrainSpec,
    targets: Sequence[TargetFacts],
    validation_rows: int | None = None,
    split_column: PartingFacts | None = None,
) -> Resolution:
    """Resolve `spec` for a target.

    Args:
        spec: As requested; one that is resolved already comes back equal.
        targets: Facts about the values of each target column. Where several columns lack values, the rows that have
            all of them are not known before they are read: the column with the fewest stands for them.
        validation_rows: Rows of a validation set given apart, which replaces the split; None to split.
        split_column: Facts about the column that the split goes by. Without them its parts have the sizes of their
            shares, which they may miss once rows are read; so they may where rows lack a target.

    Raises:
        ValidationFailed: the target cannot serve the task, loss or split, or fields do not go together; every problem
            at once.
    """
    problems: list[FieldProblem] = []
    warnings: list[str] = []
    rows = min(target.rows for target in targets)
    task = task_of(spec, targets)
    problems += target_problems(spec, targets, task)
    classes = (targets[0].classes or ()) if task in CLASSES else ()
    loss = _loss(spec, task, classes, problems)
    output = _output_activation(spec, task, loss, problems)
    split = _split(spec, targets[0].counts if task in CLASSES else None, problems, apart=validation_rows is not None)
    if validation_rows is None:
        training, validation, test = _parts(split, rows, split_column, warnings)
    else:
        training, validation, test = rows, validation_rows, 0
    problems += _too_few(spec, rows, training)
    batch_size = _batch_size(spec, max(training, 1))
    epochs = _epochs(spec, max(training, 1), batch_size)
    if spec.schedule.warmup_epochs >= epochs:
        detail = f"a warm-up of {spec.schedule.warmup_epochs:,} epochs leaves none of the {epochs:,} epochs"
        problems.append(FieldProblem(pointer="/schedule/warmup_epochs", detail=detail))
    early_stopping = _early_stopping(spec.early_stopping, task, epochs, validation, problems, warnings)
    preprocess = ResolvedPreprocess(**(dict(spec.preprocess) | {"target": _target_scaling(spec, task, loss, problems)}))
    if problems:
        raise raised(problems)
    fields = dict(spec) | {
        "task": task,
        "split": split,
        "preprocess": preprocess,
        "layers": tuple(_layer(layer) for layer in spec.layers),
        "initializer": _initializer(spec),
        "output_activation": output,
        "loss": ResolvedLoss(**(dict(spec.loss) | {"name": loss, "delta": spec.loss.delta or DELTAS.get(loss)})),
        "epochs": epochs,
        "batch_size": batch_size,
        "shuffle": shuffle_of(spec.shuffle, max(training, 1)),
        "early_stopping": early_stopping,
        "device": "cpu" if spec.device == "auto" else spec.device,
    }
    resolved = ResolvedTrainSpec(**{name: fields[name] for name in TrainSpec.model_fields})
    outputs = len(classes) if task == "multiclass" else len(targets)
    return Resolution(resolved, classes, outputs, training, validation, test, tuple(warnings))


def split_sizes(rows: int, validation: float, test: float) -> tuple[int, int, int]:
    """Rows for training, validation and test: each share to the nearest whole row, halves up; training takes the rest.

    Shares are read as the decimals that a person wrote, so that 0.15 of 100 rows is 15 and not 14.999...
    """
    parts = [int(Fraction(str(share)) * rows + Fraction(1, 2)) for share in (validation, test)]
    return rows - sum(parts), parts[0], parts[1]


def _parts(split: Split, rows: int, column: PartingFacts | None, warnings: list[str]) -> tuple[int, int, int]:
    """Rows for training, validation and test."""
    training, validation, test, shared = _sizes(split, rows, column)
    if shared and ((split.validation and not validation) or (split.test and not test)):
        warnings.append(f"{rows} rows are too few for every part of the split; a part is empty")
    return training, validation, test


def _too_few(spec: TrainSpec, rows: int, training: int) -> Iterator[FieldProblem]:
    """What cannot be done with so few training rows."""
    if training < 1 and rows:
        yield FieldProblem(pointer="/split", detail="the split leaves no training rows")
    for number, layer in enumerate(spec.layers):
        if layer.batch_norm and training == 1:
            detail = "batch norm compares rows, and there is one training row"
            yield FieldProblem(pointer=f"/layers/{number}/batch_norm", detail=detail)


def _sizes(split: Split, rows: int, column: PartingFacts | None) -> tuple[int, int, int, bool]:
    """Rows for training, validation and test, and whether they are those of the shares."""
    if column is not None and column.parts is not None:
        training, validation, test = column.parts
        if column.marks_test:
            _, validation, _ = split_sizes(training + test, split.validation, 0.0)
            validation = min(validation, max(0, training - 1))
            training -= validation
        return training, validation, test, False
    rows = rows if column is None or split.method != "time" else min(rows, column.rows)
    return *split_sizes(rows, split.validation, split.test), True


def batch_rows(batch_size: int | str, rows: int) -> int:
    """Rows of a batch of `rows` training rows; the last of an epoch may have fewer."""
    return min(rows, batch_size) if isinstance(batch_size, int) else rows


def steps_per_epoch(rows: int, batch_size: int | str) -> int:
    """Batches in one pass over the training rows; the last may be short."""
    return 1 if not isinstance(batch_size, int) else ceil(rows / batch_size)


def _loss(spec: TrainSpec, task: Task, classes: Sequence[str], problems: list[FieldProblem]) -> LossName:
    choices = LOSSES_BY_TASK[task]
    name = choices[0] if spec.loss.name == "auto" else spec.loss.name
    if name not in choices:
        detail = f'"{name}" does not fit the task "{task}"; use {_one_of(choices)}'
        problems.append(FieldProblem(pointer="/loss/name", detail=detail))
    if spec.loss.label_smoothing and name not in CROSS_ENTROPIES:
        detail = f'only a cross-entropy can smooth labels; the loss is "{name}"'
        problems.append(FieldProblem(pointer="/loss/label_smoothing", detail=detail))
    if spec.loss.class_weight is not None and task not in CLASSES:
        detail = f'the task "{task}" has no classes to weigh; rows are weighed by sample_weight'
        problems.append(FieldProblem(pointer="/loss/class_weight", detail=detail))
    elif isinstance(spec.loss.class_weight, dict) and classes:
        for label in spec.loss.class_weight:
            if label not in classes:
                detail = f'there is no class "{label}"{suggestion(label, classes) or _some_of(classes)}'
                problems.append(FieldProblem(pointer=pointer_to(["loss", "class_weight", label]), detail=detail))
    return name


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
    spec: TrainSpec, counts: Sequence[int] | None, problems: list[FieldProblem], *, apart: bool
) -> ResolvedSplit:
    fit = counts is not None and min(counts, default=0) >= LEAST_ROWS_TO_STRATIFY
    method = spec.split.method
    if method == "stratified" and not fit and not apart:
        detail = (
            f"each class needs at least {LEAST_ROWS_TO_STRATIFY} rows"
            if counts is not None
            else "only classes can be stratified"
        )
        problems.append(FieldProblem(pointer="/split/method", detail=f'{detail}; use "random"'))
    resolved = ("stratified" if fit else "random") if method == "auto" else method
    return ResolvedSplit(**(dict(spec.split) | {"method": resolved}))


def _batch_size(spec: TrainSpec, rows: int) -> int | str:
    if spec.batch_size == "full" or isinstance(spec.optimizer, LBFGS):
        return "full"
    if spec.batch_size == "auto":
        return min(rows, 32 if rows < 10_000 else 128 if rows < 100_000 else 1_024)
    return min(rows, spec.batch_size)


def _epochs(spec: TrainSpec, rows: int, batch_size: int | str) -> int:
    if spec.epochs != "auto":
        return spec.epochs
    return min(1_000, max(50, ceil(2_000 / steps_per_epoch(rows, batch_size))))


def _early_stopping(
    requested: EarlyStopping | None,
    task: Task,
    epochs: int,
    validation_rows: int,
    problems: list[FieldProblem],
    warnings: list[str],
) -> ResolvedEarlyStopping | None:
    if requested is None:
        return None
    part, figure = requested.monitor.split("_")
    score, foreign = ("r2", "accuracy") if task == "regression" else ("accuracy", "r2")
    if figure == foreign:
        detail = f'the task "{task}" has no {foreign}; use "{part}_{score}"'
        problems.append(FieldProblem(pointer="/early_stopping/monitor", detail=detail))
    elif part == "validation" and not validation_rows:
        if "monitor" in requested.model_fields_set:
            detail = f'there are no validation rows to monitor; use "training_{figure}"'
            problems.append(FieldProblem(pointer="/early_stopping/monitor", detail=detail))
        elif requested.model_fields_set:
            warnings.append('there are no validation rows: early stopping is off; it could monitor "training_loss"')
        return None
    patience = max(10, epochs // 5) if requested.patience == "auto" else requested.patience
    return ResolvedEarlyStopping(**(dict(requested) | {"patience": patience}))


def _target_scaling(spec: TrainSpec, task: Task, loss: LossName, problems: list[FieldProblem]) -> str:
    if task != "regression":
        return "none"
    asked = spec.preprocess.target
    if loss == "poisson" and asked == "standardize":
        detail = 'the loss "poisson" is of counts as they are; use "none" or "auto"'
        problems.append(FieldProblem(pointer="/preprocess/target", detail=detail))
    if asked != "auto":
        return asked
    return "none" if loss == "poisson" else "standardize"


def _layer(layer: Layer) -> Layer:
    return layer.model_copy(update={"alpha": layer.alpha or ALPHAS.get(layer.activation)})


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


def _some_of(classes: Sequence[str]) -> str:
    more = f" and {len(classes) - 10} more" if len(classes) > 10 else ""
    return f"; the classes are {_one_of(classes[:10])}{more}"
