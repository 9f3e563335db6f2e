"""The byte by which a worker's main process asks its children to hand their jobs back.

SIGTERM reaches the main process, which then waits for its children without limit; the children hear nothing of it.
Memory that was shared before the fork does reach them. (Under the spawn start method it would not: that needs a file.)
"""

import mmap


class Drain:
    """Set once by the main process, read by every child. Make it before the fork."""

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)

    def ask(self) -> None:
        """Ask every child to checkpoint and hand its job back. Safe in a signal handler."""
        self._byte[0] = 1

    @property
    def asked(self) -> bool:
        """Whether the worker is shutting down."""
        return self._byte[0] == 1
