"""Signals as something to wait for, so that nothing is ever interrupted between two lines."""

import os
import select
import signal
from types import FrameType

STOPPING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


class Signals:
    """Collects the signals that ask for a stop, and wakes its waiter when a child ends. Main thread only."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in STOPPING | {signal.SIGCHLD}:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup is obeyed
                signal.signal(number, _note)
        self.stops = 0

    def wait(self, seconds: float) -> bool:
        """Wait for a signal, but not longer than this. True once a stop was asked for, and from then on."""
        ready, _, _ = select.select([self._read], [], [], seconds)
        if ready:
            self.stops += sum(number in STOPPING for number in os.read(self._read, 512))
        return self.stops > 0


def _note(_number: int, _frame: FrameType | None) -> None:
    """The wake-up pipe carries the signal; a handler must exist for it to be written there."""
