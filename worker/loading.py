"""From a job's row to the arrays that its training runs on."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np
from pydantic import TypeAdapter

from steepest.data import split_file
from steepest.data.facts import input_width, parting_facts, target_facts
from steepest.data.formats.types import Format
from steepest.data.ingest import ingest
from steepest.data.limits import IngestLimits
from steepest.data.prepare import Prepared, prepare
from steepest.data.stored import key_of, open_prepared, store
from steepest.data.table import MANIFEST, VERSION, Manifest, Rows, Table, open_table
from steepest.export import safetensors
from steepest.export.model import Model
from steepest.spec.errors import NotFound
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedJobSpec
from store import blobs, checkpoints, datasets, jobs, splits
from store.blob_reader import BlobReader
from store.database import Database
from store.models import BlobRow, DatasetRow, JobRow
from worker.process import Process

IN_MEMORY_BYTES: Final = 16 << 20
"""Inputs up to this size are made anew by each job: to write and share them would save nothing."""

_RELEASE: Final = version("steepest")
_FORMAT: Final[TypeAdapter[Format]] = TypeAdapter(Format)

Watch = Callable[[], None]
"""Called often while something long goes on; raises to end it."""


class WatchedReader(BlobReader):
    """A blob's bytes, with a look at the lease before each read."""

    def __init__(self, database: Database, blob: BlobRow, watch: Watch) -> None:
        super().__init__(database, blob)
        self._watch = watch

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than WriteableBuffer
        """As `BlobReader`, unless the work has to stop."""
        self._watch()
        return super().readinto(buffer)


@contextmanager
def prepared(here: Process, account_id: str, spec: ResolvedJobSpec, watch: Watch) -> Iterator[Prepared]:
    """The training, validation and test rows of a job.

    Small ones are in memory. Larger ones are files of this machine's cache, mapped: jobs on the same rows share them,
    and they may be larger than memory.

    Raises:
        DataUnusable: the data cannot serve this job.
    """
    with here.database.read() as session:
        dataset = datasets.get(session, account_id, spec.dataset)
        blob = blobs.get(session, account_id, dataset.blob_id)
    columns = dataset.columns or []
    parting = parting_facts(columns, spec.split)
    classes = resolve(spec, target_facts(columns, spec.targets), split_column=parting).classes
    asked = spec, spec.targets, spec.features, classes, spec.loss.sample_weight
    if _bytes(dataset, spec) <= IN_MEMORY_BYTES:
        with _columns(here, dataset, blob, watch) as folder:
            data = prepare(open_table(folder), *asked[:-1], weight=asked[-1])
        yield data
        return

    def build(arrays: Path) -> None:
        with _columns(here, dataset, blob, watch) as folder:
            store(arrays, open_table(folder), *asked, watch=watch)

    key = f"{ingest_key(dataset)}.{key_of(*asked)}"
    with here.cache.entry(key, build, watch, _bytes(dataset, spec)) as arrays:
        yield open_prepared(arrays)


def _bytes(dataset: DatasetRow, spec: ResolvedJobSpec) -> int:
    """Of the inputs of all rows."""
    width = input_width(dataset.columns or [], spec.features, spec.preprocess)
    return (dataset.rows or 0) * width * np.dtype(spec.precision).itemsize


@contextmanager
def table_of(here: Process, account_id: str, dataset_id: str, watch: Watch) -> Iterator[Table]:
    """A data set's columns, memory-mapped, for as long as the context is open.

    Raises:
        NotFound: it has been deleted.
    """
    with here.database.read() as session:
        dataset = datasets.get(session, account_id, dataset_id)
        blob = blobs.get(session, account_id, dataset.blob_id)
    with _columns(here, dataset, blob, watch) as folder:
        yield open_table(folder)


def test_rows_of(here: Process, job: JobRow, watch: Watch) -> Rows:
    """The rows that a job has kept for its test.

    Raises:
        NotFound: its data set has been deleted, and the rows have not been kept.
    """
    with here.database.read() as session:
        split = splits.find(session, job.account_id, job.id)
        blob = blobs.get(session, job.account_id, split.blob_id) if split else None
    if blob is None:  # an earlier release trained it
        with prepared(here, job.account_id, job.resolved_spec, watch) as data:
            return np.array(data.parts.test)
    with io.BufferedReader(BlobReader(here.database, blob), 1 << 16) as file:
        found = {name: list(pieces) for name, pieces in split_file.read(cast(BinaryIO, file))}
    return np.concatenate([np.empty(0, np.intp), *found["test"]])


def model_of(here: Process, account_id: str, job_id: str) -> Model:
    """The network that a job's predictions use.

    Raises:
        NotFound: the job has been deleted, or has no weights.
    """
    with here.database.read() as session:
        job = jobs.get(session, account_id, job_id)
        row = checkpoints.find(session, job, checkpoints.for_predictions(job))
        if row is None:
            raise NotFound(f"The job {job_id} has no weights.")
        blob = blobs.get(session, account_id, row.blob_id)
    return safetensors.load(blobs.read_all(here.database, blob))


def schema_of(here: Process, dataset: DatasetRow, blob: BlobRow, watch: Watch) -> Manifest:
    """What is known of an upload once it has been read whole.

    Raises:
        DataUnusable: the first problems, each with line and column.
    """
    with _columns(here, dataset, blob, watch) as folder:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())


@contextmanager
def _columns(here: Process, dataset: DatasetRow, blob: BlobRow, watch: Watch) -> Iterator[Path]:
    """The folder of a data set's columns: read from its bytes, unless this machine has done so before."""

    def build(folder: Path) -> None:
        source = cast(BinaryIO, WatchedReader(here.database, blob, watch))
        limits = here.settings.limits
        bounds = IngestLimits(
            rows=limits.rows,
            columns=limits.columns,
            unpacked_bytes=limits.unpacked_bytes,
            archive_members=limits.archive_members,
            picture_pixels=limits.picture_pixels,
            page_bytes=limits.page_bytes,
        )
        ingest(source, _FORMAT.validate_python(dataset.format), folder, bounds, dataset.options, dataset.kinds)

    with here.cache.entry(ingest_key(dataset), build, watch, dataset.bytes) as folder:
        yield folder


def ingest_key(dataset: DatasetRow) -> str:
    """Names the columns of a data set: equal bytes, read in the same way by the same release, give equal ones."""
    kinds = dataset.kinds
    asked = hashlib.sha256(json.dumps(kinds, sort_keys=True).encode()).hexdigest()[:16] if kinds else ""
    options = dataset.options.key if dataset.options else ""
    parts = (dataset.sha256, dataset.format, options, asked and f"k{asked}", _RELEASE, f"v{VERSION}")
    return ".".join(part for part in parts if part)
