"""The formats by name, media type and suffix."""

from collections.abc import Mapping
from typing import Final, Literal

Format = Literal["csv", "tsv", "jsonl", "parquet", "arrow", "npz", "npy", "idx", "images"]

MEDIA_TYPES: Final[Mapping[str, Format | None]] = {
    "text/csv": "csv",
    "application/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/jsonl": "jsonl",
    "application/jsonlines": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/vnd.apache.parquet": "parquet",
    "application/x-parquet": "parquet",
    "application/vnd.apache.arrow.file": "arrow",
    "application/vnd.apache.arrow.stream": "arrow",
    "application/x-npz": "npz",
    "application/x-npy": "npy",
    "application/x-idx": "idx",
    "application/zip": None,
    "application/gzip": None,
    "application/x-gzip": None,
    "application/zstd": None,
    "application/octet-stream": None,
    "": None,
}
"""What may be declared, and the format that it names; None where the content is to decide."""

SUFFIXES: Final[Mapping[str, Format]] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".npz": "npz",
    ".npy": "npy",
}

MEDIA_TYPE_OF: Final[Mapping[Format, str]] = {
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "npz": "application/x-npz",
    "npy": "application/x-npy",
    "idx": "application/x-idx",
    "images": "application/zip",
}

NAMES: Final[Mapping[Format, str]] = {
    "csv": "CSV",
    "tsv": "TSV",
    "jsonl": "JSON lines",
    "parquet": "Parquet",
    "arrow": "Arrow IPC",
    "npz": "an npz archive",
    "npy": "a npy array",
    "idx": "an IDX array",
    "images": "a ZIP of pictures",
}
"""The formats in words."""
