"""The loss curve: training and validation loss over the epochs, as an SVG that reads well by day and by night."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from steepest.inspect.drawing import document, text
from steepest.inspect.scales import Scale, fitting, label, whole

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 132, 76, 52
LABEL_GAP = 34  # between the two names at the lines' ends: each is two rows of text
STYLE = """.loss-curve .training { stroke: var(--training) }
.loss-curve .validation { stroke: var(--validation) }
.loss-curve .dot.training { fill: var(--training) }
.loss-curve .dot.validation { fill: var(--validation) }
.loss-curve text.training { fill: var(--training); stroke: none }
.loss-curve text.validation { fill: var(--validation); stroke: none }
.loss-curve .best { stroke: var(--faint); stroke-dasharray: 2 4 }
.loss-curve .ring { fill: var(--paper); stroke-width: 2.5 }
"""


@dataclass(frozen=True)
class _Line:
    """One curve, as strokes without a gap, each of (epoch, loss). Its name is also its class."""

    name: str
    strokes: tuple[tuple[tuple[int, float], ...], ...]

    @classmethod
    def through(cls, name: str, epochs: Sequence[int], losses: Sequence[float | None]) -> "_Line":
        strokes: list[list[tuple[int, float]]] = [[]]
        for epoch, loss in zip(epochs, losses, strict=True):
            if loss is not None and math.isfinite(loss):
                strokes[-1].append((epoch, loss))
            elif strokes[-1]:
                strokes.append([])
        return cls(name, tuple(tuple(stroke) for stroke in strokes if stroke))

    @property
    def points(self) -> list[tuple[int, float]]:
        return [point for stroke in self.strokes for point in stroke]

    def at(self, epoch: int | None) -> float | None:
        return next((loss for number, loss in self.points if number == epoch), None)


def loss_curve(
    training: Sequence[float | None],
    validation: Sequence[float | None] = (),
    *,
    epochs: Sequence[int] | None = None,
    best_epoch: int | None = None,
    title: str = "Loss by epoch",
) -> str:
    """Draw the loss curve.

    Args:
        training: the training loss of each epoch. A value that is missing or not finite leaves a gap.
        validation: the validation loss of each epoch; empty, or all missing, when there were no such rows.
        epochs: the epochs' numbers, ascending; 1, 2, ... when left out.
        best_epoch: the epoch whose weights were kept, marked on the curve.
        title: what stands above.

    Returns:
        An SVG document of 760 by 400 pixels that scales to any width and follows the reader's light or dark scheme.
    """
    numbers = epochs if epochs is not None else range(1, len(training) + 1)
    lines = [_Line.through("training", numbers, training)]
    if len(validation):
        lines.append(_Line.through("validation", numbers, validation))
    lines = [line for line in lines if line.strokes]
    if not lines:
        return _document(
            title, "There is no loss to show yet.", [text(WIDTH / 2, HEIGHT / 2, "no epochs yet", "middle")]
        )
    x = whole(numbers[0], numbers[-1], LEFT, WIDTH - RIGHT)
    y = fitting([loss for line in lines for _, loss in line.points], HEIGHT - BOTTOM, TOP)
    best = lines[-1].at(best_epoch)
    body = list(_axes(x, y))
    if best_epoch is not None and best is not None:
        body += _best(best_epoch, x)
    body += [piece for line in lines for piece in _path(line, x, y)]
    if best_epoch is not None and best is not None:
        body.append(f'<circle class="ring {lines[-1].name}" cx="{x(best_epoch):.1f}" cy="{y(best):.1f}" r="4.5"/>')
    body += _names(lines, y)
    return _document(title, _description(lines, best_epoch), body, "logarithmic scale" if y.logarithmic else None)


def _axes(x: Scale, y: Scale) -> Iterable[str]:
    for tick in y.ticks:
        place = y(tick)
        yield f'<path class="rule" d="M{LEFT} {place:.1f}H{WIDTH - RIGHT}"/>'
        yield text(LEFT - 10, place + 4, label(tick), "end")
    yield f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>'
    for tick in x.ticks:
        yield f'<path class="axis" d="M{x(tick):.1f} {HEIGHT - BOTTOM}v5"/>'
        yield text(x(tick), HEIGHT - BOTTOM + 20, label(tick), "middle")
    yield text(WIDTH - RIGHT, HEIGHT - 14, "epoch", "end")


def _path(line: _Line, x: Scale, y: Scale) -> Iterable[str]:
    """The curve: a path for every stroke, and a dot where a stroke is a single point."""
    for stroke in line.strokes:
        if len(stroke) == 1:
            yield f'<circle class="dot {line.name}" cx="{x(stroke[0][0]):.1f}" cy="{y(stroke[0][1]):.1f}" r="2.5"/>'
        else:
            places = "L".join(f"{x(epoch):.1f} {y(loss):.1f}" for epoch, loss in _thinned(stroke))
            yield f'<path class="line {line.name}" d="M{places}"/>'


def _thinned(stroke: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """At most four points for each pixel of the width: the first, lowest, highest and last, so that no peak is lost."""
    size = math.ceil(len(stroke) / (WIDTH - LEFT - RIGHT))
    if size <= 4:
        return stroke
    kept: list[tuple[int, float]] = []
    for start in range(0, len(stroke), size):
        group = stroke[start : start + size]
        low, high = min(group, key=_loss), max(group, key=_loss)
        kept += sorted({group[0], low, high, group[-1]})
    return kept


def _loss(point: tuple[int, float]) -> float:
    return point[1]


def _best(epoch: int, x: Scale) -> Iterable[str]:
    place = x(epoch)
    anchor = "start" if place < LEFT + 40 else "end" if place > WIDTH - RIGHT - 40 else "middle"
    yield f'<path class="best" d="M{place:.1f} {TOP}V{HEIGHT - BOTTOM}"/>'
    yield text(place, TOP - 8, f"best: epoch {label(epoch)}", anchor)


def _names(lines: Sequence[_Line], y: Scale) -> Iterable[str]:
    """Name and last value beside each line's end, moved apart where the ends are close."""
    ends = sorted((y(line.points[-1][1]), line.points[-1][1], line.name) for line in lines)
    places = [place for place, _, _ in ends]
    if len(places) == 2 and places[1] - places[0] < LABEL_GAP:
        middle = sum(places) / 2
        places = [middle - LABEL_GAP / 2, middle + LABEL_GAP / 2]
    overflow = max(0.0, places[-1] + 16 - (HEIGHT - BOTTOM))
    for place, (_, loss, name) in zip(places, ends, strict=True):
        yield text(WIDTH - RIGHT + 14, place - overflow, name, "start", f"name {name}")
        yield text(WIDTH - RIGHT + 14, place - overflow + 15, label(loss), "start")


def _description(lines: Sequence[_Line], best_epoch: int | None) -> str:
    """The picture in words, for those who do not see it."""
    said = [
        f"The {line.name} loss goes from {label(line.points[0][1])} at epoch {line.points[0][0]} "
        f"to {label(line.points[-1][1])} at epoch {line.points[-1][0]}."
        for line in lines
    ]
    return " ".join([*said, *([f"Epoch {best_epoch} was the best."] if best_epoch is not None else [])])


def _document(title: str, description: str, body: Sequence[str], note: str | None = None) -> str:
    return document("loss-curve", title, description, body, width=WIDTH, height=HEIGHT, note=note, style=STYLE)
