"""Objectives: from the weighted sums of the output layer to delta, the loss, and what the metric is made of.

Symbols: see `steepest.trainer.objectives`. z, y and delta are (K, rows) of one batch, w (rows,) the weights of its
rows, `factor` the objective's constant factor of the derivative. Each rank sees a range of the rows.
`code` is a number of `codes.OBJECTIVES`.
"""

from math import isfinite
from typing import Any, Final

from steepest.trainer.engines.kernels.mathematics import exp, log, log1p, sigmoid, tanh
from steepest.trainer.engines.numba import piece, summing

OF_CLASSES: Final = frozenset({0, 3})
"""Codes of those whose targets are class codes, spread out to one for each output."""

OF_HITS: Final = frozenset({0, 1, 3})
"""Codes of those whose metric counts rows that are right; the others' sums up squares for each output."""


def share(code: int, outputs: int) -> float:
    """What an output's loss counts in its row's: losses of values are means over outputs, cross-entropies are sums."""
    return 1.0 if code in (0, 1) else 1 / outputs


@piece
def lose(code: int, z: Any, y: Any, delta: Any, lines: Any, rows: Any, scales: Any, sums: Any) -> bool:
    """Leave the derivative in delta, and add to sums (figures,) the loss and the figures, of some rows.

    Args:
        code: Of the objective.
        z: Overwritten.
        y: Targets.
        delta: Taken up.
        lines: (4, rows) the rows' weights and class codes, and two lines of scratch.
        rows: First and stop.
        scales: The factor; by what the sum of w times the loss is multiplied; where huber bends.
        sums: In double precision.

    Returns:
        Whether all z were finite, and the sums still are.
    """
    first, stop = rows
    factor, worth, bend = scales
    w, labels = lines[0, first:stop], lines[1, first:stop]
    best, place = lines[2, first:stop], lines[3, first:stop]
    outputs = z.shape[0]
    sound, hits, loss = True, 0, 0.0
    for k in range(outputs):
        sound &= _finite(z[k, first:stop])
    if code == 0:
        loss, hits = _softmax_crossentropy(z, y, delta, w, labels, best, place, rows)
    else:
        _fill(place, place.dtype.type(0))
        _fill(best, best.dtype.type(-1))
        for k in range(outputs):
            zk, yk, dk = z[k, first:stop], y[k, first:stop], delta[k, first:stop]
            if code == 1:
                loss += _sigmoid_crossentropy(zk, yk, dk, w, factor, place)
            elif code == 3:
                loss += _sigmoid_squared_error(zk, yk, dk, w, factor)
                _note(zk, yk, k, outputs, best, place)
            else:
                of_output, squares = _of_values(code, zk, yk, dk, w, factor, bend)
                loss += of_output
                sums[1 + k] += squares
                sound &= isfinite(squares)
        hits = _count(place, labels) if code == 3 and outputs > 1 else _count_zeros(place)
    sums[0] += worth * loss
    sound &= isfinite(sums[0])
    if code == 0 or code == 1 or code == 3:
        sums[1] += hits
    return sound


@summing
def _finite(z: Any) -> bool:
    """Whether no number is infinite or NaN, of which a product with 0 is NaN."""
    zero = z.dtype.type(0)
    total = zero
    for i in range(z.size):
        total += zero * z[i]
    return bool(total == zero)


@piece
def _fill(out: Any, value: Any) -> None:
    for i in range(out.size):
        out[i] = value


@piece
def _count(place: Any, labels: Any) -> int:
    """Rows whose highest output is their class."""
    hits = 0
    for i in range(place.size):
        hits += place[i] == labels[i]
    return hits


@piece
def _count_zeros(wrong: Any) -> int:
    """Rows of which no output was wrong."""
    hits = 0
    for i in range(wrong.size):
        hits += wrong[i] == 0
    return hits


@piece
def _softmax_crossentropy(
    z: Any, y: Any, delta: Any, w: Any, labels: Any, top: Any, place: Any, rows: Any
) -> tuple[float, int]:
    """Delta w (a - y), where w is in y already; loss w (log sum exp(z) - y z), of z less its largest."""
    first, stop = rows
    _fill(top, z.dtype.type(float("-inf")))
    for k in range(z.shape[0]):
        _raise(z[k, first:stop], k, top, place)
    hits = _count(place, labels)
    total = place
    _fill(total, z.dtype.type(0))
    for k in range(z.shape[0]):
        _exponentials(z[k, first:stop], top, delta[k, first:stop], total)
    loss = _logarithms(total, w)
    for k in range(z.shape[0]):
        loss -= _shares(z[k, first:stop], y[k, first:stop], delta[k, first:stop], total)
    return loss, hits


@piece
def _raise(z: Any, k: int, top: Any, place: Any) -> None:
    """The highest so far, and the first output that has it."""
    number = top.dtype.type(k)
    for i in range(z.size):
        higher = z[i] > top[i]
        top[i] = z[i] if higher else top[i]
        place[i] = number if higher else place[i]


