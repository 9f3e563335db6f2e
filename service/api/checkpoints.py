"""The weights that a job has saved."""

from flask import Response

from service import answers
from service.context import service
from service.http.auth import principal
from service.http.query import PageQuery
from service.http.resource import Resource, reply
from steepest.spec.answers import Checkpoint, Page
from store import checkpoints, jobs

resource = Resource("checkpoints", __name__, tag="Jobs", url_prefix="/v1")


@resource.operation(
    "GET", "/jobs/<id:job_id>/checkpoints", "listCheckpoints", scope="read", query=PageQuery, answer=Page[Checkpoint]
)
def list_checkpoints(job_id: str, query: PageQuery) -> Response:
    """List the saved weights of a job, oldest first. `/weights?checkpoint=` downloads them."""
    account_id = principal().account_id
    with service().database.read() as session:
        jobs.get(session, account_id, job_id)
        page = checkpoints.page(session, account_id, job_id, query.limit, query.after)
    data = [answers.checkpoint(row) for row in page.rows]
    return reply(Page[Checkpoint](data=data, has_more=page.has_more, next=page.next))
