"""All that a run needs to go on elsewhere: plain arrays and numbers, nothing that would have to be unpickled."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from steepest.trainer.arrays import Array

FORMAT: Final = 2
"""Raised when the meaning of a state changes."""


@dataclass(frozen=True)
class State:
    """A run between two chunks of its work. It holds no generator: randomness is a function of seed and place."""

    epoch: int
    """The epoch in progress, from 1."""
    row: int
    """Rows of it that are done, in its order."""
    step: int
    """Steps of it that are done."""
    theta: Array
    """(1, P + R) weights."""
    slots: Array
    """(k, 1, P) what the optimizer keeps for each parameter."""
    numbers: Array
    """Float64 numbers that the optimizer keeps beside them; mostly none."""
    gradient: Array
    """(1, P) sum over the rows of the step in progress, where a step has several chunks; else (0, 0)."""
    sums: Array
    """Float64 partial sums of the epoch's training figures."""
    plateau: Array
    """Float64 numbers of the schedule that waits for an improvement."""
    seconds: float
    """Spent on the epoch in progress."""
    elapsed: float
    """Spent on the epochs before it."""
    best: Array
    """(1, P + R) weights at the end of the best epoch."""
    best_epoch: int
    """0 before the first epoch's end."""
    best_figure: float
    """The figure that chose it, turned so that less is better; infinite before the first epoch's end."""
    reference: float
    """What the monitored figure, turned so, must fall below to count as an improvement."""
    waited: int
    """Epochs in a row without an improvement."""

    def to_arrays(self) -> dict[str, Array]:
        """The state as named arrays; numbers have shape (1,)."""
        named = {item.name: np.atleast_1d(np.asarray(getattr(self, item.name))) for item in fields(self)}
        return {"format": np.array([FORMAT]), **named}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> "State":
        """The inverse of `to_arrays`.

        Raises:
            ValueError: the arrays are no state, or one of a format that this release does not know.
        """
        missing = {"format", *(item.name for item in fields(cls))} - arrays.keys()
        if missing:
            raise ValueError(f"not a training state: {', '.join(sorted(missing))} missing")
        if (given := int(arrays["format"][0])) != FORMAT:
            raise ValueError(f"a training state of format {given}; this release reads format {FORMAT}")
        values: dict[str, Any] = {}
        for item in fields(cls):
            array = arrays[item.name]
            values[item.name] = array if item.type is Array else array[0].item()
        return cls(**values)
