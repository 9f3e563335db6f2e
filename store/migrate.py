"""Bring a database to the schema of this release, and tell whether it is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import make_url

from steepest.spec.errors import SteepestError
from store.database import Database

_MIGRATIONS: Final = Path(__file__).resolve().parent.parent / "migrations"


class SchemaMismatch(SteepestError):
    """The database was made by another release."""

    code, title = "schema_mismatch", "The database is of another release"


def upgrade(url: str, revision: str = "head") -> str | None:
    """Apply what is missing; the revision that was there before, None when there was nothing.

    Safe to call by several processes at once: one does it, the others wait and find it done.

    Raises:
        SchemaMismatch: the database is of a later release.
        Unavailable: it does not answer.
    """
    _make_room(url)
    before = current(url)
    refuse_later(before)
    _run(url, command.upgrade, revision)
    return before


def downgrade(url: str, revision: str) -> None:
    """Take migrations back, down to `revision` or `base`."""
    _run(url, command.downgrade, revision)


def current(url: str) -> str | None:
    """The database's revision; None when it is empty."""
    with Database(url) as database, database.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision()


def head() -> str:
    """The revision of this release."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    if revision is None:
        raise AssertionError("there is at least one migration")
    return revision


def check(url: str) -> None:
    """Make sure that the schema is this release's.

    Raises:
        SchemaMismatch: it is not; the detail says what to do.
    """
    found = current(url)
    refuse_later(found)
    if found != head():
        raise SchemaMismatch("the database's schema is older than this release; run: python -m store.admin migrate")


def config() -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    made.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return made


def _run(url: str, step: Callable[[Config, str], None], revision: str) -> None:
    with Database(url) as database, database.exclusive() as connection:
        alembic = config()
        alembic.attributes["connection"] = connection
        step(alembic, revision)


def refuse_later(found: str | None) -> None:
    """Make sure that a revision is one that this release knows.

    Raises:
        SchemaMismatch: a later release made it.
    """
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaMismatch("the database was made by a later release of steepest; use that release or a later one")


def _make_room(url: str) -> None:
    """The folder of a SQLite file: a home that nobody has used yet has none."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite" and parts.database:
        Path(parts.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
