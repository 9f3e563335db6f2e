"""The calibration of probabilities: how often what was predicted came true."""

from steepest.inspect.drawing import document
from steepest.inspect.shares import HEIGHT, SIZE, TOP, WIDTH, ground, through, x_of, y_of
from steepest.spec.figures import Calibration

BAR = 18
MOST = 0.3
"""Height of the tallest bar, as a share of the picture's."""
STYLE = """.reliability .line { stroke: var(--c0) }
.reliability .dot { fill: var(--paper); stroke: var(--c0); stroke-width: 2 }
.reliability .rows { fill: var(--faint); fill-opacity: .22 }
"""


def reliability(calibration: Calibration, title: str = "Calibration") -> str | None:
    """Draw how often what was predicted came true by predicted probability, over bars of rows; None without rows.

    On the diagonal probabilities are what they say; below it they say too much.
    """
    if not any(calibration.rows):
        return None
    points = list(zip(calibration.predicted, calibration.observed, strict=True))
    body = list(ground("predicted probability", "came true"))
    for predicted, rows in zip(calibration.predicted, calibration.rows, strict=True):
        height = MOST * SIZE * rows / max(calibration.rows)
        place = f'x="{x_of(predicted) - BAR / 2:.1f}" y="{TOP + SIZE - height:.1f}"'
        said = f"<title>{rows:,} rows</title>"
        body.append(f'<rect class="rows" {place} width="{BAR}" height="{height:.1f}">{said}</rect>')
    if len(points) > 1:
        body.append(f'<path class="line" d="{through(points)}"/>')
    body += [f'<circle class="dot" cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="4"/>' for x, y in points]
    words = " ".join(
        f"Where {100 * predicted:.0f} % was predicted, {100 * observed:.0f} % came true, of {rows:,} rows."
        for (predicted, observed), rows in zip(points, calibration.rows, strict=True)
    )
    return document("reliability", title, words, body, width=WIDTH, height=HEIGHT, note="bars: rows", style=STYLE)


def calibration_error(calibration: Calibration) -> float | None:
    """How far predicted probabilities are off, on average over rows; None without rows.

    The expected calibration error of Naeini, Cooper and Hauskrecht (2015), over the bins that are given.
    """
    rows = sum(calibration.rows)
    if not rows:
        return None
    bins = zip(calibration.predicted, calibration.observed, calibration.rows, strict=True)
    return sum(count * abs(predicted - observed) for predicted, observed, count in bins) / rows
