"""From a run to a state of one of its networks, and back."""

from typing import NamedTuple

from steepest.trainer.arrays import Array, fetched, put
from steepest.trainer.clock import Clock
from steepest.trainer.course import Course
from steepest.trainer.monitor import Monitor
from steepest.trainer.state import State


class Place(NamedTuple):
    """How far a run is."""

    epoch: int
    """In progress, from 1."""
    row: int
    """Rows of it that are done."""
    step: int
    """Steps of it that are done."""


def snapshot(course: Course, net: int, monitor: Monitor, sums: Array, clock: Clock, at: Place) -> State:
    """A copy of all that network `net` of a course needs to go on."""
    own = slice(net, net + 1)
    return State(
        epoch=at.epoch,
        row=at.row,
        step=at.step,
        theta=fetched(course.theta[own]),
        slots=fetched(course.optimizer.slots[:, own]),
        numbers=course.numbers[net].copy(),
        gradient=fetched(course.total[own]),
        sums=sums.copy(),
        plateau=course.rates[net].state(),
        seconds=clock.seconds,
        elapsed=clock.elapsed,
        best=fetched(monitor.best)[None],
        best_epoch=monitor.best_epoch,
        best_figure=monitor.best_figure,
        reference=monitor.reference,
        waited=monitor.waited,
    )


def restore(state: State, course: Course, net: int, monitor: Monitor, sums: Array) -> None:
    """Put network `net` of a course back to where the state was taken.

    Raises:
        ValueError: the state is of another run.
    """
    own = slice(net, net + 1)
    for kept, array in (
        (state.theta, course.theta[own]),
        (state.slots, course.optimizer.slots[:, own]),
        (state.numbers, course.numbers[net]),
        (state.gradient, course.total[own]),
        (state.sums, sums),
        (state.best[0], monitor.best),
        (state.plateau, course.rates[net].state()),
    ):
        if kept.shape != array.shape or kept.dtype != array.dtype:
            raise ValueError("the state is of another network, optimizer, precision, batch size or schedule")
        put(array, kept)
    course.rates[net].restore(state.plateau)
    monitor.best_epoch, monitor.best_figure = state.best_epoch, state.best_figure
    monitor.reference, monitor.waited = state.reference, state.waited
