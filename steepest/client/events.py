"""What happened to a job."""

from collections.abc import Iterator

from steepest.client.references import id_of
from steepest.client.session import Session
from steepest.spec.answers import Event, Job, Page


class Events:
    """`GET /v1/jobs/{id}/events`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, job: Job | str, *, after: int | None = None) -> Iterator[Event]:
        """The job's events, oldest first, from the one that follows number `after`."""
        return self._session.pages(f"/v1/jobs/{id_of(job)}/events", Page[Event], {"after": after})
