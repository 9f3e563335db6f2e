"""Copies of a home's database: made while it is at work, kept before a migration, and put back.

A copy is a SQLite file and holds everything: data sets, jobs, weights, keys as hashes. The home's own key is a file
beside it; where that is lost, the next start makes another.
"""

import os
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from embedded.home import held
from embedded.refusal import Refused
from store import migrate
from store.database import parse_url, sqlite_module
from store.settings import Settings

COPIES: Final = "backups"
"""The folder of the home for copies that are made without being asked for."""

KEPT: Final = 3
"""So many of those are kept."""

_PAGES: Final = 4096
"""Of the database, that are copied without letting its writers in between."""

_PAUSE: Final = 0.005
"""Seconds for which they are let in."""


def backup(settings: Settings, target: Path) -> int:
    """Copy the home's database to `target`, whole or not at all; its bytes. The service may go on meanwhile.

    Raises:
        Refused: there is no such database, or `target` exists or cannot be written.
    """
    source = _file(settings)
    if not source.exists():
        raise Refused(f"There is no database at {source}: nothing has been stored in this home yet.")
    if target.exists():
        raise Refused(f"{target} exists; name a file that does not.")
    _copy(source, target)
    return target.stat().st_size


def restore(settings: Settings, source: Path) -> Path | None:
    """Put a copy in the place of the home's database; where the one that was there is now, None if there was none.

    Raises:
        Refused: the home is in use, or `source` is no copy that this release can read.
    """
    target = _file(settings)
    if not source.is_file():
        raise Refused(f"There is no file {source}.")
    with held(settings.home):
        aside = target.with_name(f"{target.name}.restored")
        aside.unlink(missing_ok=True)
        _copy(source, aside)
        try:
            revision = migrate.current(f"sqlite:///{aside}")
            migrate.refuse_later(revision)
        except migrate.SchemaMismatch:
            _remove(aside)
            raise
        if revision is None:
            _remove(aside)
            raise Refused(f"{source} is a database, but not one of steepest.")
        replaced = _set_aside(target, settings.home)
        aside.replace(target)
    return replaced


def before_migration(settings: Settings) -> Path | None:
    """Copy a database that an earlier release made, before it is migrated; None where nothing is to be migrated.

    Raises:
        SchemaMismatch: a later release made it.
    """
    if parse_url(settings.database_url).get_backend_name() != "sqlite" or not _file(settings).exists():
        return None
    revision = migrate.current(settings.database_url)
    migrate.refuse_later(revision)
    if revision is None or revision == migrate.head():
        return None
    copy = _place(settings.home, revision)
    _copy(_file(settings), copy)
    for old in sorted(copy.parent.glob("*.db"))[:-KEPT]:
        old.unlink()
    return copy


def _set_aside(target: Path, home: Path) -> Path | None:
    """Move a database that is to be replaced; not copied, for it may be damaged. None if there is none.

    Its log goes with it, or it would be applied to the one that takes its place.
    """
    if not target.exists():
        _remove(target)
        return None
    place = _place(home, "replaced")
    for old, new in zip(_files(target), _files(place), strict=True):
        if old.exists():
            old.replace(new)
    return place


def _place(home: Path, why: str) -> Path:
    folder = home / COPIES
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{why}.db"


def _file(settings: Settings) -> Path:
    url = parse_url(settings.database_url)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise Refused("The database is a server's: copy it with pg_dump, and put it back with pg_restore.")
    return Path(url.database)


def _copy(source: Path, target: Path) -> None:
    """Copy one SQLite file by its online backup, check the copy, and only then give it its name.

    Raises:
        Refused: the source is no sound database, or the target cannot be written.
    """
    sqlite = sqlite_module()
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        aside.unlink(missing_ok=True)
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with (
            closing(sqlite.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite.connect(str(aside))) as copy,
        ):
            original.backup(copy, pages=_PAGES, sleep=_PAUSE)
            _check(copy, source)
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.replace(target)
    except sqlite.Error as problem:
        raise Refused(f"{source} cannot be copied to {target}: {problem}.") from problem
    except OSError as problem:
        raise Refused(f"{target} cannot be written: {problem.strerror}.") from problem
    finally:
        _remove(aside)


def _check(copy: Any, source: Path) -> None:
    (said,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise Refused(f"{source} is damaged ({said}); it was not copied.")
    copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it


def _remove(path: Path) -> None:
    for name in _files(path):
        name.unlink(missing_ok=True)


def _files(path: Path) -> tuple[Path, Path, Path]:
    """A SQLite database with its log and its index, which may be missing."""
    return path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
