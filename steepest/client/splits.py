"""Which rows a job trains on, validates and tests with."""

import os
from pathlib import Path

from steepest.client.downloads import OnProgress, download
from steepest.client.references import id_of
from steepest.client.session import Session
from steepest.spec.answers import Job, SplitNumbers


class Splits:
    """`GET /v1/jobs/{id}/split`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, job: Job | str) -> SplitNumbers:
        """The row numbers of each part.

        Raises:
            Conflict: the job has not started.
        """
        return self._session.get(f"/v1/jobs/{id_of(job)}/split", SplitNumbers)

    def download(self, job: Job | str, path: str | os.PathLike[str], *, on_progress: OnProgress | None = None) -> Path:
        """Save the row numbers at `path`: an npz archive of the arrays `training`, `validation` and `test`.

        Args:
            job: The job or its id.
            path: Where to save; an existing file is replaced.
            on_progress: Called with bytes here and bytes in all.

        Raises:
            Conflict: the job has not started.
            DamagedDownload: what arrived is not what was announced.
        """
        return download(self._session, f"/v1/jobs/{id_of(job)}/split", {"format": "npz"}, Path(path), on_progress)
