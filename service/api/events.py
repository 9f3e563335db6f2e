"""What happened to a job, as pages."""

from flask import Response

from service import answers
from service.context import service
from service.http.auth import principal
from service.http.query import NumberedPageQuery
from service.http.resource import Resource, reply
from steepest.spec.answers import Event, Page
from store import events, jobs

resource = Resource("events", __name__, tag="Jobs", url_prefix="/v1")


@resource.operation(
    "GET", "/jobs/<id:job_id>/events", "listEvents", scope="read", query=NumberedPageQuery, answer=Page[Event]
)
def list_events(job_id: str, query: NumberedPageQuery) -> Response:
    """List what happened to a job, oldest first; numbers have no gaps."""
    account_id = principal().account_id
    with service().database.read() as session:
        jobs.get(session, account_id, job_id)
        page = events.page(session, account_id, job_id, query.limit, query.after)
    data = [answers.event(row) for row in page.rows]
    return reply(Page[Event](data=data, has_more=page.has_more, next=page.next))
