"""Training jobs: submit, look, list, wait, change, pause, resume, retry, cancel, delete."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from flask import Response, request
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, RootModel
from sqlalchemy.orm import Session

from service import answers, poll
from service.context import service
from service.http.auth import principal
from service.http.conditional import not_modified
from service.http.idempotency import fingerprint, idempotent, replay
from service.http.json_body import read_json
from service.http.query import PageQuery, Query
from service.http.resource import Resource, no_content, reply
from service.saved_weights import model
from service.submission import Submission, examine
from steepest.run.code import code
from steepest.spec.answers import Job, JobValidation, Page
from steepest.spec.errors import FieldProblem, TooManyRequests
from steepest.spec.job import JobSpec, Metadata, MetadataKey, MetadataValue, Name
from steepest.spec.problems import raised
from steepest.spec.states import TERMINAL, JobState
from steepest.trainer.start import difference
from store import blobs, events, jobs, lineage, scheduling, warm_starts, workers
from store.jobs import JobChanges, JobFilter
from store.models import BlobRow, JobRow

resource = Resource("jobs", __name__, tag="Jobs", url_prefix="/v1")

LONGEST_WAIT: Final = 30
"""Seconds that a poll may take."""

SECONDS_TO_NEXT_LOOK: Final = 1
"""What those who poll are told to leave between two looks at a job that goes on."""

SECONDS_TO_ROOM: Final = 30
"""What those who have as many jobs in the queue as they may are told to leave until the next try."""

ETAG: Final = {"ETag": "Differs whenever the job does.", "Retry-After": "Seconds until another look is worth it."}


RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _rfc_3339(text: str) -> str:
    if not RFC_3339.fullmatch(text):
        raise ValueError("a time must be written like 2026-01-31T12:00:00Z (RFC 3339)")
    return text


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("in UTC the time must lie in the years 1 to 9999") from None


class SubmitQuery(Query):
    """How to submit."""

    validate_only: bool = Field(default=False, description="Say what would be trained, and create nothing.")


class JobOrValidation(RootModel[Job | JobValidation]):
    """An earlier job, with `reuse`; or what would be trained, with `validate_only`."""


class JobsQuery(PageQuery):
    """Which jobs to list."""

    status: JobState | None = Field(default=None, description="Only jobs in this state.")
    dataset: str | None = Field(default=None, max_length=64, description="Only jobs on this data set.")
    name: str | None = Field(default=None, max_length=200, description="Only jobs of this name.")
    metadata: dict[MetadataKey, MetadataValue] = Field(
        default={}, max_length=8, description="Only jobs with this metadata: `metadata[key]=value`."
    )
    created_after: Annotated[AwareDatetime, BeforeValidator(_rfc_3339), AfterValidator(_in_utc)] | None = Field(
        default=None, description="Only jobs created later, RFC 3339."
    )


class WaitQuery(Query):
    """How long to wait."""

    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] = Field(
        default=0.0,
        description="Seconds to wait, 30 at most: for the job's end, or with `If-None-Match` for any change.",
    )


class JobChange(BaseModel):
    """What may be changed of a job at any time. A field that is not given stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Name | None = None
    metadata: Metadata = Field(default={}, description="Replaces all of it.")


@resource.operation(
    "POST",
    "/jobs",
    "createJob",
    scope="write",
    query=SubmitQuery,
    body=JobSpec,
    parsed=False,
    answer=Job,
    status=201,
    headers={"Location": "Where the job is."},
    also={200: JobOrValidation},
    request_headers=("Idempotency-Key",),
)
def create_job(query: SubmitQuery) -> Response:
    """Submit a training job, or with `validate_only=true` see what would be trained.

    The answer holds the resolved spec, in which every `"auto"` is replaced. All problems are named at once. With
    `"reuse": true` an earlier job that succeeded with equal data, spec and code is the answer, 200, if there is one.
    """
    account_id, limits = principal().account_id, service().settings.limits
    body = read_json(limits.json_bytes)
    if query.validate_only:
        return _validation(account_id, body)
    this = fingerprint(request.get_data())
    with idempotent(account_id, this) as create:
        if create.stored is not None:
            return replay(create.stored)
        submission = _examine(account_id, body)

        def save(session: Session) -> Response:
            spec, resolved, warnings = submission.spec, submission.resolved, submission.warnings
            if spec.reuse and (found := lineage.earlier(session, account_id, resolved, code().sha256, held=True)):
                return _answer(session, found, 200, {"Location": f"/v1/jobs/{found.id}"})
            _check_room(session, account_id)
            key_id, memory = principal().key_id, submission.memory_bytes
            row = jobs.submit(session, account_id, spec, resolved, warnings, key_id=key_id, memory_bytes=memory)
            return _answer(session, row, 201, {"Location": f"/v1/jobs/{row.id}"})

        response = create.run(this, save)
    if response.status_code == 201:
        service().queue.announce_job(response.headers["Location"].rsplit("/", 1)[1], submission.resolved.device)
    return response


