"""Residuals: by how much predicted values are off, as boxes from quantile to quantile."""

import math
from collections.abc import Iterable, Sequence

from steepest.inspect.drawing import document, short, text
from steepest.inspect.scales import Scale, fitting, label
from steepest.spec.figures import ValueFigure

WIDTH, LEFT, RIGHT, TOP, ROW, BOTTOM = 760, 128, 32, 72, 56, 52
STYLE = """.residuals .box { fill: var(--c0); fill-opacity: .3; stroke: var(--c0) }
.residuals .median { stroke: var(--c0); stroke-width: 3 }
.residuals .whisker { stroke: var(--c0); stroke-width: 1.5 }
.residuals .extreme { fill: var(--paper); stroke: var(--c0) }
"""


def residuals(columns: Sequence[ValueFigure]) -> str | None:
    """Draw a box from the first to the third quartile of each column's residuals, with whiskers from 5 to 95 %.

    The dots are the extremes. Right of 0 is more than was predicted. None when there are none that are finite.
    """
    drawn = [(each.column, _quantiles(each)) for each in columns if each.residual_quantiles]
    drawn = [(name, quantiles) for name, quantiles in drawn if all(map(math.isfinite, quantiles))]
    if not drawn:
        return None
    values = [value for _, quantiles in drawn for value in quantiles]
    x = _scale(values)
    bottom = TOP + ROW * len(drawn)
    body = list(_ground(x, bottom))
    for number, (name, quantiles) in enumerate(drawn):
        body += _box(TOP + ROW * (number + 0.5), name, quantiles, x)
    words = " ".join(
        f"The residuals of {name} go from {label(q[0])} to {label(q[-1])}; half of them lie between {label(q[2])} and "
        f"{label(q[4])}."
        for name, q in drawn
    )
    note = "box: half of the rows; line: 90 %"
    return document("residuals", "Residuals", words, body, width=WIDTH, height=bottom + BOTTOM, note=note, style=STYLE)


def _quantiles(figure: ValueFigure) -> list[float]:
    """From the least to the greatest: 0, 5, 25, 50, 75, 95 and 100 %."""
    return [value for _, value in sorted(figure.residual_quantiles.items(), key=lambda item: float(item[0]))]


def _scale(values: Sequence[float]) -> Scale:
    """A linear scale that has 0: residuals are of either sign."""
    furthest = max(max(map(abs, values)), 1e-12)
    return fitting([-furthest, furthest], LEFT, WIDTH - RIGHT)


def _ground(x: Scale, bottom: float) -> Iterable[str]:
    for tick in x.ticks:
        yield f'<path class="rule" d="M{x(tick):.1f} {TOP}V{bottom}"/>'
        yield text(x(tick), bottom + 18, label(tick), "middle")
    yield f'<path class="guide" d="M{x(0):.1f} {TOP - 6}V{bottom}"/>'
    yield text(WIDTH - RIGHT, bottom + 38, "what is, less what was predicted", "end")


def _box(y: float, name: str, quantiles: Sequence[float], x: Scale) -> Iterable[str]:
    least, low, first, median, third, high, most = map(x, quantiles)
    yield text(LEFT - 10, y + 4, short(name, 15), "end", "name")
    ends = "".join(f"M{place:.1f} {y - 6:.1f}v12" for place in (low, high))
    yield f'<path class="whisker" d="M{low:.1f} {y:.1f}H{high:.1f}{ends}"/>'
    width = max(1.0, third - first)
    yield f'<rect class="box" x="{first:.1f}" y="{y - 14:.1f}" width="{width:.1f}" height="28" rx="2"/>'
    yield f'<path class="median" d="M{median:.1f} {y - 14:.1f}v28"/>'
    yield from (f'<circle class="extreme" cx="{place:.1f}" cy="{y:.1f}" r="3"/>' for place in (least, most))
