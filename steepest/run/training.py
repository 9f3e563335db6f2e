"""Train in process: specs and arrays in, runs out; networks of equal shape as one stack."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from steepest.data.facts import input_width, parting_facts, parting_problems
from steepest.data.prepare import Prepared, check_monitor, prepare
from steepest.data.schema import describe, facts_about
from steepest.data.table import WEIGHT, Table
from steepest.data.target import rows_with
from steepest.export.model import Model
from steepest.run.bar import Show, bar, no_bar
from steepest.run.environment import limited_threads
from steepest.run.result import Record, Run, result_of
from steepest.spec.errors import FieldProblem
from steepest.spec.names import StoppedBy
from steepest.spec.parting import PartingFacts
from steepest.spec.problems import parse, raised
from steepest.spec.resolve import Resolution, batch_rows, resolve
from steepest.spec.training import Split, TrainSpec
from steepest.trainer.arrays import Array
from steepest.trainer.chunks import capacity_of, piece_rows, steps_in_time
from steepest.trainer.engines.choice import choose, do_without_kernels, kernels
from steepest.trainer.fit import fit_stack
from steepest.trainer.network import Network
from steepest.trainer.records import EpochRecord, Failed, Finished
from steepest.trainer.rows import Rows
from steepest.trainer.stack import Stack, shape_of

OnEpoch = Callable[[Record], object]
Spec = TrainSpec | Mapping[str, Any]

TOGETHER: Final = 64
"""Most networks of a stack: more would save nothing, and take more memory."""


@overload
def train(
    spec: Spec,
    X: ArrayLike,
    y: ArrayLike,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    on_epoch: OnEpoch | None = None,
    progress: bool = False,
) -> Run: ...
@overload
def train(
    spec: Sequence[Spec],
    X: ArrayLike,
    y: ArrayLike,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    on_epoch: OnEpoch | None = None,
    progress: bool = False,
) -> list[Run]: ...
def train(
    spec: Spec | Sequence[Spec],
    X: ArrayLike,
    y: ArrayLike,
    validation: tuple[ArrayLike, ArrayLike] | None = None,
    sample_weight: ArrayLike | None = None,
    on_epoch: OnEpoch | None = None,
    progress: bool = False,
) -> Run | list[Run]:
    """Train a network on arrays, or several; those of equal shape as stacks of up to 64, each as it becomes alone.

    Args:
        spec: What to do: a `TrainSpec` or a dict of its fields. A list of them gives a list of runs. X's columns are
            `x0`, `x1`, ...; the one that `split.column` names is no feature, so rows to predict come without it.
        X: (n, d) numbers; NaN is a missing value.
        y: (n,) classes (numbers, booleans or text) or values; or (n, columns) labels (0 and 1, or booleans) or values.
        validation: X and y that measure each epoch, in place of a part split off.
        sample_weight: (n,) how much each row counts in the loss, at least 0; not that of validation rows given apart.
        on_epoch: Called with each epoch's record; returning False ends the training of the network it is about.
        progress: Show a progress bar.

    Raises:
        ValidationFailed: a spec is wrong, or does not fit y; every problem at once.
        DataUnusable: the arrays cannot be used.
        Diverged: a loss or weight became NaN or infinite; of several networks, the run of that one has it as `error`.
    """
    several = isinstance(spec, Sequence)
    specs = [parse(TrainSpec, one) for one in (spec if isinstance(spec, Sequence) else [spec])]
    weights = None if sample_weight is None else np.asarray(sample_weight)
    table = Table.from_arrays(np.asarray(X), np.asarray(y), weights)
    apart = None if validation is None else Table.from_arrays(np.asarray(validation[0]), np.asarray(validation[1]))
    resolutions = [_resolved(one, table, apart) for one in specs]
    runs: dict[int, Run] = {}
    for numbers in _stacks(resolutions, table, apart):
        stack = [resolutions[number] for number in numbers]
        runs |= zip(numbers, _train(stack, table, apart, on_epoch, progress), strict=True)
    if several:
        return [runs[number] for number in range(len(specs))]
    if runs[0].error is not None:
        raise runs[0].error
    return runs[0]


def warm_up() -> None:
    """Load all that training needs, kernels included, so that no run pays for it: workers call it when they start."""
    loaded = kernels()
    try:
        if loaded is not None:
            loaded.warm_up()
    except Exception as error:  # a compiler has many ways to fail, and the plan needs none of it
        do_without_kernels()
        warnings.warn(f"the compiled kernels do not work here; all runs go without them: {error!r}", stacklevel=2)
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    train({"epochs": 1, "split": {"validation": 0.0, "test": 0.0}}, corners, corners[:, 0])


def _resolved(spec: TrainSpec, table: Table, apart: Table | None) -> Resolution:
    if spec.loss.sample_weight is not None:
        detail = f'arrays have no column "{spec.loss.sample_weight}"; give the weights as the argument sample_weight'
        raise raised([FieldProblem(pointer="/loss/sample_weight", detail=detail)])
    rows = None if apart is None else len(rows_with(apart, apart.targets))
    facts = tuple(facts_about(table, name) for name in table.targets)
    return resolve(spec, facts, rows, _parting(spec.split, table) if apart is None else None)


def _parting(split: Split, table: Table) -> PartingFacts | None:
    """Facts about the column that the split goes by: one of X's, which is then no feature."""
    if split.column is None:
        return None
    if split.column not in table.features:
        detail = f'X has no column "{split.column}"; its columns are "{table.features[0]}" to "{table.features[-1]}"'
        raise raised([FieldProblem(pointer="/split/column", detail=detail)])
    column = describe(table, split.column)
    if problems := parting_problems(column, split):
        raise raised(problems)
    return parting_facts([column], split)


