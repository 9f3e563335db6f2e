"""When a loss becomes NaN or infinite: which step did it, which layer first, and what to do about it."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from steepest.spec.errors import Diverged
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array, run
from steepest.trainer.chunks import Chunk
from steepest.trainer.course import Course, Step
from steepest.trainer.network import Network


def in_chunk(course: Course, net: int, epoch: int, chunk: Chunk) -> Diverged:
    """The error for a network whose loss is not finite after a chunk. Its steps are taken once more, one by one.

    Where they cannot be, or do not go wrong again, the last of them is named.
    """
    spec, again = course.specs[net], course.again(net, chunk)
    if again is None:
        signals = course.signals(net, chunk)
        layer = _first(signals) if signals else _first_layer(course.network, course.theta[net])
        return error(spec, epoch, chunk.step + max(1, chunk.steps), layer)
    alone, doubtful = again
    number = chunk.step + doubtful.start
    layer = _first_layer(alone.network, alone.theta[0])
    with np.errstate(all="ignore"):
        for step in _steps(alone, epoch, chunk, doubtful) if layer is None else ():
            number += 1
            run(step.forward)
            layer = _first(step.batch.signals(step.number))
            if layer is not None or not np.isfinite(step.batch.objective.sums(step.number + 1)).all():
                break
            run(step.descent)
            layer = _first_layer(alone.network, alone.theta[0])
            if layer is not None:
                break
    return error(spec, epoch, max(1, number), layer)


def _steps(course: Course, epoch: int, chunk: Chunk, numbers: range) -> Iterator[Step]:
    """Some steps of a chunk, which the course itself may cut in another way."""
    chunks = course.cutting.after(chunk.start + numbers.start * chunk.batch)
    return islice((step for each in chunks for step in course.steps(epoch, each)), len(numbers))


def of_weights(course: Course, net: int, epoch: int, step: int) -> Diverged:
    """The error for a network whose weights, or whose validation loss, are not finite after a step of an epoch."""
    return error(course.specs[net], epoch, max(1, step), _first_layer(course.network, course.theta[net]))


def error(spec: ResolvedTrainSpec, epoch: int, step: int, layer: int | None) -> Diverged:
    """The error with its remedy.

    Args:
        spec: Of the run.
        epoch: From 1.
        step: Within the epoch, from 1.
        layer: The first layer that went wrong; None if only the loss overflowed, which is taken of the last.
    """
    name = f"layers.{len(spec.layers) if layer is None else layer}"
    rate = spec.optimizer.learning_rate
    remedy = f"Lower optimizer.learning_rate (now {rate:g}; try {rate / 10:g})"
    if spec.gradient_clip is None and spec.optimizer.name != "lbfgs":
        remedy += ', or limit the gradient: gradient_clip {"by": "global_norm", "limit": 1.0}'
    if spec.preprocess.numeric == "none":
        remedy += ', and scale the inputs: preprocess.numeric "standardize"'
    elif spec.task == "regression" and spec.preprocess.target == "none" and spec.loss.name != "poisson":
        remedy += ', and scale the target: preprocess.target "standardize"'
    return Diverged(
        f"The numbers became infinite in epoch {epoch}, step {step}, first in {name}. {remedy}.",
        epoch=epoch,
        step=step,
        layer=name,
    )


def _first_layer(network: Network, theta: Array) -> int | None:
    """The first layer that holds a number which is not finite, among weights (P + R,)."""
    names = (name for name, array in network.arrays(theta).items() if not np.isfinite(array).all())
    return next((int(name.split(".")[1]) for name in names), None)


def _first(arrays: list[Array]) -> int | None:
    """The first array that holds a number which is not finite."""
    return next((number for number, array in enumerate(arrays) if not np.isfinite(array).all()), None)
