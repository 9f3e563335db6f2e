"""What a data set may be at most: set by whoever runs the ingest, named by the errors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class IngestLimits:
    """Upper bounds of one ingest."""

    rows: int = 100_000_000
    columns: int = 10_000
    unpacked_bytes: int = 64 << 30
    """Bytes of the columns as 64-bit numbers, and of an archive's members once unpacked."""
    problems: int = 20
    """Problems that are collected before the data set is given up."""
