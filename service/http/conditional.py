"""Cheap polls: an ETag over what is answered, and 304 to those who have it already."""

import hashlib

from flask import Response, request


def tagged(response: Response) -> Response:
    """`response` with an ETag over its body."""
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:32])
    return response


def is_known(response: Response) -> bool:
    """Whether the request names the ETag of `response`."""
    return request.if_none_match.contains(response.get_etag()[0] or "")


def conditional(response: Response) -> Response:
    """`response` with an ETag, or 304 when the request names it."""
    tagged(response).make_conditional(request)
    return response
