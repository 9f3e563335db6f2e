"""Cheap polls: an ETag for what is answered, and 304 to those who have it already."""

import hashlib

from flask import Response, request

from steepest.spec.errors import PreconditionFailed


def conditional(response: Response) -> Response:
    """`response` with an ETag over its body, or 304 when the request names it."""
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return unless_failed(response)


def unless_failed(response: Response) -> Response:
    """`response`, which knows by now whether the request's conditions hold.

    Raises:
        PreconditionFailed: `If-Match` names other content.
    """
    if response.status_code == PreconditionFailed.status:
        response.close()
        raise PreconditionFailed("the content is no longer the one that If-Match names; fetch it anew")
    return response


def not_modified(etag: str) -> Response:
    """304, to those who named `etag`."""
    response = Response(status=304)
    response.set_etag(etag)
    del response.headers["Content-Type"]
    return response
