"""Idempotency keys: the same create, sent again, is answered again and not done again.

`reserve` in a transaction of its own, do the work, and `answer` in the transaction that creates the thing: either both
are true afterwards or neither. `abandon` when the work failed, so that the client may try again at once; a reservation
whose process died ends by itself.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from steepest.spec.errors import Conflict, ValidationFailed
from store.database import now
from store.models import IdempotencyRow

RESERVED: Final = timedelta(seconds=60)
"""How long a reservation holds without being renewed."""

KEPT: Final = timedelta(hours=24)
"""How long an answer can be had again."""


@dataclass(frozen=True)
class Reservation:
    """The right to answer for a key."""

    account_id: str
    key: str
    token: str


@dataclass(frozen=True)
class StoredAnswer:
    """What was answered the first time."""

    status: int
    headers: Mapping[str, str]
    body: str
    fingerprint: str

    def check(self, fingerprint: str) -> None:
        """Refuse a request that is another one under the same key.

        Raises:
            ValidationFailed: the fingerprints differ.
        """
        if fingerprint != self.fingerprint:
            raise _another_body()


def reserve(session: Session, account_id: str, key: str, fingerprint: str | None) -> Reservation | StoredAnswer:
    """Begin to answer for a key, or learn what was answered.

    Args:
        session: A write transaction; the reservation counts once it is committed.
        account_id: Keys of different accounts have nothing to do with each other.
        key: As the client sent it.
        fingerprint: A hash of the request; None where the body is still to be read: then compare with
            `StoredAnswer.check` once it is known.

    Raises:
        Conflict: the first request of this key is still being answered.
        ValidationFailed: the key was used for another request.
    """
    moment = now(session)
    token = secrets.token_hex(16)
    if _insert(session, account_id, key, token, fingerprint, moment) or _take_over(
        session, account_id, key, token, fingerprint, moment
    ):
        return Reservation(account_id, key, token)
    row = session.get(IdempotencyRow, (account_id, key), populate_existing=True)
    if row is not None and None not in (fingerprint, row.fingerprint) and row.fingerprint != fingerprint:
        raise _another_body()
    if row is None or row.status is None or row.fingerprint is None:  # None: it was abandoned in this moment
        raise Conflict("The first request with this Idempotency-Key is still being answered; ask again in a moment.")
    return StoredAnswer(row.status, row.headers or {}, row.body or "", row.fingerprint)


def renew(session: Session, reservation: Reservation) -> None:
    """Keep a reservation during long work, such as an upload.

    Raises:
        Conflict: it ended, and another request has the key.
    """
    _update(session, reservation, {"reserved_until": now(session) + RESERVED})


def answer(
    session: Session,
    reservation: Reservation,
    *,
    fingerprint: str,
    status: int,
    headers: Mapping[str, str],
    body: str,
) -> None:
    """Store the answer, in the transaction that creates what it tells of.

    Raises:
        Conflict: the reservation ended, and another request has the key; this transaction must not be committed.
    """
    told = {"status": status, "headers": dict(headers), "body": body, "fingerprint": fingerprint}
    _update(session, reservation, {**told, "reserved_until": None})


def abandon(session: Session, reservation: Reservation) -> None:
    """Give a key free whose work failed."""
    session.execute(delete(IdempotencyRow).where(_held(reservation)).execution_options(synchronize_session=False))


def sweep(session: Session) -> None:
    """Forget old answers. The reconciler's part."""
    old = IdempotencyRow.created_at < now(session) - KEPT
    session.execute(delete(IdempotencyRow).where(old).execution_options(synchronize_session=False))


def _insert(session: Session, account_id: str, key: str, token: str, fingerprint: str | None, moment: datetime) -> bool:
    values = {"account_id": account_id, "key": key, "token": token, "fingerprint": fingerprint}
    try:
        with session.begin_nested():
            session.execute(
                insert(IdempotencyRow).values(created_at=moment, reserved_until=moment + RESERVED, **values)
            )
    except IntegrityError:
        return False
    return True


def _take_over(
    session: Session, account_id: str, key: str, token: str, fingerprint: str | None, moment: datetime
) -> bool:
    """Take a key whose reservation ran out, or whose answer is too old to count."""
    expired = (IdempotencyRow.reserved_until <= moment) | (IdempotencyRow.created_at < moment - KEPT)
    statement = (
        update(IdempotencyRow)
        .where(IdempotencyRow.account_id == account_id, IdempotencyRow.key == key, expired)
        .values(
            token=token,
            fingerprint=fingerprint,
            status=None,
            headers=None,
            body=None,
            created_at=moment,
            reserved_until=moment + RESERVED,
        )
        .returning(IdempotencyRow.key)
        .execution_options(synchronize_session=False)
    )
    return session.scalars(statement).one_or_none() is not None


def _update(session: Session, reservation: Reservation, values: Mapping[str, Any]) -> None:
    statement = update(IdempotencyRow).where(_held(reservation)).values(dict(values)).returning(IdempotencyRow.key)
    if session.scalars(statement.execution_options(synchronize_session=False)).one_or_none() is None:
        raise Conflict("Another request with this Idempotency-Key took over; ask again for its answer.")


def _held(reservation: Reservation) -> ColumnElement[bool]:
    return and_(
        IdempotencyRow.account_id == reservation.account_id,
        IdempotencyRow.key == reservation.key,
        IdempotencyRow.token == reservation.token,
        IdempotencyRow.status.is_(None),
    )


def _another_body() -> ValidationFailed:
    return ValidationFailed("This Idempotency-Key was used for another request; use a new key for a new request.")
