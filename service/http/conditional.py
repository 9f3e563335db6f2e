"""Cheap polls: an ETag over what is answered, and 304 to those who have it already."""

import hashlib

from flask import Response, request


def conditional(response: Response) -> Response:
    """`response` with an ETag over its body, or 304 when the request names that ETag."""
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    response.make_conditional(request)
    return response
