"""Small data and resolved specs for the trainer's tests."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pytest

from steepest.spec import optimizers
from steepest.spec.names import LOSSES_BY_TASK
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec
from steepest.trainer.arrays import Array
from steepest.trainer.engines import ways
from steepest.trainer.engines.choice import Engine
from steepest.trainer.fit import EpochRecord, Finished, Item, fit, fit_stack
from steepest.trainer.rows import Rows
from steepest.trainer.stack import Stack
from steepest.trainer.state import State

TASKS: Final = ("binary", "multiclass", "multilabel", "regression")
OUTPUTS: Final = {"binary": 1, "multiclass": 3, "multilabel": 3, "regression": 1}
CLASSES: Final = ("binary", "multiclass")
OBJECTIVES: Final = tuple(
    (task, loss) for task, losses in LOSSES_BY_TASK.items() for loss in losses if loss != "log_loss"
)
OPTIMIZERS: Final = tuple(name for name in optimizers.SUPPORTED if name != "lbfgs")
ENGINES: Final = ("numpy", "numba")
"""Each passes every test that asks for the fixture `engine`."""

TEAM: Final = "team"
"""Two threads of kernels at one network, however little there is to do: see `by_a_team`."""

Pair = tuple[Array, ...]
"""X, y, and weights if rows have them."""


def spec_for(task: str, rows: int, validation_rows: int = 0, **fields: Any) -> ResolvedTrainSpec:
    """A resolved spec for `rows` training rows."""
    spec = TrainSpec.model_validate({"task": task, **fields})
    columns = OUTPUTS[task] if task == "multilabel" else 1
    classes = None
    if task != "regression":
        classes = tuple(str(code) for code in range(OUTPUTS[task] if task == "multiclass" else 2))
    facts = TargetFacts(
        name="y",
        rows=rows,
        distinct=len(classes) if classes else rows,
        numeric=True,
        whole=classes is not None,
        classes=classes,
        counts=tuple(rows // len(classes) + 1 for _ in classes) if classes else None,
    )
    return resolve(spec, [facts] * columns, validation_rows).spec


def data_for(
    task: str, rows: int, inputs: int = 4, seed: int = 0, dtype: str = "float32", outputs: int = 1
) -> tuple[Array, Array]:
    """Rows that can be learned."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((rows, inputs))
    signal = np.sin(X @ np.linspace(-1, 2, inputs)) + 0.1 * random.standard_normal(rows)
    if task == "regression":
        columns = [signal, *(np.cos(signal * number) for number in range(1, outputs))]
        return X.astype(dtype), np.stack(columns, 1).astype(dtype)
    if task == "multilabel":
        return X.astype(dtype), (signal[:, None] > np.array([-0.4, 0.0, 0.4])).astype(np.intp)
    edges = [0.0] if task == "binary" else [-0.4, 0.4]
    return X.astype(dtype), np.digitize(signal, edges).astype(np.intp)


def rows_for(
    task: str,
    rows: int,
    *,
    loss: str = "auto",
    weighted: bool = False,
    seed: int = 0,
    dtype: str = "float32",
    outputs: int = 1,
) -> Pair:
    """As `data_for`, with counts for the loss of counts, and with weights of which one is zero."""
    X, y = data_for(task, rows, seed=seed, dtype=dtype, outputs=outputs)
    if loss == "poisson":
        y = np.floor(np.exp(y + 1))
    if not weighted:
        return X, y
    weights = np.random.default_rng(seed + 1).uniform(0.2, 3, rows).astype(dtype)
    weights[rows // 2] = 0
    return X, y, weights


def rows_of(pair: Pair | Rows) -> Rows:
    return pair if isinstance(pair, Rows) else Rows(*pair)


def outputs_of(spec: ResolvedTrainSpec, y: Array) -> int:
    return y.shape[1] if spec.task == "regression" else OUTPUTS[spec.task]


def options_of(engine: str) -> dict[str, Any]:
    """What makes a run take an engine."""
    name: Any = "numba" if engine == TEAM else engine
    return {"engine": Engine(name, 2)}


def by_a_team(patch: pytest.MonkeyPatch) -> None:
    """Let two threads share a network's units, or its rows, from the smallest amount of work up."""
    patch.setattr(ways, "WORTH_A_TEAM", 0)


def train(
    spec: ResolvedTrainSpec,
    X: Array,
    y: Array,
    validation: Pair | None = None,
    state: State | None = None,
    weights: Array | None = None,
    engine: str = "numpy",
) -> Iterator[Item]:
    """`fit` with the outputs that the task calls for."""
    return fit(
        spec,
        Rows(X, y, weights),
        outputs=outputs_of(spec, y),
        validation=rows_of(validation) if validation is not None else None,
        state=state,
        **options_of(engine),
    )


def stack_of(
    specs: Sequence[ResolvedTrainSpec],
    rows: Pair,
    validation: Pair | None = None,
    states: Sequence[State] | None = None,
    engine: str = "numpy",
) -> Stack:
    """`fit_stack` with the outputs that the task calls for."""
    return fit_stack(
        specs,
        rows_of(rows),
        outputs=outputs_of(specs[0], rows[1]),
        validation=rows_of(validation) if validation is not None else None,
        states=states,
        **options_of(engine),
    )


def records_of(*arguments: Any, **options: Any) -> tuple[list[EpochRecord], Finished]:
    """A whole run."""
    items = list(train(*arguments, **options))
    assert isinstance(items[-1], Finished)
    return [item for item in items if isinstance(item, EpochRecord)], items[-1]


def figures_of(record: EpochRecord) -> dict[str, Any]:
    """A record but for the seconds, which differ from run to run."""
    return {name: figure for name, figure in record.as_dict().items() if name != "seconds"}
