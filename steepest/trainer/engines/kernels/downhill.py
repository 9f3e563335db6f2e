"""The end of a step: gradients, and what the optimizer makes of them, of the weights that are a rank's own."""

from typing import Any, Final

from steepest.trainer.engines.kernels.optimizers import aim, move, penalize, penalty, step
from steepest.trainer.engines.kernels.products import Signal, part, slopes
from steepest.trainer.engines.kernels.team import Team, share
from steepest.trainer.engines.kernels.units import follow
from steepest.trainer.engines.numba import at, piece, view

GRADIENT_DESCENT, MOMENTUM = 0, 1

INPUTS: Final = 4
"""A team divides a layer's inputs at multiples of this."""

UNITS: Final = 8
"""A team divides normalized units at multiples of this."""


@piece
def downhill(net: int, team: Team, plan: Any, room: Any, layers: Any, chunk: Any, one: Any) -> float:
    """Change all weights of a network; the penalty on a rank's own before the change."""
    rate, t, settings = chunk
    numbers = aim(plan.optimizer, settings, rate, t)
    left = 1 - rate * settings[3]
    by_rows = plan.by_rows == 1
    below = Signal(room.x, plan.inputs + 1, True)
    total = 0.0
    for number in range(layers.size):
        layer = layers[number]
        if number == layers.size - 1:
            above = Signal(room.delta, plan.rows, False)
        else:
            above = Signal(layer.delta, layer.lead, by_rows)
        first, stop = share(layer.inputs + 1, INPUTS, team)
        if stop > first:
            total += descend_block(net, plan, layer, (first, stop), below, above, numbers, left, settings, one)
        if layer.normalized:
            descend_norm(net, team, plan, layer, numbers, left, one)
        below = Signal(layer.out, layer.lead, by_rows)
    return total


@piece
def descend_block(
    net: int,
    plan: Any,
    layer: Any,
    inputs: Any,
    below: Signal,
    above: Signal,
    numbers: Any,
    left: Any,
    settings: Any,
    one: Any,
) -> float:
    """Change the weights of some of a layer's inputs; the penalty on them before."""
    first, stop = inputs
    outs = layer.outputs
    sizes = (plan.rows, stop - first, outs)
    a = part(below, 0, first, one)
    start, size = layer.block + first * outs, (stop - first) * outs
    theta = view(at(plan.theta, net * plan.size, one), start, size, one)
    row = at(plan.slots, net * plan.parameters, one)
    m, v = view(row, start, size, one), view(row, start + (plan.kept - 1) * plan.nets * plan.parameters, size, one)
    kind = theta.dtype.type
    if plan.optimizer == GRADIENT_DESCENT and not plan.penalized:
        W = Signal(at(at(plan.theta, net * plan.size, one), start, one), outs, True)
        slopes(plan.gemm, sizes, above, a, W, (kind(-numbers[0]), one))
        return 0.0
    if plan.optimizer == MOMENTUM and not plan.penalized:
        slopes(plan.gemm, sizes, above, a, Signal(at(row, start, one), outs, True), (one, kind(numbers[1])))
        move(theta, m, kind(numbers[0]))
        return 0.0
    at_g = at(at(plan.gradient, net * plan.parameters, one), start, one)
    g = view(at_g, 0, size, one)
    slopes(plan.gemm, sizes, above, a, Signal(at_g, outs, True), (one, one - one))
    total = 0.0
    if plan.penalized:
        weights = (min(stop, layer.inputs) - first) * outs
        total = penalty(theta[:weights], settings[4], settings[5])
        penalize(theta[:weights], g[:weights], kind(settings[4]), kind(settings[5]))
    step(plan.optimizer, theta, g, v, m, numbers, left)
    return total


@piece
def descend_norm(net: int, team: Team, plan: Any, layer: Any, numbers: Any, left: Any, one: Any) -> None:
    """Change scale and shift of some units, and let their running figures follow the batch."""
    first, stop = share(layer.outputs, UNITS, team)
    size = stop - first
    row_theta, row_g = at(plan.theta, net * plan.size, one), at(plan.gradient, net * plan.parameters, one)
    row = at(plan.slots, net * plan.parameters, one)
    last = (plan.kept - 1) * plan.nets * plan.parameters
    for which in range(2):
        start = layer.scale + which * layer.outputs + first
        m, v = view(row, start, size, one), view(row, start + last, size, one)
        step(plan.optimizer, view(row_theta, start, size, one), view(row_g, start, size, one), v, m, numbers, left)
        if plan.rows > 1:
            running = view(row_theta, layer.running + which * layer.outputs + first, size, one)
            correction = plan.rows / (plan.rows - 1) if which else 1.0
            follow(running, view(layer.figures, which * layer.outputs + first, size, one), correction)
