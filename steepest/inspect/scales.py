"""Axes: from values to places along a line, with ticks at round numbers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

RESOLUTION = 1e-9  # values closer to each other than this, relative to their size, are drawn as one
SMALLEST = 1e-200  # smaller values are drawn as 0
LOG_FROM = 20.0  # a range wider than this ratio is easier to read in powers of ten


@dataclass(frozen=True)
class Scale:
    """Maps values between `low` and `high` to places between `start` and `end`; `ticks` ascend and lie within."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        bend: Callable[[float], float] = math.log10 if self.logarithmic else float
        low, high = bend(self.low), bend(self.high)
        return self.start + (self.end - self.start) * (bend(value) - low) / (high - low)


def linear(low: float, high: float, start: float, end: float, wanted: int = 5) -> Scale:
    """A linear scale over exactly [low, high], with about `wanted` ticks at multiples of 1, 2 or 5 (times 10^n)."""
    size = max(abs(low), abs(high))
    if high - low <= RESOLUTION * size or size < SMALLEST:
        room = 0.5 * size if size >= SMALLEST else 0.5
        low, high = low - room, high + room
    step = _round_step((high - low) / wanted)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Scale(low, high, start, end, tuple(number * step for number in range(first, last + 1)))


def logarithmic(low: float, high: float, start: float, end: float, wanted: int = 5) -> Scale:
    """A logarithmic scale over [low, high], both positive; ticks at 1, 2 and 5, or at powers of ten alone."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    choices = [(decades, (1, 2, 5)), (decades, (1, 3)), *((decades[::every], (1,)) for every in range(1, len(decades)))]
    for chosen, digits in choices:
        ticks = [digit * 10.0**decade for decade in chosen for digit in digits]
        inside = tuple(tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9))
        if len(inside) <= wanted + 1:
            break
    return Scale(low, high, start, end, inside, logarithmic=True)


def fitting(values: Sequence[float], start: float, end: float) -> Scale:
    """The scale that suits finite values: logarithmic for a wide range above 0, else linear; from 0 if that is near."""
    low, high = min(values), max(values)
    if low >= SMALLEST and LOG_FROM <= high / low < math.inf:
        margin = (high / low) ** 0.04
        return logarithmic(low / margin, high * margin, start, end)
    margin = 0.06 * (high - low)
    if 0 <= low <= 0.4 * high:
        return linear(0.0, high + margin, start, end)
    return linear(low - margin, high + margin, start, end)


def whole(low: int, high: int, start: float, end: float, wanted: int = 8) -> Scale:
    """A scale over counted things, such as epochs: ticks at whole numbers, the first one always among them."""
    step = max(1, round(_round_step(max(1, high - low) / wanted)))
    ticks = [number for number in range(step, high + 1, step) if number - low >= 0.45 * step]
    return Scale(float(low), float(max(high, low + 1)), start, end, (float(low), *map(float, ticks)))


def label(value: float) -> str:
    """A number in four digits, as short as it can be: 0.002, 50, 20,000, 1e-07."""
    return f"{value:,.0f}" if value == round(value) and abs(value) < 1e7 else f"{value:.4g}"


def _round_step(step: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(step))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= step * (1 - 1e-9))
