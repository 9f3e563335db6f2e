"""How good a job's network is: on the rows that were held out, and on other data sets."""

from flask import Response

from service import answers, asked
from service.context import service
from service.http.auth import principal
from service.http.json_body import read_json
from service.http.query import PageQuery
from service.http.resource import Resource, reply
from steepest.spec.answers import Evaluation, EvaluationRequest, Page
from steepest.spec.problems import parse
from store import computations, jobs
from store.models import ComputationKind

resource = Resource("evaluations", __name__, tag="Jobs", url_prefix="/v1")

KIND = ComputationKind.EVALUATION


@resource.operation(
    "POST",
    "/jobs/<id:job_id>/evaluations",
    "createEvaluation",
    scope="write",
    body=EvaluationRequest,
    parsed=False,
    answer=Evaluation,
    status=201,
    headers={"Location": "Where the evaluation is.", "Retry-After": "Seconds until a look is worth it."},
    request_headers=("Idempotency-Key",),
)
def create_evaluation(job_id: str) -> Response:
    """Evaluate a job's network on another data set, or once more on the rows that were held out.

    It is a long computation: look at it until it has succeeded. `permutation_importance` asks how much each column
    matters.
    """
    wanted = parse(EvaluationRequest, read_json(service().settings.limits.json_bytes))
    return asked.create(
        job_id, KIND, wanted.dataset, wanted.model_dump(mode="json"), answers.evaluation, with_targets=True
    )


@resource.operation(
    "GET", "/jobs/<id:job_id>/evaluations", "listEvaluations", scope="read", query=PageQuery, answer=Page[Evaluation]
)
def list_evaluations(job_id: str, query: PageQuery) -> Response:
    """List evaluations of a job, newest first; that of the held-out rows comes with the job."""
    account_id = principal().account_id
    with service().database.read() as session:
        jobs.get(session, account_id, job_id)
        page = computations.page(session, account_id, job_id, KIND, query.limit, query.after)
    data = [answers.evaluation(row) for row in page.rows]
    return reply(Page[Evaluation].model_construct(object="list", data=data, has_more=page.has_more, next=page.next))


@resource.operation(
    "GET",
    "/jobs/<id:job_id>/evaluations/<evaluation:evaluation_id>",
    "getEvaluation",
    scope="read",
    answer=Evaluation,
    statuses={304: "The evaluation is still as the ETag says."},
    headers=asked.HEADERS,
    request_headers=("If-Match", "If-None-Match"),
)
def get_evaluation(job_id: str, evaluation_id: str) -> Response:
    """Look at an evaluation. `held_out` is that of the job's own test rows, if it had any."""
    account_id = principal().account_id
    with service().database.read() as session:
        jobs.get(session, account_id, job_id)
        row = computations.get(session, account_id, job_id, KIND, evaluation_id)
    return asked.look(answers.evaluation(row), is_terminal=row.status.is_terminal)