@resource.operation("GET", "/jobs", "listJobs", scope="read", query=JobsQuery, answer=Page[Job])
def list_jobs(query: JobsQuery) -> Response:
    """List jobs, newest first. All filters have to hold."""
    account_id = principal().account_id
    wanted = JobFilter(query.status, query.dataset, query.name, query.metadata, query.created_after)
    with service().database.read() as session:
        page = jobs.page(session, account_id, wanted, query.limit, query.after)
        ids = [row.id for row in page.rows]
        moves, origins = events.transitions(session, account_id, ids), lineage.of(session, account_id, ids)
        ahead = scheduling.ahead(session, page.rows)
    data = [answers.job(row, moves.get(row.id, []), origins.get(row.id), ahead.get(row.id)) for row in page.rows]
    foreign = {index: answers.foreign_to(row) for index, row in enumerate(page.rows)}
    return reply(
        Page[Job].model_construct(object="list", data=data, has_more=page.has_more, next=page.next),
        exclude={"data": foreign} if foreign else None,
    )


@resource.operation(
    "GET",
    "/jobs/<id:job_id>",
    "getJob",
    scope="read",
    query=WaitQuery,
    answer=Job,
    statuses={304: "The job is still as the ETag says."},
    headers=ETAG,
    request_headers=("If-None-Match",),
)
def get_job(job_id: str, query: WaitQuery) -> Response:
    """Look at a job, or wait for its end.

    With `wait` the answer comes when the job is over, or after that many seconds; with `If-None-Match` too, as soon as
    the job differs from what the ETag stands for.
    """
    asked = request.if_none_match
    if query.wait or asked:
        seen = poll.look(job_id)
        known = asked.contains(poll.etag(seen, poll.place(job_id, seen)))
        if query.wait and (known or not asked):
            seen = poll.wait(job_id, seen, any_change=known, seconds=query.wait)
        if asked and asked.contains(tag := poll.etag(seen, poll.place(job_id, seen))):
            return not_modified(tag)
    with service().database.read() as session:
        row = jobs.get(session, principal().account_id, job_id)
        response = _answer(session, row)
        response.set_etag(poll.etag(row, scheduling.ahead(session, [row]).get(row.id)))
    return response


@resource.operation("PATCH", "/jobs/<id:job_id>", "updateJob", scope="write", body=JobChange, answer=Job)
def update_job(job_id: str, body: JobChange) -> Response:
    """Rename a job or replace its metadata, in whatever state it is."""
    with service().database.write() as session:
        changes = JobChanges(**{name: getattr(body, name) for name in body.model_fields_set})  # type: ignore[typeddict-item]  # its very fields
        row = jobs.change(session, principal().account_id, job_id, changes)
        return _answer(session, row)


@resource.operation("POST", "/jobs/<id:job_id>/cancel", "cancelJob", scope="write", answer=Job)
def cancel_job(job_id: str) -> Response:
    """Stop a job for good: at once when it is queued, within a second when it runs. To ask again changes nothing."""
    with service().database.write() as session:
        return _answer(session, jobs.cancel(session, principal().account_id, job_id))


