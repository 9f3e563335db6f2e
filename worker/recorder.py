"""What an attempt tells the database while it trains, a few times a second and not once per tiny epoch."""

import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.orm import Session

from steepest.spec.answers import Epoch
from steepest.spec.errors import Unavailable
from steepest.trainer.fit import EpochRecord, Progress
from store import attempts, history
from store.attempts import Claim, Position
from store.database import Database

log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 0.3
"""Between two transactions: a person sees progress, and a write per tiny epoch would cost more than the epoch."""


class Recorder:
    """Keeps epoch records until they are written. In an outage it keeps them for as long as the lease lasts."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        *,
        epochs: int,
        steps_per_epoch: int,
        epoch: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`epoch`: how many are finished and recorded already."""
        self._database = database
        self._claim = claim
        self._epochs = epochs
        self._steps_per_epoch = steps_per_epoch
        self._clock = clock
        self._pending: list[Epoch] = []
        self._epoch, self._step = epoch, 0
        self._began_at = clock()
        self._began_with = epoch * steps_per_epoch
        # The first record is written at once: a person waits for it.
        self._due_at = self._began_at

    def note(self, item: Progress | EpochRecord) -> None:
        """Take a record, or the position within an epoch, and write if it is time."""
        if isinstance(item, EpochRecord):
            self._pending.append(Epoch(**item.as_dict()))
            self._epoch, self._step = item.epoch, 0
        else:
            self._step = item.step
        if self._clock() >= self._due_at:
            self._try_to_write()

    def write(self, session: Session) -> None:
        """Write what is pending, in the caller's transaction; `written` must follow its commit.

        Raises:
            FencedOff: the attempt no longer holds the job.
        """
        if self._pending:
            history.append(session, self._claim, self._pending)
        attempts.progress(session, self._claim, self.position)

    def written(self) -> None:
        """Note that what was pending is stored."""
        self._pending.clear()
        self._due_at = self._clock() + EVERY_SECONDS

    @property
    def position(self) -> Position:
        """How far the attempt is."""
        return Position(self._epoch, self._step, self._steps_per_epoch, self._eta())

    def _try_to_write(self) -> None:
        try:
            with self._database.write() as session:
                self.write(session)
        except Unavailable:
            self._due_at = self._clock() + EVERY_SECONDS
            log.warning("records_kept", epochs=len(self._pending))
        else:
            self.written()

    def _eta(self) -> float | None:
        """Seconds left if the steps to come take as long as those of this attempt have taken."""
        done = self._epoch * self._steps_per_epoch + self._step
        left = self._epochs * self._steps_per_epoch - done
        passed = self._clock() - self._began_at
        return passed / (done - self._began_with) * left if done > self._began_with else None
