"""Steps of training from first to last: gather rows, forward, loss, back, downhill; by one thread or a team of them.

Symbols: as in `steepest.trainer.backprop`; `one` is 1 in the precision in use. A team divides the work in one of two
ways. By units, a rank works out some units of each layer for all rows, and all meet after each layer. By rows, it takes
some rows from the inputs to the deltas of the first layer, without a meeting. Either way it then takes some of each
layer's inputs: of these weights it works out the gradient over all rows and changes them at once, so that no gradient
is ever summed across ranks.

Signals lie row by row if the work is divided by rows, else unit by unit; a layer's delta lies like its signal. A last
unit of ones stands for the bias.
"""

from typing import Any, Final

import numpy as np

from steepest.trainer.engines.kernels.activations import activate, turn_back
from steepest.trainer.engines.kernels.downhill import downhill
from steepest.trainer.engines.kernels.objectives import lose
from steepest.trainer.engines.kernels.products import Signal, deltas, part, sums
from steepest.trainer.engines.kernels.team import Team, meet, share
from steepest.trainer.engines.kernels.units import normalize, normalize_back, silence
from steepest.trainer.engines.numba import at, atomic_load, atomic_store, piece, prefetch, view

ROWS: Final = 16
"""A team divides rows at multiples of this: a cache line."""

UNITS: Final = 8
"""A team divides units at multiples of this."""

AHEAD: Final = 8
"""Rows that are asked for before they are needed, of which the first `PREFETCHED` bytes."""

PREFETCHED: Final = 512


@piece
def descend(net: int, team: Team, plan: Any, room: Any, layers: Any, order: Any, chunk: Any, one: Any) -> None:
    """Take a network through the steps of a chunk, as one rank of its team."""
    weights, rates, done, settings, sums, penalties, taken = chunk
    steps = order.shape[1] // plan.rows
    rows = share(plan.rows, ROWS, team)
    figures = sums[team.rank, net]
    figures[:] = 0
    number = min(net, plan.orders - 1)
    took = steps
    meet(team)
    for step in range(steps):
        span_of_step = slice(step * plan.rows, (step + 1) * plan.rows)
        gather(order[number, span_of_step], rows, plan, room.x, one)
        if plan.weighted:
            weigh(weights[number, span_of_step], rows, plan, room, one)
        aim_at(order[number, span_of_step], rows, plan, room, one)
        if not plan.by_rows:
            meet(team)
        forward(net, step, team, plan, room, layers, one)
        if not look(rows, plan, room, figures, one):
            atomic_store(room.alarm, net + 1)
        if not plan.by_rows:
            meet(team)
        backward(net, step, team, plan, room, layers, one)
        if plan.by_rows:
            meet(team)
        if atomic_load(room.alarm) == net + 1:
            took = step
            break
        numbers = rates[step, net], done + step + 1, settings[net]
        penalty = downhill(net, team, plan, room, layers, numbers, one)
        penalties[team.rank, step, net] = penalty
        meet(team)
    if team.rank == 0:
        taken[net] = took


@piece
def gather(order: Any, rows: Any, plan: Any, x: int, one: Any) -> None:
    """Bring rows of X into x, each with its one."""
    first, stop = rows
    d = plan.inputs
    for row in range(first, stop):
        if row + AHEAD < stop:
            source, number = at(plan.X, order[row + AHEAD] * d, one), at(0, d, one)
            for byte in range(0, min(number, PREFETCHED), 64):
                prefetch(source + byte)
        _copy(view(plan.X, order[row] * d, d, one), view(x, row * (d + 1), d, one))
        view(x, row * (d + 1) + d, 1, one)[0] = one


@piece
def weigh(weights: Any, rows: Any, plan: Any, room: Any, one: Any) -> None:
    """Bring the weights of a step's rows, of those that are a rank's own."""
    first, stop = rows
    _copy(weights[first:stop], view(room.lines, first, stop - first, one))


