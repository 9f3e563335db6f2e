"""The saved weights of a job."""

from collections.abc import Iterator

from steepest.client.references import id_of
from steepest.client.session import Session
from steepest.spec.answers import Checkpoint, Job, Page


class Checkpoints:
    """`GET /v1/jobs/{id}/checkpoints`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, job: Job | str) -> Iterator[Checkpoint]:
        """The job's checkpoints, oldest first. `client.weights.download` fetches any of them."""
        return self._session.pages(f"/v1/jobs/{id_of(job)}/checkpoints", Page[Checkpoint])
