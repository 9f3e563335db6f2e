"""Keys are made, shown once, kept as hashes, and revoked."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import select

from steepest.spec.errors import NotFound, SteepestError
from store import keys
from store.database import Database
from store.models import DEFAULT_ACCOUNT, KeyRow


def test_a_key_authenticates_until_it_is_revoked(database: Database) -> None:
    with database.write() as session:
        row, secret = keys.create(session, DEFAULT_ACCOUNT, ["write", "read"], "laptop")
    with database.read() as session:
        principal = keys.authenticate(session, secret)
        assert principal == keys.Principal(DEFAULT_ACCOUNT, row.id, frozenset({"read", "write"}))
        assert keys.authenticate(session, secret + "x") is None
    for _ in range(2):
        with database.write() as session:
            assert keys.revoke(session, DEFAULT_ACCOUNT, row.id).revoked_at is not None
    with database.read() as session:
        assert keys.authenticate(session, secret) is None


def test_the_secret_is_long_random_and_nowhere_in_the_database(database: Database) -> None:
    with database.write() as session:
        _, one = keys.create(session, DEFAULT_ACCOUNT, ["read"], "one")
        _, two = keys.create(session, DEFAULT_ACCOUNT, ["read"], "two")
        rows = session.scalars(select(KeyRow)).all()
    assert one != two
    assert one.startswith("sk_")
    assert len(one) >= 43
    stored = repr([{column.key: getattr(row, column.key) for column in KeyRow.__mapper__.column_attrs} for row in rows])
    assert one.removeprefix("sk_") not in stored


def test_keys_are_listed_newest_first_with_the_revoked_ones(database: Database) -> None:
    with database.write() as session:
        first, _ = keys.create(session, DEFAULT_ACCOUNT, ["read"], "first")
        second, _ = keys.create(session, DEFAULT_ACCOUNT, ["read"], "second")
        keys.revoke(session, DEFAULT_ACCOUNT, first.id)
    with database.read() as session:
        assert [row.id for row in keys.every(session, DEFAULT_ACCOUNT)] == [second.id, first.id]


def test_an_unknown_key_cannot_be_revoked(database: Database) -> None:
    with database.write() as session, pytest.raises(NotFound):
        keys.revoke(session, DEFAULT_ACCOUNT, "key_1")


def test_the_first_key_is_made_once(database: Database) -> None:
    with database.write() as session:
        keys.create(session, DEFAULT_ACCOUNT, ["read"], "no administrator")
        secret = keys.ensure_first_key(session)
        assert secret is not None
    with database.write() as session:
        assert keys.ensure_first_key(session) is None
        principal = keys.authenticate(session, secret)
        assert principal is not None
        assert principal.scopes == {"read", "write", "admin"}


def test_the_home_has_a_key_that_only_its_owner_can_read(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "home" / "key"
    secret = keys.ensure_home_key(database, path)
    assert path.read_text() == secret + "\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [other.name for other in path.parent.iterdir()] == ["key"]
    assert keys.ensure_home_key(database, path) == secret
    with database.read() as session:
        principal = keys.authenticate(session, secret)
        assert principal is not None
        assert principal.scopes == {"read", "write", "admin"}
        assert len(keys.every(session, DEFAULT_ACCOUNT)) == 1


def test_a_key_file_from_elsewhere_is_taken_over_or_refused_in_one_line(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk_" + "a" * 43)  # the database is new, the file is not
    assert keys.ensure_home_key(database, path) == "sk_" + "a" * 43
    with database.write() as session:
        keys.revoke(session, DEFAULT_ACCOUNT, keys.every(session, DEFAULT_ACCOUNT)[0].id)
    with pytest.raises(SteepestError, match="revoked"):
        keys.ensure_home_key(database, path)
    path.write_text("shopping list")
    with pytest.raises(SteepestError, match="holds no API key"):
        keys.ensure_home_key(database, path)