@piece
def aim_at(order: Any, rows: Any, plan: Any, room: Any, one: Any) -> None:
    """Bring the targets of a step's rows into y, of those that are a rank's own; codes are spread out to outputs."""
    first, stop = rows
    size, outputs = stop - first, plan.outputs
    w, labels = view(room.lines, first, size, one), view(room.lines, plan.rows + first, size, one)
    kind = w.dtype.type
    certainty, doubt = kind(plan.certainty), kind(plan.doubt)
    y = view(room.y, 0, outputs * plan.rows, one)
    if not plan.coded:
        values = view(plan.targets, 0, 0, one)
        for row in range(first, stop):
            values = view(plan.targets, order[row] * outputs, outputs, one)
            for k in range(outputs):
                y[k * plan.rows + row] = certainty * values[k]
        return
    for k in range(outputs):
        spread(w, doubt, plan.shared, view(room.y, k * plan.rows + first, size, one))
    for i in range(size):
        code = view(plan.targets, order[first + i], 1, np.int64(0))[0]
        labels[i] = kind(code)
        if outputs > 1:
            y[code * plan.rows + first + i] += certainty * (w[i] if plan.shared else one)
        else:
            y[first + i] += certainty * labels[i]


@piece
def spread(w: Any, doubt: Any, shared: bool, y: Any) -> None:
    """The targets of a class, if it were no row's."""
    for i in range(y.size):
        y[i] = doubt * w[i] if shared else doubt


@piece
def _copy(source: Any, out: Any) -> None:
    for i in range(source.size):
        out[i] = source[i]


@piece
def own(team: Team, plan: Any, units: int) -> Any:
    """First row and rows, first unit and units that are a rank's own in a layer."""
    if plan.by_rows:
        first, stop = share(plan.rows, ROWS, team)
        return first, stop - first, 0, units
    first, stop = share(units, UNITS, team)
    return 0, plan.rows, first, stop - first


@piece
def span(plan: Any, layer: Any, mine: Any) -> Any:
    """First and size of a rank's own part of a layer's signal, which lies in one piece."""
    first_row, rows, first_unit, units = mine
    if plan.by_rows:
        return first_row * layer.lead, rows * layer.lead
    return first_unit * layer.lead, units * layer.lead


@piece
def forward(net: int, step: int, team: Team, plan: Any, room: Any, layers: Any, one: Any) -> None:
    """From the inputs to the sums of the output layer."""
    theta = at(plan.theta, net * plan.size, one)
    by_rows = plan.by_rows == 1
    below = Signal(room.x, plan.inputs + 1, True)
    for number in range(layers.size - 1):
        layer = layers[number]
        mine = own(team, plan, layer.outputs)
        first_row, rows, first_unit, units = mine
        W = Signal(at(theta, layer.block, one), layer.outputs, True)
        z = Signal(layer.z, layer.lead, by_rows)
        mine_below, mine_W = part(below, first_row, 0, one), part(W, 0, first_unit, one)
        mine_z = part(z, first_row, first_unit, one)
        sums(plan.gemm, (rows, layer.inputs + 1, units), mine_below, mine_W, mine_z, one)
        first, size = span(plan, layer, mine)
        pass_on(net, step, plan, layer, theta, (first_unit, first_unit + units), (first, size), one)
        if by_rows:
            _set(view(layer.z, first + layer.outputs, size - layer.outputs, one), layer.lead, one)
        else:
            meet(team)
        below = Signal(layer.out, layer.lead, by_rows)
    layer = layers[layers.size - 1]
    first, stop = share(plan.rows, ROWS, team)
    W = Signal(at(theta, layer.block, one), layer.outputs, True)
    z = Signal(room.logits, plan.rows, False)
    sizes = (stop - first, layer.inputs + 1, layer.outputs)
    sums(plan.gemm, sizes, part(below, first, 0, one), W, part(z, first, 0, one), one)


@piece
def _set(places: Any, stride: int, one: Any) -> None:
    """The ones of rows that an activation has passed over."""
    for i in range(0, places.size, stride):
        places[i] = one


@piece
def pass_on(net: int, step: int, plan: Any, layer: Any, theta: int, units: Any, flat: Any, one: Any) -> None:
    """What a layer does to its sums, of a rank's own part."""
    first, size = flat
    if layer.normalized:
        for unit in range(units[0], units[1]):
            normalize_unit(unit, plan.rows, layer, theta, one)
    if layer.kept != layer.z:
        _copy(view(layer.z, first, size, one), view(layer.kept, first, size, one))
    z = view(layer.z, first, size, one)
    activate(layer.activation, z, z.dtype.type(layer.alpha))
    if layer.words:
        words, least, loud = silent(net, step, plan, layer, first, size, one)
        silence(z, words, least, loud, view(layer.out, first, size, one))


