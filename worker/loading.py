"""From a job's row to the arrays that its training runs on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final, cast

from pydantic import TypeAdapter

from steepest.data.facts import target_facts
from steepest.data.formats import Format
from steepest.data.ingest import ingest
from steepest.data.limits import IngestLimits
from steepest.data.prepare import Prepared, prepare
from steepest.data.table import MANIFEST, Manifest, open_table
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedJobSpec
from store import blobs, datasets
from store.blob_reader import BlobReader
from store.database import Database
from store.models import BlobRow, DatasetRow
from worker.process import Process

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


def prepared(here: Process, account_id: str, spec: ResolvedJobSpec, watch: Watch) -> Prepared:
    """The training, validation and test rows of a job.

    Raises:
        DataUnusable: the data cannot serve this job.
    """
    with here.database.read() as session:
        dataset = datasets.get(session, account_id, spec.dataset)
        blob = blobs.get(session, account_id, dataset.blob_id)
    classes = resolve(spec, target_facts(dataset.columns or [], spec.targets)).classes
    with _columns(here, dataset, blob, watch) as folder:
        return prepare(open_table(folder), spec, spec.targets, spec.features, classes, weight=spec.loss.sample_weight)


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
        limits = IngestLimits(rows=here.settings.limits.rows, columns=here.settings.limits.columns)
        ingest(source, _FORMAT.validate_python(dataset.format), folder, limits)

    # Equal bytes, read in the same way by the same release, give equal columns.
    key = f"{dataset.sha256}.{dataset.format}.{_RELEASE}"
    with here.cache.entry(key, build, watch) as folder:
        yield folder
