"""Fields of a spec that cannot be together, whatever the data are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from steepest.spec.optimizers import LBFGS
from steepest.spec.parting import BY_COLUMN
from steepest.spec.schedules import Constant

if TYPE_CHECKING:
    from steepest.spec.training import Preprocess, Split, TrainSpec

Place = tuple[str | int, ...]

VALIDATION_SHARE: Final = 0.15
TEST_SHARE: Final = 0.15
"""Of the rows, unless a spec says otherwise."""

MOST_CATEGORIES: Final = 100
"""Unless a spec says otherwise: categories of a column that get a code of their own, or buckets."""


def contradictions(spec: "TrainSpec") -> Iterator[tuple[Place, str]]:
    """Every field that another one rules out: its place, and why."""
    if isinstance(spec.optimizer, LBFGS):
        yield from _of_lbfgs(spec)
    yield from _of_the_split(spec.split)
    yield from _of_preprocessing(spec.preprocess)
    if spec.batch_size == 1 and any(layer.batch_norm for layer in spec.layers):
        yield ("batch_size",), "batch norm compares the rows of a batch; it needs at least 2"


def _of_the_split(split: "Split") -> Iterator[tuple[Place, str]]:
    goes_by_column = split.method in BY_COLUMN
    if goes_by_column and split.column is None:
        yield ("split", "column"), f'the method "{split.method}" needs the column that it goes by'
    elif not goes_by_column and split.column is not None:
        methods = ", ".join(f'"{method}"' for method in BY_COLUMN)
        yield ("split", "column"), f'the method "{split.method}" looks at no column; {methods} do'
    if split.method == "column" and split.test != TEST_SHARE:
        yield ("split", "test"), "the column says which rows are test rows; leave this out"


def _of_preprocessing(preprocess: "Preprocess") -> Iterator[tuple[Place, str]]:
    if preprocess.missing_value and preprocess.missing != "constant":
        detail = f'"{preprocess.missing}" finds the number for missing values itself; use "constant" to give it'
        yield ("preprocess", "missing_value"), detail
    if preprocess.categorical == "ordinal" and preprocess.max_categories != MOST_CATEGORIES:
        yield ("preprocess", "max_categories"), '"ordinal" keeps every category; it has no cap'


def _of_lbfgs(spec: "TrainSpec") -> Iterator[tuple[Place, str]]:
    """L-BFGS models one function, so that function must not change from step to step."""
    for number, layer in enumerate(spec.layers):
        if layer.dropout:
            yield ("layers", number, "dropout"), "lbfgs cannot follow a loss that dropout changes at each step; use 0"
        if layer.batch_norm:
            yield ("layers", number, "batch_norm"), "lbfgs and batch norm do not go together; use false"
    if spec.regularization.l1:
        detail = "lbfgs needs a smooth loss, and stops short where l1 has weights at 0; use 0, or another optimizer"
        yield ("regularization", "l1"), detail
    if spec.gradient_clip is not None:
        yield ("gradient_clip",), "lbfgs needs the gradient as it is; use null"
    if spec.regularization.max_norm is not None:
        yield ("regularization", "max_norm"), "lbfgs cannot follow weights that are moved after its step; use null"
    if isinstance(spec.batch_size, int):
        yield ("batch_size",), 'lbfgs takes all rows at once; use "full" or "auto"'
    if not isinstance(spec.schedule, Constant):
        yield ("schedule", "name"), 'the line search of lbfgs chooses the length of each step; use "constant"'
    elif spec.schedule.warmup_epochs:
        yield ("schedule", "warmup_epochs"), "the line search of lbfgs chooses the length of each step; use 0"
