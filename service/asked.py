"""Long computations about a job: asked for, looked at, deleted. Whether one can be done is said at once."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask import Response, request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from service.context import service
from service.http.auth import principal
from service.http.conditional import conditional
from service.http.idempotency import fingerprint, idempotent, replay
from service.http.resource import no_content, reply
from service.saved_weights import model, saved
from steepest.data.conform import schema_problems
from steepest.export.model import Model
from steepest.spec.errors import Conflict, FieldProblem, NotFound
from steepest.spec.problems import raised
from steepest.spec.states import DatasetState
from store import computations, datasets, jobs
from store.models import ComputationKind, ComputationRow, DatasetRow, JobRow

SECONDS_TO_NEXT_LOOK: Final = 1
"""What those who poll are told to leave between two looks at a computation that goes on."""

Check = Callable[[Model, int], list[FieldProblem]]

HEADERS: Final = {"ETag": "Differs whenever the computation does.", "Retry-After": "Seconds until another look."}


def create(
    job_id: str,
    kind: ComputationKind,
    dataset_id: str | None,
    parameters: Mapping[str, Any],
    answer: Callable[[ComputationRow], BaseModel],
    *,
    with_targets: bool,
    check: Check | None = None,
) -> Response:
    """Save a computation about a job and announce it: 201, and where it is.

    Args:
        job_id: The job, which has weights.
        kind: What to work out.
        dataset_id: Whose rows; None for the job's own data set.
        parameters: What else was asked for.
        answer: The row as the API tells it.
        with_targets: Whether the data set needs the job's target too.
        check: What else may be wrong, of the network and the most rows that it could be about.

    Raises:
        NotFound: the account has no such job.
        Conflict: the job has no weights yet or no test rows, or the data set is not ready.
        ValidationFailed: the account has no such data set, or it lacks a column, or the check finds problems.
    """
    account_id, this = principal().account_id, fingerprint(request.get_data())
    with idempotent(account_id, this) as create:
        if create.stored is not None:
            return replay(create.stored)
        with service().database.read() as session:
            job, blob = saved(session, job_id, None)
            dataset = _dataset(session, job, dataset_id)
            rows = (dataset_id is None and computations.held_out_rows(session, job)) or dataset.rows or 0
        if dataset_id is None and not _has_test_rows(job):
            raise Conflict(
                "the job kept no rows for a test (split.test); name a data set to evaluate it on",
                state=job.status.value,
            )
        if dataset_id is not None:
            network = model(blob)
            problems = schema_problems(
                dataset.columns or [], network.preprocessing.features, network.target if with_targets else None
            )
            if problems:
                raise raised([FieldProblem(pointer="/dataset", detail=problem) for problem in problems])
        if check is not None and (found := check(model(blob), rows)):
            raise raised(found)

        def save(session: Session) -> Response:
            row = computations.create(session, job, kind, dataset.id, parameters)
            headers = {"Location": f"{request.path}/{row.id}", "Retry-After": str(SECONDS_TO_NEXT_LOOK)}
            return reply(answer(row), 201, headers=headers)

        response = create.run(this, save)
    service().queue.announce_computation(response.headers["Location"].rsplit("/", 1)[1])
    return response


def look(model: BaseModel, *, is_terminal: bool) -> Response:
    """A computation as an answer that is cheap to poll."""
    response = conditional(reply(model))
    if not is_terminal:
        response.headers["Retry-After"] = str(SECONDS_TO_NEXT_LOOK)
    return response


def delete(job_id: str, kind: ComputationKind, computation_id: str) -> Response:
    """Remove a computation about a job: 204.

    Raises:
        NotFound: the account has no such job, or the job no such computation.
        Conflict: it comes with the job.
    """
    account_id = principal().account_id
    with service().database.write() as session:
        jobs.get(session, account_id, job_id)
        computations.delete(session, account_id, job_id, kind, computation_id)
    return no_content()


def _has_test_rows(job: JobRow) -> bool:
    """Whether there are some, as far as is known: a column that says which decides when the rows are read."""
    if job.result is not None:
        return job.result.test_loss is not None
    return job.resolved_spec.split.method == "column" or job.resolved_spec.split.test > 0


def _dataset(session: Session, job: JobRow, dataset_id: str | None) -> DatasetRow:
    try:
        row = datasets.get(session, job.account_id, dataset_id or job.dataset_id)
    except NotFound:
        if dataset_id is None:
            raise Conflict(
                "the job's data set has been deleted, and its test rows with it; name another data set",
                state=job.status.value,
            ) from None
        raise raised([FieldProblem(pointer="/dataset", detail=f"there is no data set {dataset_id}")]) from None
    if row.status is not DatasetState.READY:
        raise Conflict(f"data set {row.id} is {row.status.value}; wait until it is ready", state=row.status.value)
    return row
