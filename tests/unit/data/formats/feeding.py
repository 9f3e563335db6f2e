"""One file the whole way: recognised, read, and shown; or refused, at once or with its places."""

import ctypes
import gc
import io
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa

from service.preview import read_rows
from steepest.data.formats.sniff import HEAD_BYTES, format_of
from steepest.data.ingest import ingest
from steepest.data.limits import IngestLimits
from steepest.spec.errors import DataUnusable, InvalidRequest, UnsupportedMediaType
from steepest.spec.ingest import IngestOptions
from store.models import DatasetRow

Outcome = Literal["ready", "failed", "refused"]

MOST_GROWTH: Final = 64 << 20
"""Bytes that reading a small file, however bad, may take."""

_RESET: Final = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Fed:
    """What became of a file."""

    outcome: Outcome
    format: str | None
    problems: tuple[tuple[str, str], ...]
    """Pointer and detail of each problem of a `failed` one; the one detail of a `refused` one."""
    growth: int
    """Bytes of memory at the worst moment beyond those before; 0 where the system does not tell."""


def feed(
    content: bytes,
    folder: Path,
    content_type: str | None = None,
    filename: str | None = None,
    options: IngestOptions | None = None,
    limits: IngestLimits | None = None,
) -> Fed:
    """Give a file to the service's code and to the worker's.

    Raises:
        Exception: whatever is neither a refusal nor a failure that names its places.
    """
    found = None
    before = _begin()
    try:
        first = next(iter(options.parts.values())) if options and options.parts else len(content)
        found = format_of(content_type, filename, content[:first][:HEAD_BYTES], options)
        _read(content, folder, found.format, (options if options and options.parts else found.options), limits)
        outcome: Outcome = "ready"
        problems: tuple[tuple[str, str], ...] = ()
    except (InvalidRequest, UnsupportedMediaType) as error:
        outcome, problems = "refused", (("", error.detail),)
    except DataUnusable as error:
        outcome, problems = "failed", tuple((problem.pointer, problem.detail) for problem in error.problems)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Fed(outcome, found.format if found else None, problems, _growth(before))


def _read(content: bytes, folder: Path, form: str, options: IngestOptions, limits: IngestLimits | None) -> None:
    summary = ingest(io.BytesIO(content), form, folder / "table", limits, options)  # type: ignore[arg-type]
    row = DatasetRow(
        format=form, options=options, columns=summary.columns, rows=summary.rows, image_shape=summary.image_shape
    )
    for after in (None, str(summary.rows // 2)):
        shown = read_rows(io.BytesIO(content), row, 5, after)
        assert len(shown.rows) <= 5
        shown.rows[0].model_dump_json() if shown.rows else None


def _begin() -> int:
    gc.collect()
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        _RESET.write_text("5")  # the peak begins anew (proc(5))
    return _status("VmRSS")


def _growth(before: int) -> int:
    return max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(name)), 0)
