"""All that a run needs to go on elsewhere: plain arrays and numbers, nothing that would have to be unpickled."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from steepest.trainer.arrays import Array

FORMAT: Final = 1
"""Raised when the meaning of a state changes."""


@dataclass(frozen=True)
class State:
    """A run between two chunks of its work. It holds no generator: randomness is a function of seed and epoch."""

    epoch: int
    """The epoch in progress, from 1."""
    chunk: int
    """Chunks of it that are done."""
    step: int
    """Steps of it that are done."""
    theta: Array
    """(M, P) weights."""
    slots: Array
    """(k, M, P) what the optimizer keeps for each parameter."""
    gradient: Array
    """(M, P) sum over the rows of the step in progress, where a step has several chunks; else (0, 0)."""
    sums: Array
    """Float64 partial sums of the epoch's training figures."""
    seconds: float
    """Spent on the epoch in progress."""
    best: Array
    """(M, P) weights at the end of the best epoch."""
    best_epoch: int
    """0 before the first epoch's end."""
    best_figure: float
    """The figure that chose it; infinite before the first epoch's end."""
    reference: float
    """What the monitored figure must fall below to count as an improvement."""
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
