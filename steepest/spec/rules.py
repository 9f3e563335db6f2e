"""Fields of a spec that cannot be together, whatever the data are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steepest.spec.optimizers import LBFGS
from steepest.spec.schedules import Constant

if TYPE_CHECKING:
    from steepest.spec.training import TrainSpec

Place = tuple[str | int, ...]


def contradictions(spec: "TrainSpec") -> Iterator[tuple[Place, str]]:
    """Every field that another one rules out: its place, and why."""
    if isinstance(spec.optimizer, LBFGS):
        yield from _of_lbfgs(spec)
    if spec.batch_size == 1 and any(layer.batch_norm for layer in spec.layers):
        yield ("batch_size",), "batch norm compares the rows of a batch; it needs at least 2"


def _of_lbfgs(spec: "TrainSpec") -> Iterator[tuple[Place, str]]:
    """L-BFGS models one function, so that function must not change from step to step."""
    for number, layer in enumerate(spec.layers):
        if layer.dropout:
            yield ("layers", number, "dropout"), "lbfgs cannot follow a loss that dropout changes at each step; use 0"
        if layer.batch_norm:
            yield ("layers", number, "batch_norm"), "lbfgs and batch norm do not go together; use false"
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
