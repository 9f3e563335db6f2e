"""What a data set may be at most: set by whoever runs the ingest, named by the errors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class IngestLimits:
    """Upper bounds of one ingest."""

    rows: int = 100_000_000
    columns: int = 10_000
    unpacked_bytes: int = 64 << 30
    """Bytes of the columns as 64-bit numbers, and of an archive's members once unpacked."""
    archive_members: int = 100_000
    """Members of a ZIP, whose list is in memory."""
    picture_pixels: int = 16 << 20
    """Of one picture, which is in memory once it is unpacked."""
    page_bytes: int = 256 << 20
    """Of the largest pages of a Parquet file's columns together, and of an Arrow record batch, once unpacked."""
    spread_bytes: int = 64 << 30
    """Bytes of a packed file that is unpacked to disk, because it is read here and there."""
    problems: int = 20
    """Problems that are collected before the data set is given up."""