@piece
def _exponentials(z: Any, top: Any, e: Any, total: Any) -> None:
    for i in range(z.size):
        z[i] -= top[i]
        e[i] = exp(z[i])
        total[i] += e[i]


@summing
def _logarithms(total: Any, w: Any) -> float:
    """Sum of w log total; leaves w / total."""
    loss = w.dtype.type(0)
    for i in range(w.size):
        loss += w[i] * log(total[i])
        total[i] = w[i] / total[i]
    return float(loss)


@summing
def _shares(z: Any, y: Any, delta: Any, share: Any) -> float:
    """Delta w (a - y); the sum of y z."""
    agreed = z.dtype.type(0)
    for i in range(z.size):
        delta[i] = delta[i] * share[i] - y[i]
        agreed += y[i] * z[i]
    return float(agreed)


@summing
def _sigmoid_crossentropy(z: Any, s: Any, delta: Any, w: Any, factor: Any, wrong: Any) -> float:
    """Delta w (tanh(z/2) - s) / 2; loss log(1 + exp(-|z|)) + (|z| - s z) / 2; counts the wrong outputs of each row."""
    half, zero, one = z.dtype.type(0.5), z.dtype.type(0), z.dtype.type(1)
    loss = zero
    for i in range(z.size):
        size = abs(z[i])
        delta[i] = w[i] * factor * (tanh(half * z[i]) - s[i])
        loss += w[i] * (log1p(exp(-size)) + half * (size - s[i] * z[i]))
        wrong[i] += zero if (z[i] > zero) == (s[i] > zero) else one
    return float(loss)


@summing
def _sigmoid_squared_error(z: Any, y: Any, delta: Any, w: Any, factor: Any) -> float:
    """Delta 2 w (a - y) a (1 - a) / K; loss (a - y)^2; leaves a in z."""
    loss = z.dtype.type(0)
    for i in range(z.size):
        a = sigmoid(z[i])
        r = a - y[i]
        z[i] = a
        delta[i] = w[i] * factor * r * (a - a * a)
        loss += w[i] * r * r
    return float(loss)


@piece
def _note(a: Any, y: Any, k: int, outputs: int, best: Any, place: Any) -> None:
    """Which output is the highest so far; of a single one, whether it is on the wrong side of a half."""
    if outputs > 1:
        _raise(a, k, best, place)
        return
    half = a.dtype.type(0.5)
    for i in range(a.size):
        place[i] += (a[i] > half) != (y[i] > half)


@piece
def _of_values(code: int, z: Any, y: Any, delta: Any, w: Any, factor: Any, bend: Any) -> Any:
    """Sums of w times the loss, and of the squared residuals, of one output."""
    if code == 2:
        return _squared_error(z, y, delta, w, factor)
    if code == 4:
        return _absolute_error(z, y, delta, w, factor)
    if code == 5:
        return _huber(z, y, delta, w, factor, bend)
    return _poisson(z, y, delta, w, factor)


@summing
def _squared_error(z: Any, y: Any, delta: Any, w: Any, factor: Any) -> Any:
    """Delta 2 w r / K; loss r^2."""
    loss = squares = z.dtype.type(0)
    for i in range(z.size):
        r = z[i] - y[i]
        delta[i] = w[i] * factor * r
        loss += w[i] * (r * r)
        squares += r * r
    return float(loss), float(squares)


@summing
def _absolute_error(z: Any, y: Any, delta: Any, w: Any, factor: Any) -> Any:
    """Delta w sign(r) / K; loss |r|."""
    zero, one = z.dtype.type(0), z.dtype.type(1)
    loss = squares = zero
    for i in range(z.size):
        r = z[i] - y[i]
        sign = one if r > zero else (-one if r < zero else r)
        delta[i] = w[i] * factor * sign
        loss += w[i] * abs(r)
        squares += r * r
    return float(loss), float(squares)


@summing
def _huber(z: Any, y: Any, delta: Any, w: Any, factor: Any, bend: Any) -> Any:
    """With c = r cut off at +-bend: delta w c / K; loss c (r - c/2)."""
    half = z.dtype.type(0.5)
    loss = squares = z.dtype.type(0)
    for i in range(z.size):
        r = z[i] - y[i]
        c = bend if r > bend else r
        c = -bend if c < -bend else c
        delta[i] = w[i] * factor * c
        loss += w[i] * (c * (r - half * c))
        squares += r * r
    return float(loss), float(squares)


@summing
def _poisson(z: Any, y: Any, delta: Any, w: Any, factor: Any) -> Any:
    """With a = exp(z): delta w (a - y) / K; loss a - y z."""
    loss = squares = z.dtype.type(0)
    for i in range(z.size):
        a = exp(z[i])
        r = a - y[i]
        delta[i] = w[i] * factor * r
        loss += w[i] * (a - y[i] * z[i])
        squares += r * r
    return float(loss), float(squares)