def _features(spec: TrainSpec, table: Table, apart: Table | None) -> tuple[str, ...]:
    parting = spec.split.column if apart is None else None
    return tuple(name for name in table.features if name != parting)


def _stacks(resolutions: Sequence[Resolution], table: Table, apart: Table | None) -> list[list[int]]:
    """The numbers of the specs that train together."""
    if len(resolutions) == 1:
        return [[0]]
    groups: list[tuple[Any, list[int]]] = []
    for number, resolution in enumerate(resolutions):
        shape = shape_of(resolution.spec)
        alone = resolution.spec.optimizer.name == "lbfgs"
        most = _most(resolution, _inputs(resolution, table, apart))
        numbers = next((found for known, found in groups if known == shape and len(found) < most), None)
        if numbers is None or alone:
            groups.append((shape, [number]))
        else:
            numbers.append(number)
    return [numbers for _, numbers in groups]


def _inputs(resolution: Resolution, table: Table, apart: Table | None) -> int:
    features, preprocess = _features(resolution.spec, table, apart), resolution.spec.preprocess
    if not preprocess.missing_indicator:
        return len(features)
    return input_width([describe(table, name) for name in features], features, preprocess)


def _most(resolution: Resolution, inputs: int) -> int:
    """Networks of a stack: so many that all of them take a step in the time that a chunk may take."""
    spec, rows = resolution.spec, resolution.training_rows
    network = Network.of(spec, inputs, resolution.outputs)
    itemsize, capacity = np.dtype(spec.precision).itemsize, capacity_of(spec.device)
    batch = batch_rows(spec.batch_size, rows)
    piece = piece_rows(network, itemsize, capacity)
    return min(TOGETHER, steps_in_time(network, min(batch, piece), itemsize, capacity=capacity))


@dataclass
class _Course:
    """One network's way, as far as it has come."""

    history: list[Record] = field(default_factory=list)
    theta: Array | None = None
    best_epoch: int = 0
    stopped_by: StoppedBy | Literal["on_epoch"] | None = None
    failed: Failed | None = None


def _train(
    resolutions: Sequence[Resolution], table: Table, apart: Table | None, on_epoch: OnEpoch | None, progress: bool
) -> list[Run]:
    """Runs of networks of one shape."""
    specs = [resolution.spec for resolution in resolutions]
    weight = WEIGHT if WEIGHT in table.index else None
    features = _features(specs[0], table, apart)
    data = prepare(table, specs[0], table.targets, features, resolutions[0].classes, apart, weight)
    for spec in specs:
        check_monitor(spec, data)
    rows, validation = Rows(*data.training), Rows(*data.validation) if data.validation else None
    network = Network.of(specs[0], rows.X.shape[1], data.outputs)
    engine = choose(max(specs, key=lambda spec: spec.epochs), network, len(rows), len(specs))
    with (
        limited_threads(engine) as engine,
        bar(max(spec.epochs for spec in specs), len(specs)) if progress else nullcontext(no_bar) as show,
    ):
        stack = fit_stack(specs, rows, outputs=data.outputs, validation=validation, engine=engine)
        courses = _drive(stack, len(specs), on_epoch, show)
        return [
            _run(resolution, course, network, data) for resolution, course in zip(resolutions, courses, strict=True)
        ]


def _is_false(answer: object) -> bool:
    """Whether an answer is a plain no, Python's or NumPy's. None, of a callback without an opinion, is not."""
    return isinstance(answer, bool | np.bool) and not answer


def _drive(stack: Stack, nets: int, on_epoch: OnEpoch | None, show: Show) -> list[_Course]:
    """Run every network to its end, or to the record at which `on_epoch` wanted no more of it."""
    courses = [_Course() for _ in range(nets)]
    for item in stack.run():
        show(item)
        course = courses[item.net]
        if isinstance(item, Finished):
            course.theta, course.best_epoch, course.stopped_by = item.theta, item.best_epoch, item.stopped_by
        elif isinstance(item, Failed):
            course.theta, course.best_epoch, course.failed = item.best, item.best_epoch, item
        elif isinstance(item, EpochRecord):
            course.history.append(item.as_dict())
            if on_epoch is not None and _is_false(on_epoch(dict(course.history[-1]))):
                state = item.state()
                restores = stack.restores_best(item.net)
                course.theta, course.best_epoch = (state.best if restores else state.theta)[0], state.best_epoch
                course.stopped_by = "on_epoch"
                stack.leave(item.net)
    return courses


def _run(resolution: Resolution, course: _Course, network: Network, data: Prepared) -> Run:
    if course.theta is None:
        raise RuntimeError("training ended without an end")
    warnings = resolution.warnings + data.warnings
    model = Model(network, course.theta, resolution.spec, data.preprocessing, data.target)
    if course.failed is not None:
        return Run(model, course.history, warnings=warnings, error=course.failed.error)
    result = result_of(network, course.theta, data, epochs=len(course.history), best_epoch=course.best_epoch)
    return Run(model, course.history, result, course.stopped_by, warnings)
