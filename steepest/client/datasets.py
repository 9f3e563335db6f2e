"""Data sets: what networks are trained on."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

from steepest.client.downloads import download
from steepest.client.frames import packed
from steepest.client.references import id_of
from steepest.client.session import Call, Session, idempotency_key
from steepest.client.uploads import OnProgress, Source, sending
from steepest.client.waiting import wait
from steepest.spec.answers import Dataset, Page
from steepest.spec.columns import ColumnKind, Role
from steepest.spec.states import DatasetState

Data = Source | Any
"""A file, or what `upload` knows how to make one of."""


class ColumnChange(TypedDict, total=False):
    """What is to be said of a column."""

    kind: ColumnKind | None
    role: Role | None


class Datasets:
    """`/v1/datasets`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def upload(
        self,
        source: Data,
        *,
        name: str | None = None,
        content_type: str | None = None,
        labels: Source | None = None,
        delimiter: str | None = None,
        encoding: str | None = None,
        header: bool | None = None,
        image_size: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> Dataset:
        """Send a file or a table. The service then reads it: `wait` until it is ready.

        Args:
            source: A path; an open binary file, which is sent from where it stands; a table of pandas, Polars or Arrow
                (Arrow's C stream interface is enough), without an index; or a pair (X, y) of NumPy arrays, whose
                columns are then `x0`, `x1`, ... and `y`, or of tables.
            name: What to call the data set; else the file's name.
            content_type: The format of a file; else by its suffix, else by its content.
            labels: A second file that belongs to the first, as IDX files come: the features there, the targets here.
            delimiter: What stands between a text table's cells: a character, or tab, comma, semicolon, pipe, space.
            encoding: A text's; such as utf-8 or windows-1252.
            header: Whether a text table's first line names its columns.
            image_size: Width and height, as in 28x28, to which a ZIP's pictures are resized.
            on_progress: Called with bytes sent and bytes in all (None for a pipe).

        What is not said of delimiter, encoding and header, the service finds out; `Dataset.options` tells what.

        Raises:
            InvalidRequest: the file is empty or in no known format.
            RequestTooLarge: it is over the limit.
            UnsupportedMediaType: the content type names no known format.
            TypeError: no file format of the service can hold what the table holds.
            ValueError: the parts of a pair do not fit together.
        """
        options = {"delimiter": delimiter, "encoding": encoding, "header": header, "image_size": image_size}
        with packed(source) as table, sending(table.file if table else source, labels, on_progress) as upload:
            given = table.content_type if table else content_type if labels is None else None
            headers = {"Content-Type": given or upload.content_type, **idempotency_key()}
            if upload.size is not None:
                headers["Content-Length"] = str(upload.size)
            call = Call(
                "POST",
                "/v1/datasets",
                params={"name": name or upload.name, **options},
                headers=headers,
                body=upload.chunks,
                once=not upload.replayable,
            )
            return self._session.read(self._session.send(call), Dataset)

    def wait(self, dataset: Dataset | str, *, timeout: float | None = None) -> Dataset:
        """Wait until a data set has been read: it is then `ready`, or `failed` and its `error` says where and why.

        Raises:
            TimeoutError: `timeout` seconds have passed; the service goes on.
        """
        path = f"/v1/datasets/{id_of(dataset)}"
        return wait(self._session, path, Dataset, lambda found: found.status is not DatasetState.VALIDATING, timeout)

    def get(self, dataset: Dataset | str) -> Dataset:
        """A data set as it is now."""
        return self._session.get(f"/v1/datasets/{id_of(dataset)}", Dataset)

    def list(self, *, page_size: int = 100) -> Iterator[Dataset]:
        """All data sets, newest first, fetched a page at a time as they are asked for."""
        return self._session.pages("/v1/datasets", Page[Dataset], {"limit": page_size})

    def rows(self, dataset: Dataset | str, *, page_size: int = 100) -> Iterator[dict[str, Any]]:
        """The rows of a data set from column to value, fetched a page at a time as they are asked for."""
        return self._session.pages(f"/v1/datasets/{id_of(dataset)}/rows", Page[dict[str, Any]], {"limit": page_size})

    def download(
        self, dataset: Dataset | str, path: str | os.PathLike[str], *, on_progress: OnProgress | None = None
    ) -> Path:
        """Save the uploaded bytes at `path`, whole or not at all, as `client.weights.download` does."""
        return download(self._session, f"/v1/datasets/{id_of(dataset)}/content", {}, Path(path), on_progress)

    def update(
        self, dataset: Dataset | str, *, name: str | None = None, columns: Mapping[str, ColumnChange] | None = None
    ) -> Dataset:
        """Rename a data set, or say what its columns are.

        Args:
            dataset: Which one.
            name: A new name.
            columns: By name, of each its `kind` or `role` or both: `{"zip": {"kind": "categorical"}, "id": {"role":
                "identifier"}}`. None as a value goes back to what the column looks like. Another kind has the file
                read again: `wait` until that is done.

        Raises:
            ValidationFailed: there is no such column, kind or role.
            Conflict: the data set is being read, or a job that has not ended needs the kinds that it has.
        """
        given = {"name": name, "columns": columns}
        change = {field: value for field, value in given.items() if value is not None}
        return self._session.patch(f"/v1/datasets/{id_of(dataset)}", Dataset, change)

    def delete(self, dataset: Dataset | str) -> None:
        """Delete a data set for good.

        Raises:
            Conflict: a job that has not ended needs it.
        """
        self._session.delete(f"/v1/datasets/{id_of(dataset)}")
