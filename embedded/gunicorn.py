"""How gunicorn runs the API on one machine: as `service.gunicorn` says, and gone when the supervisor is.

`gunicorn --config python:embedded.gunicorn --bind fd://N service.wsgi:app`
"""

from typing import Any

from embedded.guard import die_with_parent
from service.gunicorn import *  # noqa: F403  gunicorn reads its settings from this module's names

graceful_timeout = 4
"""Seconds that running requests have at the end: the whole stack has to be down within 15."""


def post_fork(_server: Any, _worker: Any) -> None:
    """A worker that outlived a killed main process would keep the port."""
    die_with_parent()
