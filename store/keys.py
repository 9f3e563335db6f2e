"""API keys: made once, shown once, stored as a hash, scoped, revocable."""

import hashlib
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from steepest.spec.errors import NotFound, SteepestError
from store import ids
from store.database import Database, now
from store.models import DEFAULT_ACCOUNT, KeyRow

Scope = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)

SECRET_PREFIX: Final = "sk_"  # noqa: S105 (lets scanners find leaked keys)

_COLUMNS: Final = KeyRow.__table__.c
_IN_FORCE: Final = select(_COLUMNS.account_id, _COLUMNS.id, _COLUMNS.scopes, _COLUMNS.max_running).where(
    _COLUMNS.digest == bindparam("digest"), _COLUMNS.revoked_at.is_(None)
)
"""Every request asks this, so it is put together once."""


@dataclass(frozen=True)
class Principal:
    """Who is asking, and what they may do."""

    account_id: str
    key_id: str
    scopes: frozenset[str]
    max_running: int | None = None
    """How many of the key's jobs may be at work at once, if it says so itself."""


def create(
    session: Session, account_id: str, scopes: Iterable[Scope], name: str, max_running: int | None = None
) -> tuple[KeyRow, str]:
    """Make a key, of whose jobs `max_running` may be at work at once. The second value is its secret, shown but now."""
    secret = SECRET_PREFIX + secrets.token_urlsafe(32)
    return _store(session, account_id, scopes, name, secret, max_running), secret


def authenticate(session: Session, secret: str) -> Principal | None:
    """Whose key this is; None when it is unknown or revoked."""
    found = session.execute(_IN_FORCE, {"digest": _digest(secret)}).first()
    if found is None:
        return None
    return Principal(found.account_id, found.id, frozenset(found.scopes), found.max_running)


def every(session: Session, account_id: str) -> Sequence[KeyRow]:
    """The account's keys, newest first, revoked ones too."""
    return session.scalars(select(KeyRow).where(KeyRow.account_id == account_id).order_by(KeyRow.id.desc())).all()


def revoke(session: Session, account_id: str, key_id: str) -> KeyRow:
    """End a key's validity; to do so again changes nothing.

    Raises:
        NotFound: the account has no such key.
    """
    owned = (KeyRow.account_id == account_id, KeyRow.id == key_id)
    session.execute(update(KeyRow).where(*owned, KeyRow.revoked_at.is_(None)).values(revoked_at=now(session)))
    row = session.scalars(select(KeyRow).where(*owned).execution_options(populate_existing=True)).first()
    if row is None:
        raise NotFound(f"There is no key {key_id}.")
    return row


def ensure_first_key(session: Session) -> str | None:
    """Make a key of all scopes if the default account has no valid one of scope `admin`; its secret, or None."""
    valid = session.scalars(select(KeyRow).where(KeyRow.account_id == DEFAULT_ACCOUNT, KeyRow.revoked_at.is_(None)))
    if any("admin" in row.scopes for row in valid):
        return None
    return create(session, DEFAULT_ACCOUNT, SCOPES, "first key")[1]


def ensure_home_key(database: Database, path: Path) -> str:
    """The secret in `path`, which only its owner can read; made, with all scopes, where there is none.

    Raises:
        SteepestError: the file holds no key, or one that has been revoked.
    """
    try:
        secret = path.read_text().strip()
    except FileNotFoundError:
        secret = ""
    if not secret:
        secret = _write_secret(path)
    if not secret.startswith(SECRET_PREFIX):
        raise SteepestError(f"{path} holds no API key; move it away to have a new one made")
    with database.write() as session:
        row = session.scalars(select(KeyRow).where(KeyRow.digest == _digest(secret))).first()
        if row is None:
            _store(session, DEFAULT_ACCOUNT, SCOPES, "home", secret)
        elif row.revoked_at is not None:
            raise SteepestError(f"the key in {path} has been revoked; move the file away to have a new one made")
    return secret


def _store(
    session: Session,
    account_id: str,
    scopes: Iterable[Scope],
    name: str,
    secret: str,
    max_running: int | None = None,
) -> KeyRow:
    row = KeyRow(
        id=ids.new_id(ids.KEY),
        account_id=account_id,
        name=name,
        digest=_digest(secret),
        scopes=[scope for scope in SCOPES if scope in set(scopes)],
        max_running=max_running,
        created_at=now(session),
    )
    session.add(row)
    session.flush()
    return row


def _write_secret(path: Path) -> str:
    secret = SECRET_PREFIX + secrets.token_urlsafe(32)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    return secret


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
