"""A fresh, migrated database for every test that asks for one: SQLite, or PostgreSQL where a server is named.

`STEEPEST_TEST_DATABASE_URL` names a PostgreSQL server on which the user may create databases; unset, each test has a
SQLite file of its own. Either is copied from a template that was migrated once.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, create_engine, text

from store import migrate
from store.database import Database, parse_url

# No test judges how long something takes: a machine with other work to do is no bug.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

SERVER = os.environ.get("STEEPEST_TEST_DATABASE_URL", "")


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty database of the current schema, to which nothing is connected."""
    if not SERVER:
        url = f"sqlite:///{tmp_path_factory.mktemp('template') / 'steepest.db'}"
        migrate.upgrade(url)
        yield url
        return
    name = f"steepest_template_{secrets.token_hex(4)}"
    with _server() as server:
        _run(server, f'CREATE DATABASE "{name}"')
        migrate.upgrade(_url(name))
        yield _url(name)
        _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(_template: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh database."""
    with copied(_template, tmp_path) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database that the tests of a module share."""
    with copied(_template, tmp_path_factory.mktemp("database")) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh database."""
    with Database(database_url) as opened:
        yield opened


@contextmanager
def copied(template: str, folder: Path) -> Iterator[str]:
    """The URL of a copy of the template: a file in `folder`, or a database on the server until the end."""
    if not SERVER:
        copy = folder / "steepest.db"
        shutil.copy(template.removeprefix("sqlite:///"), copy)
        yield f"sqlite:///{copy}"
        return
    name = f"steepest_test_{secrets.token_hex(8)}"
    with _server() as server:
        _run(server, f'CREATE DATABASE "{name}" TEMPLATE "{parse_url(template).database}"')
        yield _url(name)
        _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _server() -> Iterator[Engine]:
    engine = create_engine(parse_url(SERVER), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def _run(server: Engine, statement: str) -> None:
    with server.connect() as connection:
        connection.execute(text(statement))


def _url(name: str) -> str:
    return parse_url(SERVER).set(database=name).render_as_string(hide_password=False)
