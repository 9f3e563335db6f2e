"""The weights of a job, as a file."""

import os
from pathlib import Path

from steepest.client.downloads import OnProgress, download
from steepest.client.references import id_of
from steepest.client.session import Session
from steepest.spec.answers import Job

FORMATS = {".safetensors": "safetensors", ".npz": "npz", ".onnx": "onnx", ".json": "json", ".py": "py"}
"""The format that a suffix asks for. Which of them a service has, it says itself."""


class Weights:
    """`GET /v1/jobs/{id}/weights`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def download(
        self,
        job: Job | str,
        path: str | os.PathLike[str],
        *,
        format: str | None = None,  # noqa: A002  the API's own word
        checkpoint: str | int | None = None,
        on_progress: OnProgress | None = None,
    ) -> Path:
        """Save a job's weights at `path`, whole or not at all.

        The bytes go to a file beside it, which takes its name once their SHA-256 is the one that the service announced.
        A connection that breaks is taken up where it broke.

        Args:
            job: The job or its id.
            path: Where to save; an existing file is replaced.
            format: `safetensors`, `npz`, `onnx`, `json` or `py`; else by the path's suffix.
            checkpoint: `best`, `last`, `initial` or an epoch; else the weights that predictions use.
            on_progress: Called with bytes here and bytes in all.

        Raises:
            Conflict: the job has no weights yet.
            ValidationFailed: the service has no such format, or the network is too large for it.
            DamagedDownload: what arrived is not what was announced.
            ValueError: the suffix names no format.
        """
        target = Path(path)
        if format is None and target.suffix.lower() not in FORMATS:
            raise ValueError(f"{target.name} names no format; end it in {', '.join(FORMATS)}, or say which format")
        params = {"format": format or FORMATS[target.suffix.lower()], "checkpoint": checkpoint}
        return download(self._session, f"/v1/jobs/{id_of(job)}/weights", params, target, on_progress)
