"""Handwritten digits as text: 8 by 8 pixels of 0 (paper) to 16 (ink), two characters for each."""

from collections.abc import Sequence

SIDE, INK = 8, 16.0
SHADES = " ░▒▓█"
GAP = "   "


def pictures(digits: Sequence[Sequence[float]]) -> list[str]:
    """The lines that show digits side by side.

    Args:
        digits: each 64 values, row by row from the top left.
    """
    return [
        GAP.join("".join(map(_pixel, digit[start : start + SIDE])) for digit in digits).rstrip() for start in _rows()
    ]


def captions(words: Sequence[str]) -> str:
    """The line of words that stand below the pictures."""
    return GAP.join(word.center(2 * SIDE) for word in words).rstrip()


def _rows() -> range:
    return range(0, SIDE * SIDE, SIDE)


def _pixel(value: float) -> str:
    return 2 * SHADES[round(value / INK * (len(SHADES) - 1))]
