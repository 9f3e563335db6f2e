"""A name for each request: taken from the caller or made here, in the answer, in every problem and in the log."""

import re
import time
import uuid
from typing import Final

import structlog
from apiflask import APIFlask
from flask import Response, g, request

HEADER: Final = "X-Request-Id"
ACCEPTED: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

log = structlog.get_logger(__name__)


def install(app: APIFlask) -> None:
    """Name every request of `app` and write one access line for it."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if ACCEPTED.fullmatch(given) else uuid.uuid4().hex
    g.started = time.perf_counter()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    response.headers.setdefault("Cache-Control", "private, no-cache")
    response.headers["X-Content-Type-Options"] = "nosniff"
    line = {
        "request_id": g.request_id,
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "account": getattr(g.get("principal"), "account_id", None),
    }
    started = g.started

    def written() -> None:
        log.info("request", **line, milliseconds=round((time.perf_counter() - started) * 1e3, 1))

    response.call_on_close(written)
    return response
