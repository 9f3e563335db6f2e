"""Train and load networks in process: NumPy arrays and a spec in, a `Run` out."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import ThreadpoolController

from steepest import __version__
from steepest.data.facts import target_facts
from steepest.data.prepare import Prepared, prepare
from steepest.data.schema import describe
from steepest.data.table import Table
from steepest.export import npz, safetensors
from steepest.export.model import Model
from steepest.spec.answers import Environment, Result
from steepest.spec.errors import FieldProblem
from steepest.spec.names import StoppedBy
from steepest.spec.problems import parse, raised
from steepest.spec.resolve import Resolution, resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.training import TrainSpec
from steepest.trainer.evaluate import evaluate
from steepest.trainer.fit import EpochRecord, Finished, Progress, fit
from steepest.trainer.network import Network
from steepest.trainer.threads import threads_for

Record = dict[str, float | int | None]
"""An epoch under the public names of its figures."""

OnEpoch = Callable[[Record], object]
Spec = TrainSpec | Mapping[str, Any]
Item = Progress | EpochRecord | Finished
Show = Callable[[Item], None]

TARGET: Final = "y"
FORMATS: Final[dict[str, ModuleType]] = {".safetensors": safetensors, ".npz": npz}


@dataclass(frozen=True)
class Run:
    """A trained network, and how it came about."""

    model: Model = field(repr=False)
    history: list[Record] = field(default_factory=list, repr=False)
    """A record for each epoch; empty for a network that was loaded."""
    result: Result | None = None
    """Figures of the weights that predictions use, on each part of the data; None for a network that was loaded."""
    stopped_by: StoppedBy | Literal["on_epoch"] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def spec(self) -> ResolvedTrainSpec:
        """What was trained, every `"auto"` replaced."""
        return self.model.spec

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Labels (n,) in the dtype of y, or values (n,) in its units, for raw rows X (n, d).

        Raises:
            ValidationFailed: X does not have the features, or a value cannot be read.
        """
        return self.model.predict(np.asarray(X))

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Probabilities (n, classes), in class order, for raw rows X (n, d).

        Raises:
            ValidationFailed: the network predicts values, or X does not have the features.
        """
        return self.model.predict_proba(np.asarray(X))

    def save(self, path: str | Path) -> None:
        """Write weights, spec and preprocessing into one file.

        Args:
            path: Ends in `.safetensors` or `.npz`, which chooses the format.

        Raises:
            ValueError: the name ends otherwise.
        """
        Path(path).write_bytes(_format(path).dump(self.model))


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
    """Train a network on arrays, or several networks one after the other.

    Args:
        spec: What to do: a `TrainSpec` or a dict of its fields. A list of them gives a list of runs.
        X: (n, d) numbers; NaN is a missing value.
        y: (n,) classes (numbers, booleans or text) or values.
        validation: X and y that measure each epoch, in place of a part split off.
        sample_weight: Must be None in this release.
        on_epoch: Called with each epoch's record; returning False ends the training.
        progress: Show a progress bar.

    Raises:
        ValidationFailed: the spec is wrong, or does not fit y; every problem at once.
        DataUnusable: the arrays cannot be used.
        Diverged: a loss or weight became NaN or infinite.
    """
    if sample_weight is not None:
        detail = "sample weights are not supported by this release; leave them out"
        raise raised([FieldProblem(pointer="/sample_weight", detail=detail)], not_yet=True)
    several = isinstance(spec, Sequence)
    specs = [parse(TrainSpec, one) for one in (spec if isinstance(spec, Sequence) else [spec])]
    table = Table.from_arrays(np.asarray(X), np.asarray(y))
    apart = None if validation is None else Table.from_arrays(np.asarray(validation[0]), np.asarray(validation[1]))
    runs = [_train(one, table, apart, on_epoch, progress) for one in specs]
    return runs if several else runs[0]


def load(path: str | Path) -> Run:
    """The network in a file that `Run.save` or the service wrote.

    Raises:
        InvalidRequest: the file holds no network.
        ValueError: its name ends neither in `.safetensors` nor in `.npz`.
    """
    return Run(_format(path).load(Path(path)))


def warm_up() -> None:
    """Load all that training needs, so that no run pays for it: workers call it when they start."""
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    train({"epochs": 1, "split": {"validation": 0.0, "test": 0.0}}, corners, corners[:, 0])


@contextmanager
def limited_threads(threads: int) -> Iterator[int]:
    """Let BLAS use at most `threads` threads, or as many as this process has; gives the number in force."""
    pools, most = _blas()
    allowed = max(1, min(threads, most))
    with pools.limit(limits=allowed):
        yield allowed


def numeric_environment(threads: int) -> Environment:
    """What must be equal for equal bits, when BLAS uses `threads` threads."""
    pools = _blas()[0].info()
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    kernels = [f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip() for pool in pools]
    return Environment(
        engine="numpy",
        steepest=__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        blas=", ".join(kernels) or "unknown",
        threads=threads,
        device=" ".join(["cpu", platform.machine(), *simd.get("found", [])[-1:]]),
    )


@cache
def _blas() -> tuple[ThreadpoolController, int]:
    """NumPy's BLAS, and the threads that this process gave it at first."""
    pools = ThreadpoolController().select(user_api="blas")
    # SciPy may have brought one of its own.
    ours = [pool["filepath"] for pool in pools.info() if "numpy" in pool["filepath"]]
    pools = pools.select(filepath=ours) if ours else pools
    return pools, max((pool["num_threads"] for pool in pools.info()), default=1)


