"""A square between 0 and 1 each way, with a diagonal: the ground of curves of shares against shares."""

from collections.abc import Iterable, Sequence

from steepest.inspect.drawing import text

SIZE, LEFT, TOP = 300, 64, 78
WIDTH, HEIGHT = LEFT + SIZE + 36, TOP + SIZE + 60


def x_of(share: float) -> float:
    """The place of a share from left to right."""
    return LEFT + SIZE * share


def y_of(share: float) -> float:
    """The place of a share from bottom to top."""
    return TOP + SIZE * (1 - share)


def ground(across: str, up: str) -> Iterable[str]:
    """Axes, rules and the diagonal; `across` and `up` name the axes."""
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield f'<path class="rule" d="M{LEFT} {y_of(tick):.1f}H{LEFT + SIZE}"/>'
        yield text(LEFT - 8, y_of(tick) + 4, f"{100 * tick:.0f} %", "end")
        yield text(x_of(tick), TOP + SIZE + 18, f"{100 * tick:.0f} %", "middle")
    yield f'<path class="axis" d="M{LEFT} {TOP}V{TOP + SIZE}H{LEFT + SIZE}"/>'
    yield f'<path class="guide" d="M{LEFT} {TOP + SIZE}L{LEFT + SIZE} {TOP}"/>'
    yield text(LEFT + SIZE, TOP + SIZE + 40, across, "end")
    yield text(24, TOP - 14, up, "start")


def through(points: Sequence[tuple[float, float]]) -> str:
    """The `d` of a path through shares."""
    return "M" + "L".join(f"{x_of(x):.1f} {y_of(y):.1f}" for x, y in points)
