"""A home's database is copied while it is written to, and comes back as it was."""

import sqlite3
import threading
from pathlib import Path

import pytest

from embedded import backup
from embedded.home import held
from embedded.refusal import Refused
from store import blobs, fsck, migrate
from store.database import Database
from store.models import DEFAULT_ACCOUNT
from store.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home that is in use: its database has stored bytes."""
    made = Settings(home=tmp_path / "home")
    migrate.upgrade(made.database_url)
    store(made, b"first")
    return made


@pytest.fixture
def older(settings: Settings) -> str:
    """The revision before the newest, which the home is at."""
    head = migrate.head()
    migrate.downgrade(settings.database_url, "-1")
    found = migrate.current(settings.database_url)
    assert found not in (None, head)
    return str(found)


def store(settings: Settings, data: bytes) -> None:
    with Database(settings.database_url) as database:
        blobs.write(database, DEFAULT_ACCOUNT, [data])


def hashes(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        return {sha256 for (sha256,) in connection.execute("SELECT sha256 FROM blobs WHERE status = 'complete'")}


def test_a_copy_comes_back_and_what_it_replaces_is_kept(settings: Settings, tmp_path: Path) -> None:
    copy, there = tmp_path / "copy.db", settings.home / "steepest.db"
    assert backup.backup(settings, copy) == copy.stat().st_size
    assert (copy.stat().st_mode & 0o777, len(hashes(copy))) == (0o600, 1)
    store(settings, b"second")
    before = hashes(there)
    replaced = backup.restore(settings, copy)
    assert replaced is not None
    assert (hashes(there), hashes(replaced)) == (hashes(copy), before)
    with Database(settings.database_url) as database:
        assert list(fsck.check(database)) == []
    assert copy.exists()


def test_a_copy_goes_into_a_home_that_is_new(settings: Settings, tmp_path: Path) -> None:
    backup.backup(settings, tmp_path / "copy.db")
    other = Settings(home=tmp_path / "other")
    assert backup.restore(other, tmp_path / "copy.db") is None
    assert hashes(other.home / "steepest.db") == hashes(tmp_path / "copy.db")


def test_a_copy_that_is_made_while_others_write_is_whole(settings: Settings, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            store(settings, b"%d" % number * 500_000)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            backup.backup(settings, tmp_path / f"{number}.db")
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        with Database(f"sqlite:///{tmp_path / f'{number}.db'}") as database:
            assert list(fsck.check(database)) == []


def test_a_damaged_home_can_be_replaced(settings: Settings, tmp_path: Path) -> None:
    backup.backup(settings, tmp_path / "copy.db")
    there = settings.home / "steepest.db"
    there.write_bytes(b"nonsense" * 1_000)
    with pytest.raises(Refused, match=r"steepest\.db"):
        backup.backup(settings, tmp_path / "another.db")
    assert not (tmp_path / "another.db").exists()
    replaced = backup.restore(settings, tmp_path / "copy.db")
    assert replaced is not None
    assert replaced.read_bytes() == b"nonsense" * 1_000
    assert len(hashes(there)) == 1


def test_what_cannot_be_is_refused_and_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    copy, there = tmp_path / "copy.db", settings.home / "steepest.db"
    backup.backup(settings, copy)
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE things (id)")
    (tmp_path / "text.db").write_text("no database")
    with pytest.raises(Refused, match="exists"):
        backup.backup(settings, copy)
    with pytest.raises(Refused, match="nothing has been stored"):
        backup.backup(Settings(home=tmp_path / "nowhere"), tmp_path / "new.db")
    with pytest.raises(Refused, match="no file"):
        backup.restore(settings, tmp_path / "missing.db")
    with pytest.raises(Refused, match="not one of steepest"):
        backup.restore(settings, foreign)
    with pytest.raises(Refused, match="cannot be copied"):
        backup.restore(settings, tmp_path / "text.db")
    with held(settings.home), pytest.raises(Refused, match="in use"):
        backup.restore(settings, copy)
    served = Settings(home=tmp_path / "home", database_url="postgresql://somebody@somewhere/steepest")
    with pytest.raises(Refused, match="pg_dump"):
        backup.backup(served, tmp_path / "new.db")
    assert len(hashes(there)) == 1
    assert sorted(path.name for path in settings.home.iterdir() if path.suffix == ".db") == ["steepest.db"]


def test_a_copy_of_a_later_release_is_refused(settings: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup.backup(settings, copy)
    with sqlite3.connect(copy) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(migrate.SchemaMismatch, match="later release"):
        backup.restore(settings, copy)


def test_a_home_of_an_earlier_release_is_copied_before_it_is_migrated(settings: Settings, older: str) -> None:
    copies = []
    for _ in range(backup.KEPT + 2):
        copy = backup.before_migration(settings)
        assert copy is not None
        assert migrate.current(f"sqlite:///{copy}") == older
        copies.append(copy)
    assert sorted((settings.home / backup.COPIES).glob("*.db")) == copies[-backup.KEPT :]
    migrate.upgrade(settings.database_url)
    assert backup.before_migration(settings) is None


def test_nothing_is_copied_of_a_home_that_is_new_or_a_server_s(tmp_path: Path) -> None:
    assert backup.before_migration(Settings(home=tmp_path)) is None
    assert backup.before_migration(Settings(home=tmp_path, database_url="postgresql://a@b/c")) is None
