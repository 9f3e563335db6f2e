"""How an epoch is cut into chunks: the pieces of work between which a run can stop.

A function of the networks' shape and number, the precision, the rows, the batch size and the engine alone. Small steps
are taken several at a time, so that what happens once per chunk costs nothing; a step over many rows is cut into
several chunks, whose gradients are summed. Not so with batch normalization, which compares all rows of a batch:
`check_batch` refuses such steps.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from steepest.spec.errors import FieldProblem
from steepest.spec.problems import raised
from steepest.trainer.network import Network

INPUT_BYTES: Final = 512 * 1024
"""Inputs that are gathered at a time: what fits into a core's own cache beside the rest."""

STEPS: Final = 64
"""Most steps in a chunk: a plan of more costs more to build than it saves."""

MARK: Final = 128
"""At every multiple of so many steps of an epoch a chunk ends, however long chunks are."""

SMALL_STEP: Final = 2e7
"""Floating-point operations of a step that is worth taking together with others: below about a millisecond."""

CHUNK: Final = 4e9
"""Floating-point operations of the longest chunk, in single precision: well below a quarter of a second."""

STEP: Final = 5e5
"""Floating-point operations that a step counts for at least: there is more to it than its products."""

UPDATE_ROWS: Final = 20
"""Rows whose products take as long as a step's change of the weights, which waits for memory."""

ACTIVATION_BYTES: Final = 8 * 1024 * 1024
"""Activations of a chunk's widest layer."""


@dataclass(frozen=True)
class Capacity:
    """What is worked on at a time, in multiples of what suits a processor's core."""

    work: int = 1
    memory: int = 1
    inputs: int = 1
    steps: int = 1


CORE: Final = Capacity()

DEVICE: Final = Capacity(work=512, memory=32, inputs=256, steps=2)
"""A chunk is a twentieth of a second of a large device's work, the activations of its widest layer 256 MiB, its inputs
128 MiB: between two chunks a device waits for a millisecond, as long as it takes for ten small steps."""


def capacity_of(device: str) -> Capacity:
    """What suits the device that a spec names."""
    return DEVICE if device == "gpu" else CORE


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
    def of(
        cls, network: Network, rows: int, batch: int, itemsize: int, nets: int = 1, capacity: Capacity = CORE
    ) -> "Cutting":
        """Cut an epoch of M networks of a shape, whose numbers have `itemsize` bytes."""
        piece = piece_rows(network, itemsize, capacity)
        if batch > piece:
            return cls(rows, batch, 1, piece)
        # To begin a chunk on a device costs more than most steps: as many are taken together as a chunk may hold.
        small = capacity != CORE or work(network, batch) <= SMALL_STEP
        fit = INPUT_BYTES * capacity.inputs // ((network.inputs + 1) * itemsize * batch)
        in_time = steps_in_time(network, batch, itemsize, nets, capacity)
        together = max(1, min(STEPS * capacity.steps, fit, in_time, -(-rows // batch))) if small else 1
        return cls(rows, batch, together, together * batch)

    @property
    def in_pieces(self) -> bool:
        """Whether a batch takes several chunks."""
        return self.batch > self.piece

    @property
    def steps(self) -> int:
        """Steps in the epoch."""
        return -(-self.rows // self.batch)

    def after(self, row: int = 0) -> Iterator[Chunk]:
        """The chunks of an epoch of which `row` rows are done: whole batches, unless batches are cut in pieces."""
        while row < self.rows:
            chunk = self.at(row)
            yield chunk
            row = chunk.stop

    def at(self, start: int) -> Chunk:
        """The chunk that begins at row `start`."""
        step, inside = divmod(start, self.batch)
        if not self.in_pieces:
            mark = (step - step % MARK + MARK) * self.batch
            stop = min(start + self.piece, self.rows, mark)
            return Chunk(start, stop, step, -(-(stop - start) // self.batch), self.batch)
        first = start - inside
        end = min(first + self.batch, self.rows)
        stop = min(start + self.piece, end)
        return Chunk(start, stop, step, int(stop == end), end - first)

    def is_mark(self, epoch: int, start: int) -> bool:
        """Whether a chunk that begins at row `start` is one of those that all ways to cut have: about every MARK steps.

        What happens there happens to a network alone and in a stack at the same step.
        """
        step, inside = divmod(start, self.batch)
        if step or inside:
            return not inside and step % MARK == 0
        before = (epoch - 1) * self.steps
        return before // MARK > max(0, before - self.steps) // MARK


def check_batch(network: Network, rows: int, itemsize: int, capacity: Capacity = CORE) -> None:
    """Refuse batches of `rows` rows that cannot be trained.

    Raises:
        ValidationFailed: batch normalization compares the rows of a batch, and these are too many to hold at once.
    """
    most = piece_rows(network, itemsize, capacity)
    if network.normalizes and rows > most:
        detail = f"batch norm needs all {rows:,} rows of a batch at once; with these layers at most {most:,} fit"
        raise raised([FieldProblem(pointer="/batch_size", detail=detail)])


def work(network: Network, rows: int) -> float:
    """Floating-point operations of a step: one product forward and two backward, of multiplications and sums."""
    return 6.0 * network.parameters * rows


def steps_in_time(network: Network, batch: int, itemsize: int, nets: int = 1, capacity: Capacity = CORE) -> int:
    """Steps that M networks may take before somebody wants to hear of them: one at least, however long it takes."""
    of_step = max(STEP, work(network, batch + UPDATE_ROWS))
    return max(1, int(CHUNK * capacity.work * 4 / itemsize / of_step / nets))


def piece_rows(network: Network, itemsize: int, capacity: Capacity = CORE) -> int:
    """Most rows that are worked on at a time."""
    by_work = CHUNK * capacity.work * 4 / itemsize / work(network, 1)
    by_memory = ACTIVATION_BYTES * capacity.memory / (max(network.widths) + 1) / itemsize
    return max(1, int(min(by_work, by_memory)))
