"""How the training rows are shuffled: whole where they fit in memory, else by blocks and within windows of blocks."""

from typing import Final

from steepest.spec.resolved import ResolvedShuffle
from steepest.spec.training import Shuffle

BLOCK_BYTES: Final = 4 << 20
"""Of a block at most: a disk takes longer to read it than to find it."""

WINDOW_BYTES: Final = 512 << 20
"""Of a window at most. Two are in memory: one in use, one on its way."""

WINDOW_SHARE: Final = 8
"""A window is at most this part of the memory that there is."""

WINDOW_ROWS: Final = 1 << 20
"""Of a window at most: to draw its order takes no longer than a chunk of steps may."""

LEAST_BLOCKS: Final = 64
"""Of a window: fewer would be less of a shuffle where neighbouring rows are alike."""


def shuffle_of(asked: Shuffle, rows: int, row_bytes: int = 1, memory_bytes: int | None = None) -> ResolvedShuffle:
    """The shuffle of `rows` training rows.

    Args:
        asked: As requested; one that is resolved already comes back equal.
        rows: Training rows.
        row_bytes: Of a row's inputs, where they are known.
        memory_bytes: For the inputs of all training rows; None where they are in memory in any case.
    """
    larger = memory_bytes is not None and rows * row_bytes > memory_bytes
    method = ("blocks" if larger else "rows") if asked.method == "auto" else asked.method
    if method == "rows":
        return ResolvedShuffle(method="rows")
    room = WINDOW_BYTES if memory_bytes is None else min(WINDOW_BYTES, memory_bytes // WINDOW_SHARE)
    window_rows = max(1, min(WINDOW_ROWS, room // row_bytes, rows))
    block_rows = asked.block_rows or max(1, min(BLOCK_BYTES // row_bytes, window_rows // LEAST_BLOCKS))
    window_blocks = asked.window_blocks or max(1, window_rows // block_rows)
    return ResolvedShuffle(method="blocks", block_rows=block_rows, window_blocks=window_blocks)
