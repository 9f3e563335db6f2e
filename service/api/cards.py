"""The model card of a job."""

import hashlib
from typing import Final, Literal

from flask import Response, request
from pydantic import Field

from service import answers
from service.card.build import card
from service.card.html import POLICY, html
from service.card.markdown import markdown
from service.card.subject import Subject
from service.context import service
from service.http.auth import principal
from service.http.conditional import unless_failed
from service.http.query import Query
from service.http.resource import Resource
from steepest.spec.errors import Conflict, NotFound
from steepest.spec.figures import EvaluationResult
from steepest.spec.names import HELD_OUT
from steepest.spec.states import MEANING, JobState
from store import computations, datasets, events, history, jobs, lineage
from store.models import ComputationKind

resource = Resource("cards", __name__, tag="Jobs", url_prefix="/v1")

MIMETYPES: Final = {"html": "text/html", "md": "text/markdown"}
MOST_EPOCHS: Final = 1_000
"""Points of the loss curve."""


class CardQuery(Query):
    """In what the card is written."""

    format: Literal["html", "md"] | None = Field(
        default=None, description="HTML or Markdown; else what `Accept` prefers, HTML when it does not care."
    )


@resource.operation(
    "GET",
    "/jobs/<id:job_id>/card",
    "getCard",
    scope="read",
    query=CardQuery,
    content=tuple(MIMETYPES.values()),
    statuses={304: "The card still has this ETag."},
    headers={"ETag": "The SHA-256 of the card."},
    request_headers=("If-Match", "If-None-Match"),
)
def get_card(job_id: str, query: CardQuery) -> Response:
    """Read the model card of a job that succeeded: data, spec, figures with pictures, limits, how to train it again.

    It is one page that needs nothing else. The data set may have been deleted since; the card then lacks its columns.
    Where its file has been read in another way since, the card says so.
    """
    about, found = _subject(job_id), query.format or _accepted()
    written = card(about, service().settings.public_url or request.host_url.rstrip("/"))
    content = (html if found == "html" else markdown)(written).encode()
    response = Response(content, mimetype=MIMETYPES[found])
    response.headers["Vary"] = "Accept"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.set_etag(hashlib.sha256(content).hexdigest())
    response.make_conditional(request)
    return unless_failed(response)


def _accepted() -> Literal["html", "md"]:
    preferred = request.accept_mimetypes.best_match(["text/html", "text/markdown", "text/plain"])
    return "md" if preferred in ("text/markdown", "text/plain") else "html"


def _subject(job_id: str) -> Subject:
    """All that is stored about a job.

    Raises:
        NotFound: the account has no such job.
        Conflict: it has not succeeded.
    """
    account_id = principal().account_id
    with service().database.read() as session:
        row = jobs.get(session, account_id, job_id)
        if row.status is not JobState.SUCCEEDED or row.result is None:
            raise Conflict(
                f"The job is {row.status.value} ({MEANING[row.status]}); a job has a card once it has succeeded.",
                state=row.status.value,
            )
        moves = events.transitions(session, account_id, [job_id]).get(job_id, [])
        job = answers.job(row, moves, lineage.of(session, account_id, [job_id]).get(job_id))
        epochs = [answers.epoch(each, row.resolved_spec.task) for each in history.sample(session, row, MOST_EPOCHS)]
        try:
            source = datasets.get(session, account_id, row.dataset_id)
            columns = lineage.columns_sha256(session, account_id, row.dataset_id)
        except NotFound:
            source = None
            columns = None
        try:
            held_out = computations.get(session, account_id, job_id, ComputationKind.EVALUATION, HELD_OUT).result
        except NotFound:
            held_out = None
    evaluation = held_out if isinstance(held_out, EvaluationResult) else None
    dataset = answers.dataset(source) if source else None
    reread = source is not None and job.lineage is not None and columns != job.lineage.columns_sha256
    return Subject(job, row.result, epochs, dataset, evaluation, source.kinds if source else {}, reread)