@resource.operation("POST", "/jobs/<id:job_id>/pause", "pauseJob", scope="write", answer=Job)
def pause_job(job_id: str) -> Response:
    """Pause a job: at once when it is queued, within a second when it runs, with a checkpoint to go on from.

    It frees its worker, and waits for as long as it takes to be resumed. To ask again changes nothing.
    """
    with service().database.write() as session:
        return _answer(session, jobs.pause(session, principal().account_id, job_id))


@resource.operation("POST", "/jobs/<id:job_id>/resume", "resumeJob", scope="write", answer=Job)
def resume_job(job_id: str) -> Response:
    """Go on with a paused job from its last checkpoint, to the weights of a job that was never paused.

    They are equal to the last bit where the numeric environment matches; elsewhere the job says `"bit_exact": false`.
    """
    return _queue_again(jobs.resume, job_id)


@resource.operation("POST", "/jobs/<id:job_id>/retry", "retryJob", scope="write", answer=Job)
def retry_job(job_id: str) -> Response:
    """Go on with a failed job from its last checkpoint, from the beginning where it has none.

    What failed for its own settings, as a job that diverged, will fail again: training is deterministic.
    """
    return _queue_again(jobs.retry, job_id)


@resource.operation("DELETE", "/jobs/<id:job_id>", "deleteJob", scope="write", status=204)
def delete_job(job_id: str) -> Response:
    """Delete a job that is over, with its history and its weights."""
    with service().database.write() as session:
        jobs.delete(session, principal().account_id, job_id)
    return no_content()


def _queue_again(ask: Callable[[Session, str, str], JobRow], job_id: str) -> Response:
    with service().database.write() as session:
        row = ask(session, principal().account_id, job_id)
        response = _answer(session, row)
    if row.status is JobState.QUEUED:
        service().queue.announce_job(row.id, row.device)
    return response


def _check_room(session: Session, account_id: str) -> None:
    """Refuse a job of an account that has as many waiting as it may.

    Raises:
        TooManyRequests: it has.
    """
    most = service().settings.limits.queued_jobs
    if scheduling.pending(session, account_id, most) >= most:
        raise TooManyRequests(
            f"{most:,} jobs of this account wait for a worker, and no more may (queued_jobs). "
            "Wait until some have started, or cancel some.",
            retry_after=SECONDS_TO_ROOM,
        )


def _validation(account_id: str, body: Any) -> Response:
    submission = _examine(account_id, body)
    with service().database.read() as session:
        found = None
        if submission.spec.reuse:
            found = lineage.earlier(session, account_id, submission.resolved, code().sha256)
    return reply(submission.validation(reuses=found.id if found else None))


def _examine(account_id: str, body: Any) -> Submission:
    settings = service().settings
    with service().database.read() as session:
        submission = examine(session, account_id, body, settings.limits)
        weights = _start_of(session, account_id, submission)
        most = settings.worker_memory_bytes
        if most is None:
            most = workers.most_memory(session, submission.resolved.device, settings.lease_seconds)
    if weights is not None and (why := difference(submission.network, model(weights).network, inputs=False)):
        detail = f"{why}; give the layers the same units"
        raise raised([FieldProblem(pointer="/warm_start", detail=detail)])
    if most is not None and submission.memory_bytes > most:
        detail = (
            f"training is estimated to need {submission.memory_bytes:,} bytes of memory; a worker may use {most:,} "
            "(worker_memory_bytes). Make the batch or the layers smaller, or leave out features"
        )
        raise raised([FieldProblem(pointer="", detail=detail)])
    return submission


def _start_of(session: Session, account_id: str, submission: Submission) -> BlobRow | None:
    """The weights that the job is to start from."""
    if submission.spec.warm_start is None:
        return None
    return blobs.get(session, account_id, warm_starts.find(session, account_id, submission.spec.warm_start).blob_id)


def _answer(session: Session, row: JobRow, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    moves = events.transitions(session, row.account_id, [row.id]).get(row.id, [])
    origin = lineage.of(session, row.account_id, [row.id]).get(row.id)
    found = answers.job(row, moves, origin, scheduling.ahead(session, [row]).get(row.id))
    response = reply(found, status, headers=headers, exclude=answers.foreign_to(row))
    if row.status not in TERMINAL:
        response.headers["Retry-After"] = str(SECONDS_TO_NEXT_LOOK)
    return response
