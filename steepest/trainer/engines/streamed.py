"""Rows that do not fit on a device: brought together here, in page-locked memory, and sent chunk by chunk."""

from collections.abc import Callable, Sequence
from typing import Protocol

from numpy.typing import DTypeLike

from steepest.spec.resolved import ResolvedShuffle
from steepest.trainer.arrays import HERE, Array, put
from steepest.trainer.chunks import Chunk
from steepest.trainer.gather import Gather
from steepest.trainer.rows import Rows


class Transfer(Protocol):
    """A buffer here, in page-locked memory, and one on the device, to which it is copied while other work goes on."""

    here: Array

    def begin(self) -> None:
        """Wait until the last copy has left `here`, which may then be filled anew."""

    def send(self) -> None:
        """Start to copy, as soon as nothing needs any more what was sent before."""

    def arrived(self) -> Array:
        """What was sent, on the device, for operations from now on."""

    def used(self) -> None:
        """All operations that need what was sent have been asked for."""


class Streamed(Gather):
    """A gather whose rows come over two transfers in turn: one is filled while the other's rows are in use."""

    def __init__(
        self,
        rows: Rows,
        targets: Array,
        most: int,
        batch: int,
        seeds: Sequence[int] | None,
        like: Array,
        shuffle: ResolvedShuffle | None,
        transfer: Callable[[tuple[int, ...], DTypeLike], Transfer],
    ) -> None:
        """Allocate; see `Gather`. `transfer` makes one of a shape."""
        super().__init__(rows, targets, most, batch, seeds, like, shuffle)
        self._transfers = [transfer((self.orders, most, rows.X.shape[1]), rows.X.dtype) for _ in range(2)]
        self._sent: tuple[int, int] | None = None
        """What the first of them holds, or will hold."""

    def bring(self, epoch: int, chunk: Chunk) -> Array:
        """Bring a chunk's rows into `inputs`; they may have been sent before."""
        if self._sent != self._name(epoch, chunk):
            self.send(epoch, chunk)
        transfer = self._transfers[0]
        put(self.inputs[:, : chunk.rows, :-1], transfer.arrived()[:, : chunk.rows])
        transfer.used()
        self._transfers.reverse()
        self._sent = None
        return self.order(epoch, chunk.start, chunk.stop)

    def send(self, epoch: int, chunk: Chunk) -> None:
        """Start to send the rows of the chunk that is to be brought next."""
        transfer, order = self._transfers[0], self.order(epoch, chunk.start, chunk.stop)
        transfer.begin()
        for rows, here in zip(order, transfer.here, strict=True):
            HERE.take(self._rows.X, rows, here[: chunk.rows])
        transfer.send()
        self._sent = self._name(epoch, chunk)

    def _name(self, epoch: int, chunk: Chunk) -> tuple[int, int]:
        """Of the rows of a chunk: rows in their own order are the same in every epoch."""
        return epoch if self._orders is not None else 0, chunk.start
