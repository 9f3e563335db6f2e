"""The confusion matrix: which classes are taken for which."""

from collections.abc import Iterable, Sequence

from steepest.inspect.drawing import document, short, text
from steepest.inspect.words import percent

SIDE, LEFT, TOP, RIGHT, BOTTOM = 420, 128, 92, 28, 28
MOST_CLASSES = 40
"""Beyond so many a cell is too small to be seen."""
NUMBERED = 14
"""Up to so many classes a cell has room for its number."""
STYLE = """.confusion .cell { fill: var(--c0) }
.confusion .wrong { fill: var(--c1) }
.confusion .grid { fill: none; stroke: var(--rule) }
.confusion .count { fill: var(--ink) }
"""


def confusion(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str | None:
    """Draw the matrix, each cell as dark as its share of its class; None when there are no rows or too many classes.

    Args:
        matrix: Rows by their class, and within by the predicted class.
        labels: The classes, in their order.
    """
    if not any(map(sum, matrix)) or len(labels) > MOST_CLASSES:
        return None
    size = min(96.0, SIDE / len(labels))
    side = round(size * len(labels))
    body: list[str] = []
    for place, label in enumerate(labels):
        middle = size * (place + 0.5)
        if size >= 12:
            body.append(text(LEFT - 8, TOP + middle + 4, short(label, 15), "end"))
            body.append(_above(LEFT + middle, label, size))
    for row, counts in enumerate(matrix):
        body += _row(row, counts, size)
    body.append(f'<rect class="grid" x="{LEFT}" y="{TOP}" width="{side}" height="{side}"/>')
    width = max(360, LEFT + side + RIGHT)
    words = _words(matrix, labels)
    note, height = "row: is, column: predicted", TOP + side + BOTTOM
    return document("confusion", "Confusion", words, body, width=width, height=height, note=note, style=STYLE)


def _above(x: float, label: str, size: float) -> str:
    """A class's name above its column: slanted where it would run into the next one."""
    if len(label) * 7 <= size:
        return text(x, TOP - 10, label, "middle")
    turned = text(x, TOP - 10, short(label, 9), "start")
    return turned.replace("<text", f'<text transform="rotate(-35 {x:.1f} {TOP - 10})"', 1)


def _row(row: int, counts: Sequence[int], size: float) -> Iterable[str]:
    total = sum(counts)
    for column, count in enumerate(counts):
        if not count:
            continue
        x, y = LEFT + size * column, TOP + size * row
        kind = "cell" if row == column else "cell wrong"
        dark = 0.12 + 0.6 * count / total
        yield (
            f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" '
            f'style="fill-opacity: {dark:.2f}"/>'
        )
        if size >= SIDE / NUMBERED:
            yield text(x + size / 2, y + size / 2 + 4, f"{count:,}", "middle", "count")


def _words(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    return " ".join(
        f"Of {sum(counts):,} rows of {label} {percent(counts[row] / sum(counts))} are predicted right."
        for row, (label, counts) in enumerate(zip(labels, matrix, strict=True))
        if sum(counts)
    )