def _format(path: str | Path) -> ModuleType:
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ValueError(f'the file name ends in "{suffix}"; it must end in {" or ".join(FORMATS)}')
    return FORMATS[suffix]


def _train(spec: TrainSpec, table: Table, apart: Table | None, on_epoch: OnEpoch | None, progress: bool) -> Run:
    resolution = _resolved(spec, table, apart)
    resolved = resolution.spec
    data = prepare(table, resolved, TARGET, table.names[:-1], resolution.classes, apart)
    X = data.training[0]
    network = Network.of(resolved, X.shape[1], data.outputs)
    batch_size = resolved.batch_size if isinstance(resolved.batch_size, int) else len(X)
    history: list[Record] = []
    with (
        limited_threads(threads_for(network, batch_size)),
        _bar(resolved.epochs) if progress else nullcontext(_no_bar) as show,
    ):
        items = fit(resolved, *data.training, outputs=data.outputs, validation=data.validation)
        end = _drive(items, history, on_epoch, show)
        restores = resolved.early_stopping is not None and resolved.early_stopping.restore_best
        theta, best_epoch, stopped_by = _weights(end, restores_best=restores)
        result = result_of(network, theta, data, epochs=len(history), best_epoch=best_epoch)
    model = Model(network, theta, resolved, data.preprocessing, data.target)
    return Run(model, history, result, stopped_by, resolution.warnings + data.warnings)


def _resolved(spec: TrainSpec, table: Table, apart: Table | None) -> Resolution:
    rows = None if apart is None else describe(apart, TARGET).count
    return resolve(spec, target_facts([describe(table, TARGET)], TARGET), rows)


def _drive(
    items: Iterator[Item], history: list[Record], on_epoch: OnEpoch | None, show: Show
) -> EpochRecord | Finished:
    """Run to the end, or to the record at which `on_epoch` wanted no more."""
    for item in items:
        show(item)
        if isinstance(item, Finished):
            return item
        if isinstance(item, EpochRecord):
            history.append(item.as_dict())
            if on_epoch is not None and on_epoch(dict(history[-1])) is False:
                return item
    raise RuntimeError("training ended without an end")


def _weights(
    end: EpochRecord | Finished, *, restores_best: bool
) -> tuple[NDArray[Any], int, StoppedBy | Literal["on_epoch"]]:
    """The weights that predictions use, the best epoch, and why the run ended."""
    if isinstance(end, Finished):
        return end.theta, end.best_epoch, end.stopped_by
    state = end.state()
    return (state.best if restores_best else state.theta)[0], state.best_epoch, "on_epoch"


def result_of(
    network: Network,
    theta: NDArray[Any],
    data: Prepared,
    *,
    epochs: int,
    best_epoch: int,
    watch: Callable[[], object] | None = None,
) -> Result:
    """The figures of weights `theta` (P,) on each part of the data that has rows; `watch` may raise to end it."""
    figures: dict[str, float | None] = {}
    for part, rows in (("training", data.training), ("validation", data.validation), ("test", data.test)):
        if rows is not None:
            measured = evaluate(network, theta, *rows, watch=watch)
            figures |= {f"{part}_loss": measured.loss, f"{part}_accuracy": measured.accuracy, f"{part}_r2": measured.r2}
    return Result(epochs=epochs, best_epoch=best_epoch, parameters=network.parameters, **figures)


def _no_bar(item: Item) -> None:
    """Show nothing."""


@contextmanager
def _bar(epochs: int) -> Iterator[Show]:
    """A progress bar over the epochs, with the latest loss."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("epoch"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    with Bar(*columns) as bar:
        task = bar.add_task("training", total=epochs, loss="")

        def show(item: Item) -> None:
            if isinstance(item, EpochRecord):
                loss = item.training_loss if item.validation_loss is None else item.validation_loss
                bar.update(task, completed=item.epoch, loss=f"loss {loss:.4g}")
            elif isinstance(item, Progress):
                bar.update(task, completed=item.epoch - 1 + item.step / item.steps_per_epoch)
            else:
                bar.update(task, total=item.epochs, completed=item.epochs)

        yield show
