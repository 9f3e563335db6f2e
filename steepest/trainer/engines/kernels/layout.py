"""The tables that tell a kernel where everything lies: one of the network, one of each layer, one of each room.

Addresses are of the first network's or the first step's; what belongs to others follows at equal distances. Offsets
count numbers from the start of a network's row in theta.
"""

from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np


def _version() -> str:
    """A name for the kernels as they are written now.

    Kernels on disk are found by the types of their arguments, but are not missed when a piece of them has changed. So
    that one of them is, the name is part of a type.
    """
    folder = Path(__file__).parent
    sources = [folder.with_name("numba.py"), *sorted(folder.glob("*.py"))]
    return "version_" + sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]


PLAN: Final = np.dtype(
    [
        ("gemm", "i8"),  # BLAS's product
        ("pause", "i8"),  # lets other threads run
        ("nets", "i8"),  # M
        ("orders", "i8"),  # 1, or M
        ("rows", "i8"),  # of a batch
        ("inputs", "i8"),  # d
        ("outputs", "i8"),  # K
        ("parameters", "i8"),  # P
        ("size", "i8"),  # S = P + R
        ("X", "i8"),  # (n, d)
        ("theta", "i8"),  # (M, S)
        ("gradient", "i8"),  # (M, P)
        ("slots", "i8"),  # (k, M, P)
        ("kept", "i8"),  # k
        ("optimizer", "i8"),  # its code
        ("penalized", "i8"),  # whether any weight is
        ("objective", "i8"),  # its code
        ("targets", "i8"),  # (n,) class codes, or (n, K) values
        ("coded", "i8"),  # whether they are codes
        ("worth", "f8"),  # by which the sum of weight times loss is multiplied
        ("factor", "f8"),  # of the objective's derivative
        ("bend", "f8"),  # of huber
        ("certainty", "f8"),  # what label smoothing leaves of a target, of a class that is not the row's it makes
        ("doubt", "f8"),
        ("weighted", "i8"),  # whether rows have weights of their own
        ("shared", "i8"),  # whether the weight of a row is in its targets
        ("by_rows", "i8"),  # how a team divides its work
        (_version(), "i8"),
    ]
)
"""The network and its batches."""

LAYER: Final = np.dtype(
    [
        ("inputs", "i8"),
        ("outputs", "i8"),
        ("block", "i8"),  # offset of its weights and biases (inputs + 1, outputs)
        ("activation", "i8"),  # its code
        ("alpha", "f8"),
        ("lead", "i8"),  # of its signal
        ("z", "i8"),  # sums, then activations
        ("kept", "i8"),  # what the derivative needs: z itself, or a copy of the sums
        ("out", "i8"),  # what goes on: z itself, or what dropout leaves of it
        ("delta", "i8"),  # the derivative by its signal, and then by its sums
        ("normalized", "i8"),  # whether it has batch normalization, with
        ("scale", "i8"),  # the offset of its scale and shift (2, units),
        ("running", "i8"),  # the offset of its running figures (2, units),
        ("x", "i8"),  # the normalized sums (units, rows),
        ("figures", "i8"),  # and mean, variance and 1/s of a batch (3, units)
        ("words", "i8"),  # dropout's (steps, M, units, rows), or 0
        ("least", "i8"),  # (M,) least word of a unit that speaks
        ("loud", "i8"),  # (M,) what its activation is multiplied by
    ]
)
"""A layer, for one room."""

ROOM: Final = np.dtype(
    [
        ("x", "i8"),  # (rows, d + 1) inputs of a step
        ("y", "i8"),  # (K, rows) its targets,
        ("lines", "i8"),  # (4, rows) weights and class codes of its rows, and scratch,
        ("logits", "i8"),  # (K, rows) the sums of the output layer,
        ("delta", "i8"),  # (K, rows) and the loss's derivative by them
        ("door", "i8"),  # where its team meets
        ("alarm", "i8"),  # 1 + the number of the network whose step is not finite
    ]
)
"""What a team works in, one network after the other."""