@piece
def silent(net: int, step: int, plan: Any, layer: Any, first: int, size: int, one: Any) -> Any:
    """A part of a step's words, the least of a unit that speaks, and what that is multiplied by."""
    place = (step * plan.nets + net) * layer.outputs * plan.rows + first
    words = view(layer.words, place, size, np.uint16(0))
    return words, view(layer.least, net, 1, np.int64(0))[0], view(layer.loud, net, 1, one)[0]


@piece
def normalize_unit(unit: int, rows: int, layer: Any, theta: int, one: Any) -> None:
    """Batch normalization of one unit, forward."""
    units = layer.outputs
    scales, figures = view(theta, layer.scale, 2 * units, one), view(layer.figures, 0, 3 * units, one)
    z, x = view(layer.z, unit * rows, rows, one), view(layer.x, unit * rows, rows, one)
    m, v, over_s = normalize(z, x, scales[unit], scales[units + unit])
    figures[unit], figures[units + unit], figures[2 * units + unit] = m, v, over_s


@piece
def look(rows: Any, plan: Any, room: Any, figures: Any, one: Any) -> bool:
    """The objective of a step, of some rows: whether all of it is finite."""
    outputs, size = plan.outputs, plan.outputs * plan.rows
    z = view(room.logits, 0, size, one).reshape(outputs, plan.rows)
    y = view(room.y, 0, size, one).reshape(outputs, plan.rows)
    delta = view(room.delta, 0, size, one).reshape(outputs, plan.rows)
    lines = view(room.lines, 0, 4 * plan.rows, one).reshape(4, plan.rows)
    scales = z.dtype.type(plan.factor), plan.worth, z.dtype.type(plan.bend)
    sound: bool = lose(plan.objective, z, y, delta, lines, rows, scales, figures)
    return sound


@piece
def backward(net: int, step: int, team: Team, plan: Any, room: Any, layers: Any, one: Any) -> None:
    """From the delta of the output layer to that of the first."""
    theta = at(plan.theta, net * plan.size, one)
    gradient = at(plan.gradient, net * plan.parameters, one)
    by_rows = plan.by_rows == 1
    above = Signal(room.delta, plan.rows, False)
    for number in range(layers.size - 1, 0, -1):
        layer, lower = layers[number], layers[number - 1]
        mine = own(team, plan, lower.outputs)
        first_row, rows, first_unit, units = mine
        W = Signal(at(theta, layer.block, one), layer.outputs, True)
        below = Signal(lower.delta, lower.lead, by_rows)
        mine_above, mine_W = part(above, first_row, 0, one), part(W, first_unit, 0, one)
        mine_below = part(below, first_row, first_unit, one)
        deltas(plan.gemm, (rows, units, layer.outputs), mine_above, mine_W, mine_below, one)
        first, size = span(plan, lower, mine)
        delta = view(lower.delta, first, size, one)
        if lower.words:
            words, least, loud = silent(net, step, plan, lower, first, size, one)
            silence(delta, words, least, loud, delta)
        turn_back(lower.activation, view(lower.kept, first, size, one), delta, delta.dtype.type(lower.alpha))
        if lower.normalized:
            for unit in range(first_unit, first_unit + units):
                normalize_unit_back(unit, plan.rows, lower, theta, gradient, one)
        if not by_rows:
            meet(team)
        above = below


@piece
def normalize_unit_back(unit: int, rows: int, layer: Any, theta: int, gradient: int, one: Any) -> None:
    """Batch normalization of one unit, backward."""
    units = layer.outputs
    scales, figures = view(theta, layer.scale, 2 * units, one), view(layer.figures, 0, 3 * units, one)
    dy, x = view(layer.delta, unit * rows, rows, one), view(layer.x, unit * rows, rows, one)
    slopes = view(gradient, layer.scale, 2 * units, one)
    slopes[unit], slopes[units + unit] = normalize_back(dy, x, scales[unit], figures[2 * units + unit])
