"""How good a job's network is: on the rows that were held out, and on other data sets."""

from functools import partial

from flask import Response

from service import answers, asked
from service.context import service
from service.http.auth import principal
from service.http.json_body import read_json
from service.http.query import PageQuery
from service.http.resource import Resource, reply
from steepest.export.model import Model
from steepest.inspect.evaluation.importance import most_rows
from steepest.spec.answers import Evaluation, EvaluationRequest, ListedEvaluation, Page
from steepest.spec.errors import Conflict, FieldProblem, NotFound
from steepest.spec.names import HELD_OUT
from steepest.spec.problems import parse
from steepest.spec.states import MEANING, TERMINAL
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
    limits = service().settings.limits
    wanted = parse(EvaluationRequest, read_json(limits.json_bytes))
    check = None
    if (importance := wanted.permutation_importance) is not None:
        check = partial(_affordable, importance.repeats, limits.importance_rows)
    parameters = wanted.model_dump(mode="json")
    return asked.create(job_id, KIND, wanted.dataset, parameters, answers.evaluation, with_targets=True, check=check)


def _affordable(repeats: int, most: int, network: Model, rows: int) -> list[FieldProblem]:
    """What is wrong with so many shuffles of each column, if they are more work than is allowed."""
    features = len(network.preprocessing.features)
    rows = min(rows, most_rows(network.preprocessing.width))
    if (work := features * repeats * rows) <= most:
        return []
    fitting = most // (features * rows)
    detail = (
        f"{features:,} features times {repeats:,} repeats times {rows:,} rows are {work:,} rows to predict; the limit"
        f" is {most:,}. "
        + (f"{fitting:,} repeats would fit" if fitting else "Not even one would fit: name a smaller data set")
    )
    return [FieldProblem(pointer="/permutation_importance/repeats", detail=detail)]


@resource.operation(
    "GET",
    "/jobs/<id:job_id>/evaluations",
    "listEvaluations",
    scope="read",
    query=PageQuery,
    answer=Page[ListedEvaluation],
)
def list_evaluations(job_id: str, query: PageQuery) -> Response:
    """List evaluations of a job, newest first; that of the held-out rows comes with the job.

    Figures, curves, the confusion matrix and the worst rows are not in the list: look at one evaluation for its result.
    """
    account_id = principal().account_id
    with service().database.read() as session:
        jobs.get(session, account_id, job_id)
        page = computations.page(session, account_id, job_id, KIND, query.limit, query.after, results=False)
    data = [answers.listed_evaluation(row) for row in page.rows]
    return reply(
        Page[ListedEvaluation].model_construct(object="list", data=data, has_more=page.has_more, next=page.next)
    )


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
        job = jobs.get(session, account_id, job_id)
        try:
            row = computations.get(session, account_id, job_id, KIND, evaluation_id)
        except NotFound:
            if evaluation_id != HELD_OUT or job.status in TERMINAL:
                raise
            raise Conflict(
                f"the job is {job.status.value} ({MEANING[job.status]}); its test rows are evaluated at its end",
                state=job.status.value,
            ) from None
    return asked.look(answers.evaluation(row), is_terminal=row.status.is_terminal)


@resource.operation(
    "DELETE", "/jobs/<id:job_id>/evaluations/<evaluation:evaluation_id>", "deleteEvaluation", scope="write", status=204
)
def delete_evaluation(job_id: str, evaluation_id: str) -> Response:
    """Delete an evaluation that was asked for; `held_out` comes with the job and goes with it."""
    return asked.delete(job_id, KIND, evaluation_id)
