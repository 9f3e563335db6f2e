"""How an epoch is cut into chunks: the pieces of work between which a run can stop.

A function of the network's shape, the rows and the batch size alone. Small steps are taken several at a time, so that
what happens once per chunk costs nothing; a step over many rows is cut into several chunks, whose gradients are summed.
"""

from dataclasses import dataclass
from typing import Final

from steepest.trainer.network import Network

INPUT_BYTES: Final = 512 * 1024
"""Inputs that are gathered at a time: what fits into a core's own cache beside the rest."""

STEPS: Final = 64
"""Most steps in a chunk: a plan of more costs more to build than it saves."""

SMALL_STEP: Final = 2e7
"""Floating-point operations of a step that is worth taking together with others: below about a millisecond."""

CHUNK: Final = 4e9
"""Floating-point operations of the longest chunk, in single precision: well below a quarter of a second."""

ACTIVATION_BYTES: Final = 8 * 1024 * 1024
"""Activations of a chunk's widest layer."""


@dataclass(frozen=True)
class Chunk:
    """Rows `start` to `stop`, in the epoch's order: whole batches, or a piece of one."""

    start: int
    stop: int
    step: int
    """Steps of the epoch before it."""
    steps: int
    """Steps that it completes: 0 for a piece that does not end its batch."""
    batch: int
    """Rows of its batches; of the last, if it holds several, fewer may be there."""

    @property
    def rows(self) -> int:
        """Rows of the chunk."""
        return self.stop - self.start


@dataclass(frozen=True)
class Cutting:
    """The chunks of an epoch of `rows` rows in batches of `batch`."""

    rows: int
    batch: int
    together: int
    """Steps in a chunk."""
    piece: int
    """Most rows in a chunk."""

    @classmethod
    def of(cls, network: Network, rows: int, batch: int, itemsize: int) -> "Cutting":
        """Cut an epoch of `network`, whose numbers have `itemsize` bytes."""
        piece = piece_rows(network, itemsize)
        if batch > piece:
            return cls(rows, batch, 1, piece)
        small = work(network, batch) <= SMALL_STEP
        fit = INPUT_BYTES // ((network.inputs + 1) * itemsize * batch)
        together = max(1, min(STEPS, fit, -(-rows // batch))) if small else 1
        return cls(rows, batch, together, together * batch)

    @property
    def in_pieces(self) -> bool:
        """Whether a batch takes several chunks."""
        return self.batch > self.piece

    @property
    def steps(self) -> int:
        """Steps in the epoch."""
        return -(-self.rows // self.batch)

    def __len__(self) -> int:
        if not self.in_pieces:
            return -(-self.steps // self.together)
        whole, rest = divmod(self.rows, self.batch)
        return whole * -(-self.batch // self.piece) + -(-rest // self.piece)

    def __getitem__(self, number: int) -> Chunk:
        if not self.in_pieces:
            step = number * self.together
            start = step * self.batch
            stop = min(start + self.piece, self.rows)
            return Chunk(start, stop, step, -(-(stop - start) // self.batch), self.batch)
        step, piece = divmod(number, -(-self.batch // self.piece))
        first = step * self.batch
        end = min(first + self.batch, self.rows)
        start = first + piece * self.piece
        stop = min(start + self.piece, end)
        return Chunk(start, stop, step, int(stop == end), end - first)


def work(network: Network, rows: int) -> float:
    """Floating-point operations of a step: one product forward and two backward, of multiplications and sums."""
    return 6.0 * network.parameters * rows


def piece_rows(network: Network, itemsize: int) -> int:
    """Most rows that are worked on at a time."""
    by_work = CHUNK * 4 / itemsize / work(network, 1)
    by_memory = ACTIVATION_BYTES / (max(network.widths) + 1) / itemsize
    return max(1, int(min(by_work, by_memory)))
