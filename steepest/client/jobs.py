"""Training jobs."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from steepest.client.downloads import download
from steepest.client.epochs import Epochs
from steepest.client.events import Events
from steepest.client.history import History
from steepest.client.job import Job
from steepest.client.picture import Picture
from steepest.client.progress import View, fitting
from steepest.client.references import id_of
from steepest.client.session import Call, Session
from steepest.inspect.curve import loss_curve
from steepest.spec import answers
from steepest.spec.answers import Dataset, Epoch, JobValidation, Page
from steepest.spec.errors import Unavailable
from steepest.spec.job import JobSpec
from steepest.spec.states import JobState

LONGEST_POLL = 30.0
"""Seconds that the service holds a poll at most."""
BETWEEN_POLLS = 0.1
"""Seconds from one poll to the next at least, however fast the job changes."""
CURVE_POINTS = 300
"""Epochs of a curve that is drawn again and again."""
OUTAGE = 120.0
"""Seconds for which a wait outlives a service that is away."""


class Jobs:
    """`/v1/jobs`. `events(job)` and `epochs(job)` iterate over what a job has recorded."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.events = Events(session).list
        self.epochs = Epochs(session).list

    def create(
        self,
        spec: JobSpec | Mapping[str, Any] | None = None,
        *,
        dataset: Dataset | str | None = None,
        target: str | Sequence[str] | None = None,
        **fields: Any,
    ) -> Job:
        """Submit a job, exactly once, however often the connection fails.

        The least that works is `create(dataset=..., target=...)`. All else has a default: give a whole `JobSpec` or
        dict, or its fields as keywords (`epochs=50`, `layers=[{"units": 32}]`), or both, the keywords counting.

        Raises:
            Conflict: the data set is not ready.
            ValidationFailed: something in the spec is wrong; `problems` names every place.
        """
        return self._session.create("/v1/jobs", Job, _body(spec, dataset, target, fields))

    def validate(
        self,
        spec: JobSpec | Mapping[str, Any] | None = None,
        *,
        dataset: Dataset | str | None = None,
        target: str | Sequence[str] | None = None,
        **fields: Any,
    ) -> JobValidation:
        """What `create` would train, with its size and warnings; nothing is created. Raises what `create` does."""
        body = _body(spec, dataset, target, fields)
        return self._session.post("/v1/jobs", JobValidation, body, {"validate_only": True})

    def get(self, job: answers.Job | str) -> Job:
        """A job as it is now."""
        return self._session.get(f"/v1/jobs/{id_of(job)}", Job)

    def list(
        self,
        *,
        status: JobState | str | None = None,
        dataset: Dataset | str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        page_size: int = 100,
    ) -> Iterator[Job]:
        """Jobs, newest first, fetched a page at a time as they are asked for. Filters all have to hold."""
        params: dict[str, str | int | None] = {
            "status": status,
            "dataset": None if dataset is None else id_of(dataset),
            "name": name,
            "created_after": None if created_after is None else created_after.isoformat(),
            "limit": page_size,
        }
        params |= {f"metadata[{key}]": value for key, value in (metadata or {}).items()}
        return self._session.pages("/v1/jobs", Page[Job], params)

    def wait(
        self, job: answers.Job | str, *, on_progress: Callable[[Job], None] | None = None, timeout: float | None = None
    ) -> Job:
        """Wait for a job's end and return it, whatever the end is: look at its `status` and `error`.

        The service answers as soon as something changes, so this neither hammers it nor sleeps through the end. It
        outlives a restart of the service.

        Args:
            job: The job or its id.
            on_progress: Called with the job at first and after each change.
            timeout: Seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: `timeout` seconds have passed; the job goes on.
        """
        name, deadline = id_of(job), None if timeout is None else time.monotonic() + timeout
        seen, etag, answered_at = None, None, time.monotonic()
        while True:
            asked_at = time.monotonic()
            left = LONGEST_POLL if deadline is None else min(LONGEST_POLL, deadline - asked_at)
            try:
                found, etag = self._poll(name, seen, etag, left)
                answered_at = time.monotonic()
            except Unavailable:
                if seen is None or time.monotonic() - answered_at > OUTAGE:
                    raise
                found = seen
                self._session.retries.sleep(1.0)
            if found is not None and found is not seen:
                seen = found
                if on_progress:
                    on_progress(found)
                if found.is_terminal:
                    return found
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"{name} has not ended after {timeout:g} s; it goes on")
            self._session.retries.sleep(max(0.0, asked_at + BETWEEN_POLLS - time.monotonic()))

    def watch(
        self, job: answers.Job | str, *, timeout: float | None = None, view: AbstractContextManager[View] | None = None
    ) -> Job:
        """Wait for a job's end as `wait` does, behind a live progress bar.

        A terminal shows a bar, a notebook a bar with the curve so far, anything else some lines on stderr. To interrupt
        it stops the watching; the job goes on.

        Args:
            job: The job or its id.
            timeout: Seconds to wait at most; None for as long as it takes.
            view: Where to show it; else what fits the place that this program runs in.

        Raises:
            TimeoutError: `timeout` seconds have passed; the job goes on.
        """
        with view or fitting(self._curve_so_far) as shown:
            return self.wait(job, on_progress=lambda job: shown.update(job, self._newest(job)), timeout=timeout)

    def plot(self, job: answers.Job | str, *, points: int = 2_000) -> Picture:
        """Draw a job's loss curve so far, through `points` epochs at most. A notebook shows it, `save` writes it."""
        found = job if isinstance(job, answers.Job) and job.is_terminal else self.get(job)
        return _curve(found, self.epochs(found, points=points))

    def card(
        self,
        job: answers.Job | str,
        path: str | os.PathLike[str],
        *,
        format: Literal["html", "md"] | None = None,  # noqa: A002  the API's own word
    ) -> Path:
        """Save a job's model card at `path`, as HTML or Markdown: `format`, else what the path's suffix says.

        Raises:
            Conflict: the job has not succeeded.
            ValueError: the suffix names no format.
        """
        target = Path(path)
        suffix = target.suffix.lower().removeprefix(".")
        if format is None and suffix not in ("html", "md"):
            raise ValueError(f"{target.name} names no format; end it in .html or .md, or say which format")
        return download(self._session, f"/v1/jobs/{id_of(job)}/card", {"format": format or suffix}, target, None)

    def cancel(self, job: answers.Job | str) -> Job:
        """Stop a job for good: at once when it is queued, within a second when it runs.

        Raises:
            Conflict: it has already ended.
        """
        return self._session.post(f"/v1/jobs/{id_of(job)}/cancel", Job)

    def pause(self, job: answers.Job | str) -> Job:
        """Pause a job with a checkpoint: at once when it is queued, within a second when it runs.

        Raises:
            Conflict: it has already ended, or is being cancelled.
        """
        return self._session.post(f"/v1/jobs/{id_of(job)}/pause", Job)

    def resume(self, job: answers.Job | str) -> Job:
        """Go on with a paused job from its last checkpoint.

        Raises:
            Conflict: it has ended, or has not stopped yet.
        """
        return self._session.post(f"/v1/jobs/{id_of(job)}/resume", Job)

    def retry(self, job: answers.Job | str) -> Job:
        """Go on with a failed job from its last checkpoint.

        Raises:
            Conflict: it has not failed, or its data set is gone or has been read otherwise since.
        """
        return self._session.post(f"/v1/jobs/{id_of(job)}/retry", Job)

    def update(
        self, job: answers.Job | str, *, name: str | None = None, metadata: Mapping[str, str] | None = None
    ) -> Job:
        """Rename a job, or replace all of its metadata; what is None stays as it is."""
        changes = {"name": name, "metadata": metadata}
        body = {field: value for field, value in changes.items() if value is not None}
        return self._session.patch(f"/v1/jobs/{id_of(job)}", Job, body)

    def delete(self, job: answers.Job | str) -> None:
        """Delete a job that has ended, with its history and weights.

        Raises:
            Conflict: it has not ended; cancel it first.
        """
        self._session.delete(f"/v1/jobs/{id_of(job)}")

    def _newest(self, job: answers.Job) -> Epoch | None:
        """The newest record of the loss history."""
        if not job.progress.epoch:
            return None
        try:
            return self.epochs(job, after=job.progress.epoch - 1)[-1]
        except (IndexError, Unavailable):
            # Rewound in this moment; or the service is away: what the wait outlives, what is shown beside it does too.
            return None

    def _curve_so_far(self, job: answers.Job) -> Picture | None:
        try:
            return _curve(job, self.epochs(job, points=CURVE_POINTS))
        except Unavailable:
            return None

    def _poll(self, name: str, seen: Job | None, etag: str | None, wait: float) -> tuple[Job | None, str | None]:
        """The job as soon as it differs from what was seen; after `wait` seconds what was seen."""
        first = seen is None
        call = Call(
            "GET",
            f"/v1/jobs/{name}",
            params={} if first else {"wait": max(0, int(wait))},
            headers={"If-None-Match": etag} if etag else {},
            timeout=self._session.timeout + (0.0 if first else wait),
            accept=frozenset({304}),
        )
        response = self._session.send(call)
        if response.status_code == 304:
            return seen, etag
        return self._session.read(response, Job), response.headers.get("ETag")


def _curve(job: answers.Job, history: History) -> Picture:
    title = f"Loss by epoch: {job.name or job.id}"
    return Picture(
        title,
        loss_curve(
            [epoch.training_loss for epoch in history],
            [epoch.validation_loss for epoch in history],
            epochs=[epoch.epoch for epoch in history],
            best_epoch=job.result.best_epoch if job.result else None,
            title=title,
        ),
    )


def _body(
    spec: JobSpec | Mapping[str, Any] | None,
    dataset: Dataset | str | None,
    target: str | Sequence[str] | None,
    fields: dict[str, Any],
) -> dict[str, Any]:
    """What was said and nothing else: the service knows its own defaults, and names every mistake."""
    # Only what was set: a release of the service that has other defaults is to apply its own.
    body = spec.model_dump(mode="json", exclude_unset=True) if isinstance(spec, JobSpec) else dict(spec or {})
    named = {"dataset": None if dataset is None else id_of(dataset), "target": target}
    return body | {name: value for name, value in named.items() if value is not None} | fields
