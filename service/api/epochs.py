"""The loss history of a job."""

from flask import Response
from pydantic import Field

from service import answers
from service.context import service
from service.http.auth import principal
from service.http.query import NumberedPageQuery
from service.http.resource import Resource, reply
from steepest.spec.answers import Epoch, Page
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import raised
from store import history, jobs

resource = Resource("epochs", __name__, tag="Jobs", url_prefix="/v1")


class EpochsQuery(NumberedPageQuery):
    """Which epochs: a page, or a sample of all."""

    points: int | None = Field(
        default=None, ge=2, le=10_000, description="At most this many epochs of all so far, evenly spread."
    )


@resource.operation(
    "GET", "/jobs/<id:job_id>/epochs", "listEpochs", scope="read", query=EpochsQuery, answer=Page[Epoch]
)
def list_epochs(job_id: str, query: EpochsQuery) -> Response:
    """Read the loss history, oldest epoch first; with `points` a sample that has the first and the last epoch."""
    account_id = principal().account_id
    if query.points is not None and {"limit", "after"} & query.model_fields_set:
        raise raised([FieldProblem(pointer="/query/points", detail="goes with neither limit nor after")])
    following = None
    with service().database.read() as session:
        job = jobs.get(session, account_id, job_id)
        if query.points is not None:
            rows = history.sample(session, job, query.points)
        else:
            page = history.page(session, account_id, job_id, query.limit, query.after)
            rows, following = page.rows, page.next
    data = [answers.epoch(row, job.resolved_spec.task) for row in rows]
    body = Page[Epoch].model_construct(object="list", data=data, has_more=following is not None, next=following)
    return reply(body, exclude_unset=True)
