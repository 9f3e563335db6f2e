"""When a loss becomes NaN or infinite: which step did it, which layer first, and what to do about it."""

from math import isfinite

import numpy as np

from steepest.spec.errors import Diverged
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array, run
from steepest.trainer.chunks import Chunk
from steepest.trainer.course import Course


def in_chunk(spec: ResolvedTrainSpec, course: Course, epoch: int, chunk: Chunk) -> Diverged:
    """The error for a chunk whose loss is not finite. Ends the course, whose steps are taken once more, one by one."""
    steps = course.passage(chunk).steps
    if len(steps) == 1:
        return error(spec, epoch, chunk.step + 1, _first(steps[0].batch.signals(0)))
    course.rewind()
    number, layer = chunk.step, None
    with np.errstate(all="ignore"):
        for step in steps:
            number += 1
            run(step.forward)
            layer = _first(step.batch.signals(step.number))
            if layer is not None or not isfinite(step.loss):
                break
            run(step.descent)
            layer = _first(course.network.blocks(course.theta))
            if layer is not None:
                break
    return error(spec, epoch, number, layer)


def at_epochs_end(spec: ResolvedTrainSpec, course: Course, epoch: int) -> Diverged:
    """The error for an epoch after which the weights or the validation loss are not finite."""
    return error(spec, epoch, course.cutting.steps, _first(course.network.blocks(course.theta)))


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
    if spec.preprocess.numeric == "none":
        remedy += ', and scale the inputs: preprocess.numeric "standardize"'
    elif spec.task == "regression" and spec.preprocess.target == "none":
        remedy += ', and scale the target: preprocess.target "standardize"'
    return Diverged(
        f"The numbers became infinite in epoch {epoch}, step {step}, first in {name}. {remedy}.",
        epoch=epoch,
        step=step,
        layer=name,
    )


def _first(arrays: list[Array]) -> int | None:
    """The first array that holds a number which is not finite."""
    return next((number for number, array in enumerate(arrays) if not np.isfinite(array).all()), None)
