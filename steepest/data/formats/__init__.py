"""File formats, one file each; `format_of` decides which one an upload has."""

from steepest.data.formats.sniff import HEAD_BYTES, Format, format_of

__all__ = ["HEAD_BYTES", "Format", "format_of"]
