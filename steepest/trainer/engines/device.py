"""A course whose arrays live on a device: the same plan, run there.

Weights, optimizer and all buffers of a step live on the device. The rows do too where they fit; otherwise each chunk's
rows are brought together here and sent while the device works on the chunk before. What differs from chunk to chunk
lies in buffers that stay where they are, so that a chunk's operations can be recorded once and replayed. The sums of
its figures come back in one small transfer.
"""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import ClassVar, Final

from numpy.typing import DTypeLike

from steepest.spec.errors import OutOfMemory
from steepest.spec.resolve import batch_rows
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.arrays import Array, Place, place_of
from steepest.trainer.chunks import DEVICE, Chunk, Cutting
from steepest.trainer.course import Course, Passage
from steepest.trainer.engines.streamed import Streamed, Transfer
from steepest.trainer.evaluate import Evaluation
from steepest.trainer.gather import Gather
from steepest.trainer.network import Network
from steepest.trainer.optimizers import OPTIMIZERS
from steepest.trainer.rows import Rows

SHARE_FOR_ROWS: Final = 0.5
"""Of the memory that is free: rows that need more are streamed, for what trains on them needs room too."""

BUFFERS: Final = 5
"""Numbers that a step keeps for each unit and row, about: activation, derivative, and what lies between."""

GIB: Final = 2**30


class Device(Place):
    """What an engine's arrays live on."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its model."""

    @property
    @abstractmethod
    def free(self) -> int:
        """Bytes of its memory that are not in use."""

    @abstractmethod
    def transfer(self, shape: tuple[int, ...], dtype: DTypeLike) -> Transfer:
        """A buffer here and one on the device."""


class OnDevice(Course):
    """What makes a course one on a device. A subclass names the device, and perhaps another kind of course."""

    device: ClassVar[Device]
    capacity = DEVICE

    def __init__(
        self, specs: Sequence[ResolvedTrainSpec], network: Network, rows: Rows, *, validated: bool = False
    ) -> None:
        """Start at the first weights.

        Raises:
            OutOfMemory: the device has too little.
        """
        self._next: tuple[int, Chunk] | None = None
        self.network, self.specs = network, specs
        with self._enough_memory(rows):
            super().__init__(specs, network, self.settle(rows), validated=validated)

    def advance(self, epoch: int, chunk: Chunk) -> Array:
        """Train on a chunk; the sums (M, figures) over its rows, here."""
        last = chunk.stop == len(self.rows)
        self._next = (epoch + 1, self.cutting.at(0)) if last else (epoch, self.cutting.at(chunk.stop))
        with self._enough_memory(self.rows):
            return super().advance(epoch, chunk)

    def settle(self, rows: Rows) -> Rows:
        """Rows with their inputs on the device, if they fit; the rest stays here."""
        X = rows.X
        if place_of(X) is self.device or X.nbytes > SHARE_FOR_ROWS * self.device.free:
            return rows
        with self._enough_memory(rows):
            there = self.device.zeros(X.shape, X.dtype)
        self.device.put(there, X)
        return replace(rows, X=there)

    def evaluation(self, rows: Rows) -> Evaluation:
        """As `Course.evaluation`."""
        with self._enough_memory(rows):
            return super().evaluation(rows)

    @property
    def _home(self) -> Array:
        return self.device.zeros(0, self.rows.X.dtype)

    def _make_gather(self, batch: int) -> Gather:
        if place_of(self.rows.X) is self.device:
            return super()._make_gather(batch)
        return Streamed(*self._to_gather(batch), self.device.transfer)

    def _sums(self, passage: Passage) -> Array:
        """While the device works, the next rows are sent."""
        if isinstance(self._gather, Streamed) and self._next is not None:
            self._gather.send(*self._next)
        return super()._sums(passage)

    @contextmanager
    def _enough_memory(self, rows: Rows) -> Iterator[None]:
        try:
            yield
        except MemoryError as error:
            spec = self.specs[0]
            batch = batch_rows(spec.batch_size, len(rows))
            kept = OPTIMIZERS[spec.optimizer.name].slots_for(spec.optimizer)
            nets = len(self.specs)
            cutting = Cutting.of(self.network, len(rows), batch, rows.X.itemsize, nets, self.capacity)
            needs = estimate(self.network, nets, cutting, kept, rows.X.itemsize)
            raise OutOfMemory(
                f"{self.device.name} has {self.device.free / GIB:.1f} GiB left; this training needs about "
                f"{sum(needs.values()) / GIB:.1f} GiB: "
                + ", ".join(f"{size / GIB:.1f} GiB for {what}" for what, size in needs.items())
                + '. Lower batch_size or the units of the layers, or train on processors: device "cpu".'
            ) from error


def estimate(network: Network, nets: int, cutting: Cutting, kept: int, itemsize: int) -> dict[str, int]:
    """Bytes that training takes on a device, about, beside the rows, which are streamed where they do not fit.

    Args:
        network: The shape.
        nets: M.
        cutting: Of an epoch.
        kept: Numbers that the optimizer keeps for each parameter.
        itemsize: Bytes of a number.
    """
    copies = 2 if cutting.together > 1 else 1  # one may have to be gone back to
    weights = (copies * (1 + kept) + 2 + cutting.in_pieces) * network.parameters  # with the best ones, and a gradient
    numbers = nets * (BUFFERS * sum(network.widths[1:]) + 2 * cutting.together * network.outputs)
    rows = min(cutting.batch, cutting.piece) * numbers + cutting.piece * (network.inputs + 1)
    return {
        "weights, gradients and the optimizer": nets * weights * itemsize,
        "what steps keep of their rows": rows * itemsize,
    }
