"""A job's loss history."""

from steepest.client.history import History
from steepest.client.references import id_of
from steepest.client.session import Session
from steepest.spec.answers import Epoch, Job, Page


class Epochs:
    """`GET /v1/jobs/{id}/epochs`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list(self, job: Job | str, *, after: int | None = None, points: int | None = None) -> History:
        """The loss history, oldest first: its epochs one by one, or a table by `to_pandas()` and the like.

        Args:
            job: The job or its id.
            after: Begin behind this epoch.
            points: Thin the history out to about so many epochs, to draw it.
        """
        params = {"after": after, "points": points}
        return History(self._session.pages(f"/v1/jobs/{id_of(job)}/epochs", Page[Epoch], params))
