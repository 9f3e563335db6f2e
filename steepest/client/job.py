"""A job as a client gives it: the answer of the service, which knows where to ask on."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import PrivateAttr

from steepest.client.session import Session
from steepest.spec import answers

if TYPE_CHECKING:
    from steepest.client.history import History
    from steepest.client.jobs import Jobs
    from steepest.client.picture import Picture


class Origin:
    """The connection that an answer came over. It is no part of the answer: it neither counts nor travels with it."""

    def __init__(self, session: "Session | None" = None) -> None:
        self.session = session

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin)

    def __hash__(self) -> int:
        return hash(Origin)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> "tuple[type[Origin], tuple[()]]":
        return Origin, ()


class Job(answers.Job):
    """A training job, with what can be asked of it. Each method is that of `client.jobs`, for this job.

    A job shows what the service said when it was asked: `refresh` asks again. One that was not read by a client, or
    that was pickled, is data alone; its methods then raise `RuntimeError`.
    """

    _origin: Origin = PrivateAttr(default_factory=Origin)

    def model_post_init(self, context: Any, /) -> None:
        """Keep the session that reads this answer, which passes itself as the context of validation."""
        if isinstance(context, Session):
            self._origin = Origin(context)

    def refresh(self) -> "Job":
        """This job as it is now."""
        return self._jobs.get(self)

    def wait(self, *, on_progress: "Callable[[Job], None] | None" = None, timeout: float | None = None) -> "Job":
        """Wait for this job's end and return it as it is then, however it ended."""
        return self._jobs.wait(self, on_progress=on_progress, timeout=timeout)

    def watch(self, *, timeout: float | None = None) -> "Job":
        """Wait for this job's end behind a live progress bar, in a terminal or a notebook, and return it."""
        return self._jobs.watch(self, timeout=timeout)

    def plot(self) -> "Picture":
        """Draw this job's loss curve so far."""
        return self._jobs.plot(self)

    def history(self) -> "History":
        """This job's epochs so far, which turn into a table: `job.history().to_pandas()`."""
        return self._jobs.epochs(self)

    def card(self, path: str | os.PathLike[str], *, format: Literal["html", "md"] | None = None) -> Path:  # noqa: A002  the API's own word
        """Save this job's model card, as HTML or Markdown."""
        return self._jobs.card(self, path, format=format)

    def pause(self) -> "Job":
        """Pause this job, with a checkpoint to go on from."""
        return self._jobs.pause(self)

    def resume(self) -> "Job":
        """Go on with this job, which is paused."""
        return self._jobs.resume(self)

    def retry(self) -> "Job":
        """Go on with this job, which has failed."""
        return self._jobs.retry(self)

    def cancel(self) -> "Job":
        """Stop this job for good."""
        return self._jobs.cancel(self)

    @property
    def _jobs(self) -> "Jobs":
        from steepest.client.jobs import Jobs

        if self._origin.session is None:
            raise RuntimeError(f"{self.id} came from no client: client.jobs.get({self.id!r}) gives one that did")
        return Jobs(self._origin.session)
