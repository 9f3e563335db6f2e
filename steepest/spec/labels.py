"""How a number is written as a label."""

from typing import Final

_PLAIN_BELOW: Final = 1e16  # from here on, neighbouring floats are more than 1 apart


def number_label(value: float) -> str:
    """The one way to write a number as a label: `1`, `2.5`; whole numbers without a point."""
    if value.is_integer() and abs(value) < _PLAIN_BELOW:
        return str(int(value))
    return repr(value)
