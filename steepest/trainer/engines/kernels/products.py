"""The three matrix products of a layer, and the forms in which the signals between layers lie in memory.

Symbols: a (rows, ins) what enters a layer, W (ins, outs) its weights, z (rows, outs) its sums, delta (rows, outs) the
derivative of the loss by z. A signal lies unit by unit, the rows of each in a line, or row by row.
"""

from typing import Any, NamedTuple

from steepest.trainer.engines.numba import at, call_gemm, piece


class Signal(NamedTuple):
    """A matrix of numbers for rows and units."""

    address: int
    lead: int
    """Numbers from one line to the next."""
    by_rows: bool
    """Whether a line is a row, rather than a unit."""


@piece
def part(signal: Signal, row: int, unit: int, like: Any) -> Signal:
    """The signal from a row and a unit on."""
    place = row * signal.lead + unit if signal.by_rows else unit * signal.lead + row
    return Signal(at(signal.address, place, like), signal.lead, signal.by_rows)


@piece
def _matrix(signal: Signal) -> Any:
    return signal.address, signal.lead


@piece
def sums(gemm: int, sizes: Any, a: Signal, W: Signal, z: Signal, one: Any) -> None:
    """Z = a W; `sizes` are rows, ins, outs."""
    rows, ins, outs = sizes
    scales = (one, one - one)
    if z.by_rows:
        call_gemm(gemm, (False, not a.by_rows), (outs, rows, ins), scales, _matrix(W), _matrix(a), _matrix(z))
    else:
        call_gemm(gemm, (a.by_rows, True), (rows, outs, ins), scales, _matrix(a), _matrix(W), _matrix(z))


@piece
def deltas(gemm: int, sizes: Any, delta: Signal, W: Signal, below: Signal, one: Any) -> None:
    """The derivative by a, below = delta W^T."""
    rows, ins, outs = sizes
    scales = (one, one - one)
    if below.by_rows:
        call_gemm(
            gemm, (True, not delta.by_rows), (ins, rows, outs), scales, _matrix(W), _matrix(delta), _matrix(below)
        )
    else:
        call_gemm(gemm, (delta.by_rows, False), (rows, ins, outs), scales, _matrix(delta), _matrix(W), _matrix(below))


@piece
def slopes(gemm: int, sizes: Any, delta: Signal, a: Signal, g: Signal, scales: Any) -> None:
    """The derivative by W, g = alpha a^T delta + beta g, with `scales` alpha and beta."""
    rows, ins, outs = sizes
    call_gemm(gemm, (not delta.by_rows, a.by_rows), (outs, ins, rows), scales, _matrix(delta), _matrix(a), _matrix(g))
