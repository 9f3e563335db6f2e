"""`Idempotency-Key`: a create that is sent again, as its answer was lost, gets the first answer and creates nothing."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from flask import Response, request
from sqlalchemy.orm import Session

from service.context import service
from service.http.json_body import JSON
from steepest.spec.errors import Conflict, InvalidRequest
from store import idempotency
from store.idempotency import Reservation, StoredAnswer

HEADER: Final = "Idempotency-Key"
LONGEST_KEY: Final = 255
KEPT_HEADERS: Final = ("Location", "Retry-After")
SECONDS_BETWEEN_RENEWALS: Final = 15.0
SECONDS_TO_RETRY: Final = 1


@dataclass(frozen=True)
class Create:
    """One create: with a key it is done once, without a key as often as it is asked for."""

    reservation: Reservation | None
    stored: StoredAnswer | None
    """What was answered the first time; None when this is the first time."""

    def run(self, fingerprint: str, create: Callable[[Session], Response]) -> Response:
        """Create the thing and store the answer, in one transaction."""
        with service().database.write() as session:
            response = create(session)
            if self.reservation is not None:
                kept = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
                idempotency.answer(
                    session,
                    self.reservation,
                    fingerprint=fingerprint,
                    status=response.status_code,
                    headers=kept,
                    body=response.get_data(as_text=True),
                )
            return response

    def alive(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """`pieces`, while the key stays reserved, however long they take."""
        renewed = time.monotonic()
        for piece in pieces:
            yield piece
            if self.reservation is not None and time.monotonic() - renewed > SECONDS_BETWEEN_RENEWALS:
                renewed = time.monotonic()
                with service().database.write() as session:
                    idempotency.renew(session, self.reservation)


@contextmanager
def idempotent(account_id: str, fingerprint: str | None = None) -> Iterator[Create]:
    """Reserve the request's key, if it has one, for the time of the block; it is free again if the block fails.

    Raises:
        InvalidRequest: the key is malformed.
        Conflict: the first request of the key is still being answered.
        ValidationFailed: the key was used for another request.
    """
    key = _key()
    if key is None:
        yield Create(None, None)
        return
    database = service().database
    with database.write() as session:
        try:
            found = idempotency.reserve(session, account_id, key, fingerprint)
        except Conflict as error:
            raise Conflict(error.detail, retry_after=SECONDS_TO_RETRY) from None
    if isinstance(found, StoredAnswer):
        yield Create(None, found)
        return
    try:
        yield Create(found, None)
    except BaseException:
        with database.write() as session:
            idempotency.abandon(session, found)
        raise


def replay(stored: StoredAnswer) -> Response:
    """The first answer, again."""
    headers = {**stored.headers, "Idempotency-Replayed": "true"}
    return Response(stored.body, status=stored.status, mimetype=JSON, headers=headers)


def fingerprint(*content: str | bytes) -> str:
    """A hash of what makes this request the one it is: its account's view of method, address, query and content."""
    digest = hashlib.sha256()
    query = sorted(request.args.items(multi=True))
    for part in (request.method, request.path, repr(query), *content):
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()


def _key() -> str | None:
    key = request.headers.get(HEADER)
    if key is None:
        return None
    if not 1 <= len(key) <= LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise InvalidRequest(f"the {HEADER} must be 1 to {LONGEST_KEY} printable ASCII characters")
    return key
