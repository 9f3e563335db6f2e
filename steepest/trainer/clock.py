"""The time that a run spends, without what its caller does between two records."""

from time import perf_counter


class Clock:
    """Seconds of the epoch in progress, and of those before it. It stands until it is resumed."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.elapsed = 0.0
        self._resumed_at: float | None = None
        """None: it is the caller's turn."""

    def pause(self) -> None:
        """The caller's turn, if it is not already."""
        self.seconds += self._running
        self._resumed_at = None

    def resume(self) -> None:
        """The trainer's turn, if it is not already."""
        if self._resumed_at is None:
            self._resumed_at = perf_counter()

    def next_epoch(self) -> None:
        """While paused: what has been spent belongs to the past."""
        self.elapsed += self.seconds
        self.seconds = 0.0

    def is_due(self, seconds: float) -> bool:
        """Whether the caller has waited this long for a sign of life."""
        return self._running >= seconds

    @property
    def total(self) -> float:
        """Seconds of the whole run, in the trainer's turn."""
        return self.elapsed + self.seconds + self._running

    @property
    def _running(self) -> float:
        """Seconds since the trainer's turn began."""
        return 0.0 if self._resumed_at is None else perf_counter() - self._resumed_at
