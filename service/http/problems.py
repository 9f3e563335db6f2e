"""Every error as one problem document (RFC 9457), through one handler."""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import structlog
from apiflask import APIFlask
from flask import Response, g, request
from werkzeug.exceptions import HTTPException

from steepest.spec.errors import (
    Conflict,
    Forbidden,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    RequestTooLarge,
    SteepestError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    ValidationFailed,
)

MIMETYPE: Final = "application/problem+json"
SECONDS_TO_RETRY: Final = 2

STATUSES: Final[tuple[type[SteepestError], ...]] = (
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    PreconditionFailed,
    RequestTooLarge,
    UnsupportedMediaType,
    RangeNotSatisfiable,
    ValidationFailed,
    TooManyRequests,
    InternalError,
    Unavailable,
)
"""One class for each HTTP status that an error may have."""

_DETAILS: Final = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address; /docs lists what there is",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address does not know the method; the Allow header lists those it does",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the body is over the limit; /v1/me lists the limits",
}

log = structlog.get_logger(__name__)


def install(app: APIFlask) -> None:
    """Answer every exception of `app` with a problem document."""
    app.register_error_handler(Exception, answer)


def answer(error: Exception) -> Response:
    """The problem document that stands for `error`; nothing of the inside is told for an unexpected one."""
    known = _known(error)
    problem = known.problem(instance=quote(request.path, safe="/:@"), request_id=g.get("request_id"))
    body = problem.model_dump_json(exclude_none=True)
    response = Response(body, status=known.status, mimetype=MIMETYPE)
    if isinstance(error, HTTPException):
        kept = ("Allow", "Content-Range", "Retry-After")
        response.headers.extend((name, value) for name, value in error.get_headers() if name in kept)
    if isinstance(known, Unauthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="steepest"'
    if "retry_after" in known.extensions:
        response.headers["Retry-After"] = str(known.extensions["retry_after"])
    if known.retryable and known.status in (429, 503):
        response.headers.setdefault("Retry-After", str(SECONDS_TO_RETRY))
    return response


def _known(error: Exception) -> SteepestError:
    if isinstance(error, SteepestError):
        return error
    if isinstance(error, HTTPException):
        return _of_http(error)
    log.error("unexpected_error", exc_info=error)
    return InternalError("an unexpected error; it is in the log under this request_id. The same request may succeed")


def _of_http(error: HTTPException) -> SteepestError:
    """One of werkzeug's errors as one of ours."""
    code = error.code or 500
    kind = next((kind for kind in STATUSES if kind.status == code), InvalidRequest if code < 500 else InternalError)
    detail = _DETAILS.get(HTTPStatus(code)) or error.description or kind.title
    return kind(detail)
