"""Data sets: what networks are trained on."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from steepest.client.downloads import download
from steepest.client.references import id_of
from steepest.client.session import Call, Session, idempotency_key
from steepest.client.uploads import OnProgress, Upload
from steepest.spec.answers import Dataset, Page
from steepest.spec.states import DatasetState

FIRST_LOOK, SLOWEST_LOOK = 0.05, 1.0


class Datasets:
    """`/v1/datasets`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def upload(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        name: str | None = None,
        content_type: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> Dataset:
        """Send a file. The service then reads it: `wait` until it is ready.

        Args:
            source: A path, or an open binary file, which is sent from where it stands.
            name: What to call the data set; else the file's name.
            content_type: The format; else by the file's suffix, else by its content.
            on_progress: Called with bytes sent and bytes in all (None for a pipe).

        Raises:
            InvalidRequest: the file is empty or in no known format.
            RequestTooLarge: it is over the limit.
            UnsupportedMediaType: the content type names no known format.
        """
        with Upload.of(source, on_progress) as upload:
            headers = {"Content-Type": content_type or upload.content_type, **idempotency_key()}
            if upload.size is not None:
                headers["Content-Length"] = str(upload.size)
            call = Call(
                "POST",
                "/v1/datasets",
                params={"name": name or upload.name},
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
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_LOOK
        while True:
            found = self.get(dataset)
            if found.status is not DatasetState.VALIDATING:
                return found
            if deadline is not None and time.monotonic() + pause > deadline:
                raise TimeoutError(f"{found.id} is still being read after {timeout:g} s")
            self._session.retries.sleep(pause)
            pause = min(2 * pause, SLOWEST_LOOK)

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

    def update(self, dataset: Dataset | str, *, name: str) -> Dataset:
        """Rename a data set."""
        return self._session.patch(f"/v1/datasets/{id_of(dataset)}", Dataset, {"name": name})

    def delete(self, dataset: Dataset | str) -> None:
        """Delete a data set for good.

        Raises:
            Conflict: a job that has not ended needs it.
        """
        self._session.delete(f"/v1/datasets/{id_of(dataset)}")
