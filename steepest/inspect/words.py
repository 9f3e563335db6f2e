"""Figures as people read them: in few digits, with the unit that fits."""

UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def number(value: float | None) -> str:
    """A count as it is, a statistic to four figures."""
    if value is None:
        return "-"
    return f"{int(value):,}" if abs(value) < 1e9 and value == int(value) else f"{value:.4g}"


def loss(value: float | None) -> str:
    """A loss, in a width that does not jump from epoch to epoch."""
    if value is None:
        return "-"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def percent(value: float | None) -> str:
    """A share of one."""
    return "-" if value is None else f"{100 * value:.1f} %"


def size(count: int) -> str:
    """Bytes, in the unit that fits."""
    amount, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds, in the unit that fits."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    for length, unit in UNITS:
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
