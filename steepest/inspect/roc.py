"""The ROC curve of each class: how many of its rows are found, for how many others taken for it."""

from collections.abc import Iterable, Mapping, Sequence

from steepest.inspect.drawing import colour, document, short, text
from steepest.inspect.shares import HEIGHT, LEFT, SIZE, TOP, WIDTH, ground, through
from steepest.spec.figures import Curves

NAMED = 8
"""Curves whose names stand in the picture."""


def roc_curves(curves: Sequence[Curves], areas: Mapping[str, float | None]) -> str | None:
    """Draw the curves that there are, with the area under each; None when there is none.

    Args:
        curves: Of one class or label against all others each.
        areas: The area under the curve by label.
    """
    drawn = [(each.label, each.roc) for each in curves if each.roc is not None]
    if not drawn:
        return None
    body = list(ground("others taken for it", "found of its rows"))
    for number, (_, roc) in enumerate(drawn):
        points = list(zip(roc.false_positive_rate, roc.true_positive_rate, strict=True))
        body.append(f'<path class="line" style="stroke: {colour(number)}" d="{through(points)}"/>')
    body += _names([label for label, _ in drawn], areas)
    words = " ".join(f"Of {label} the area under the curve is {_area(areas.get(label))}." for label, _ in drawn)
    return document("roc", "ROC", words, body, width=WIDTH, height=HEIGHT)


def _names(labels: Sequence[str], areas: Mapping[str, float | None]) -> Iterable[str]:
    lines = [f"{short(label, 18)}: {_area(areas.get(label))}" for label in labels[:NAMED]]
    if len(labels) > NAMED:
        lines.append(f"and {len(labels) - NAMED} more")
    for number, line in enumerate(lines):
        y = TOP + SIZE - 12 - 16 * (len(lines) - 1 - number)
        style = f"fill: {colour(number)}" if number < NAMED else ""
        yield text(LEFT + SIZE - 10, y, line, "end", "name", style)


def _area(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
