"""When an attempt takes its checkpoints: at the end of an epoch, or within one that is longer than the interval."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from steepest.spec.job import CheckpointEvery
from steepest.trainer.fit import EpochRecord, Progress

MOST: Final = 0.02
"""Of the time: checkpoints that take long come less often, unless a shorter interval than the default is asked for."""

DEFAULT_SECONDS: Final = CheckpointEvery().seconds


class Rhythm:
    """Is told of all that the trainer yields, and says whether it is time for a checkpoint.

    Args:
        every: Seconds of the interval.
        clock: In seconds.
    """

    def __init__(self, every: float, clock: Callable[[], float]) -> None:
        self._asked = self._every = every
        self._clock = clock
        self._saved_at = self._epoch_at = clock()
        self._epoch_seconds = 0.0
        """Of the last epoch."""

    def is_due(self, item: Progress | EpochRecord) -> bool:
        """Whether to save the state that comes with `item`.

        An epoch that will soon be over is waited for: a state in the middle of it would hold no more, but half-done
        sums.
        """
        now = self._clock()
        due = now - self._saved_at >= self._every
        if isinstance(item, EpochRecord):
            self._epoch_seconds, self._epoch_at = now - self._epoch_at, now
            return due
        return due and max(self._epoch_seconds, now - self._epoch_at) >= self._every

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Around the storing of a checkpoint, which measures what it costs."""
        began = self._clock()
        yield
        self._saved_at = self._clock()
        if self._asked >= DEFAULT_SECONDS:
            self._every = max(self._asked, (self._saved_at - began) / MOST)
