"""In place of the mathematics: weights that are a hash of the weights before, so that each step can be checked."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import numpy as np

from steepest.spec.errors import Diverged
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.fit import EpochRecord, Finished, Item, Progress
from steepest.trainer.state import State

STEPS: Final = 2
"""Of an epoch: 16 rows in batches of 8."""

Array = np.ndarray[Any, Any]


def after(theta: Array, seed: int, steps: int, place: str = "") -> Array:
    """The weights one step later: each number depends on every one of `theta` (P,), and on where the step was done."""
    digest = hashlib.sha256(theta.tobytes() + f"{seed} {steps} {place}".encode()).digest()
    return np.resize(np.frombuffer(digest, np.uint8), theta.shape).astype(theta.dtype) / np.float32(256)


def first(seed: int, parameters: int) -> Array:
    """The weights before the first step (P,)."""
    return after(np.zeros(parameters, np.float32), seed, 0)


def loss(theta: Array) -> float:
    """A figure of weights."""
    return float(theta[0])


def calm(seed: int, parameters: int, epochs: int, place: str) -> tuple[Array, list[float]]:
    """The last weights of a run that nothing disturbs, all of it in one place, and the loss after each epoch."""
    theta, losses = first(seed, parameters), []
    for epoch in range(epochs):
        for step in range(STEPS):
            theta = after(theta, seed, epoch * STEPS + step + 1, place)
        losses.append(loss(theta))
    return theta, losses


def run(
    spec: ResolvedTrainSpec,
    parameters: int,
    state: State | None,
    work: Callable[[int, int], None],
    place: str,
) -> Iterator[Item]:
    """What `steepest.trainer.fit.fit` yields; `work` is called before each item with its epoch and step."""
    none = np.zeros((0, 0), np.float32)
    theta = state.theta[0] if state else first(spec.seed, parameters)
    best, best_epoch, best_figure = (
        (state.best[0], state.best_epoch, state.best_figure) if state else (theta, 0, float("inf"))
    )
    begin = (state.epoch - 1, state.step) if state else (0, 0)

    def snapshot(epoch: int, step: int) -> State:
        sums = np.zeros(0)
        return State(
            epoch, step * 8, step, theta[None], none[None], sums, none, sums, sums, 0.0, 0.0, best[None], best_epoch,
            best_figure, 0.0, 0,
        )  # fmt: skip

    for epoch in range(begin[0], spec.epochs):
        for step in range(begin[1] if epoch == begin[0] else 0, STEPS):
            work(epoch + 1, step)
            theta = after(theta, spec.seed, epoch * STEPS + step + 1, place)
            if step + 1 < STEPS:
                here = (epoch + 1, step + 1)
                yield Progress(*here, STEPS, loss(theta), partial(snapshot, *here))
        figure = loss(theta)
        is_best = figure < best_figure
        if is_best:
            best, best_epoch, best_figure = theta, epoch + 1, figure
        following = (epoch + 2, 0)
        yield EpochRecord(
            epoch + 1,
            figure,
            None,
            "accuracy",
            0.5,
            None,
            0.01,
            1.0,
            is_best,
            partial(snapshot, *following),
        )
    yield Finished(spec.epochs, best_epoch, "epochs", theta, theta, best, first(spec.seed, parameters))


def diverged(epoch: int) -> Diverged:
    """What ends a job that cannot succeed."""
    return Diverged("The loss became NaN.", epoch=epoch, step=1, layer="layers.0")
