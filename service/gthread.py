"""gunicorn's threaded worker and logger, fitted to this service.

A stop lets long polls answer at once instead of after half a minute, and a request that is not even HTTP is answered
with a problem document like every other error.
"""

import socket
from types import FrameType
from typing import Any

from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from service.context import KEY
from service.http.problems import MIMETYPE
from steepest.spec.errors import InvalidRequest
from store import logs


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A process of the API."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop: finish what has begun, and let those who wait for a change go."""
        super().handle_exit(sig, frame)
        app = getattr(self, "wsgi", None)
        if app is not None:
            app.extensions[KEY].watcher.close()

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """Answer bytes that are not a request with 400 in the shape of every error."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        self.log.warning("not HTTP: %s", exc)
        problem = InvalidRequest(f"the request is not HTTP that this server reads: {exc}").problem()
        body = problem.model_dump_json(exclude_none=True).encode()
        head = (
            "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n"
            f"Content-Type: {MIMETYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        try:
            util.write_nonblock(client, head.encode() + body)
        except OSError:
            self.log.debug("the client is gone")


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own messages, through the one log of the process; requests are logged by the app."""

    def setup(self, cfg: Config) -> None:
        """Write nothing by itself: the root logger does."""
        logs.configure()
        self.cfg = cfg
        self.error_log.propagate = True
        self.error_log.setLevel("INFO")
