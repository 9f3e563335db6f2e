"""Cheap polls: an ETag for what is answered, and 304 to those who have it already."""

import hashlib

from flask import Response, request


def conditional(response: Response) -> Response:
    """`response` with an ETag over its body, or 304 when the request names it."""
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response


def not_modified(etag: str) -> Response:
    """304, to those who named `etag`."""
    response = Response(status=304)
    response.set_etag(etag)
    del response.headers["Content-Type"]
    return response
