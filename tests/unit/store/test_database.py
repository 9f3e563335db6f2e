"""Transactions, clocks, forks, outages; and what the database itself refuses."""

import os
import sqlite3
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from steepest.spec.errors import SteepestError, Unavailable
from store import blobs, orphans
from store import database as module
from store.database import Database, now, parse_url
from store.models import DEFAULT_ACCOUNT, AccountRow, BlobRow
from tests.unit.store.world import World

OTHER = "acc_00000000000070008000000000000002"


def add_account(database: Database, account_id: str) -> None:
    with database.write() as session:
        session.add(AccountRow(id=account_id, name="other", created_at=now(session)))


def test_a_write_is_committed_at_its_end_and_taken_back_by_an_exception(database: Database) -> None:
    add_account(database, OTHER)
    with pytest.raises(IntegrityError):
        add_account(database, OTHER)
    with database.read() as session:
        assert session.get(AccountRow, OTHER) is not None


def test_writers_wait_for_each_other(database: Database) -> None:
    def count_up() -> None:
        for _ in range(20):
            with database.write() as session:
                account = session.get_one(AccountRow, DEFAULT_ACCOUNT, with_for_update=True)
                account.name = str(int(account.name) + 1)

    with database.write() as session:
        session.get_one(AccountRow, DEFAULT_ACCOUNT).name = "0"
    threads = [threading.Thread(target=count_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(AccountRow, DEFAULT_ACCOUNT).name == "80"


def test_a_reader_sees_nothing_that_is_not_committed(database: Database) -> None:
    with database.write() as writer:
        writer.get_one(AccountRow, DEFAULT_ACCOUNT).name = "changed"
        writer.flush()
        with database.read() as reader:
            assert reader.get_one(AccountRow, DEFAULT_ACCOUNT).name == "default"


def test_the_clock_is_the_databases_or_the_one_that_is_given(database_url: str) -> None:
    with Database(database_url) as database, database.read() as session:
        assert abs(now(session) - datetime.now(UTC)) < timedelta(minutes=1)
    then = datetime(2001, 1, 1, tzinfo=UTC)
    with Database(database_url, clock=lambda: then) as database, database.read() as session:
        assert now(session) == then


def test_times_come_back_in_utc_and_naive_ones_are_refused(database: Database) -> None:
    east = datetime(2026, 3, 1, 1, 30, 0, 123456, tzinfo=datetime.strptime("+0200", "%z").tzinfo)
    with database.write() as session:
        session.add(AccountRow(id=OTHER, name="", created_at=east))
    with database.read() as session:
        found = session.get_one(AccountRow, OTHER).created_at
    assert (found, found.tzinfo) == (east, UTC)
    with database.write() as session, pytest.raises(Exception, match="without a zone"):
        session.execute(update(AccountRow), {"created_at": datetime(2026, 1, 1)})  # noqa: DTZ001 (the mistake)


def test_sqlite_is_set_up_to_keep_what_it_promised(database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("SQLite's settings")
    wanted = {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 15000,
        "auto_vacuum": 2,
        "foreign_keys": 1,
        "journal_size_limit": 67108864,
    }
    with database.read() as session:
        assert {name: session.scalars(text(f"PRAGMA {name}")).one() for name in wanted} == wanted


def test_without_the_newer_sqlite_pythons_own_is_used_and_an_old_one_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pysqlite3", None)
    for version, warns in (((3, 40, 1), True), ((3, 51, 3), False)):
        monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
        module.sqlite_module.cache_clear()
        assert module.sqlite_module() is sqlite3
        assert ("sqlite_is_old" in capsys.readouterr().out) is warns
    module.sqlite_module.cache_clear()


def test_a_database_that_is_away_is_unavailable_and_no_secret_is_told(tmp_path: Path) -> None:
    for url in ("postgresql://user:secret@127.0.0.1:1/none", f"sqlite:///{tmp_path}/none/none.db"):
        with Database(url) as database:
            with pytest.raises(Unavailable) as error:
                database.ping()
            assert "secret" not in error.value.detail + repr(database)


def test_a_database_that_is_busy_for_too_long_is_unavailable(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05 if database.is_sqlite else 1)
    with Database(database_url) as hasty, database.write() as holder:
        holder.get_one(AccountRow, DEFAULT_ACCOUNT, with_for_update=True).name = "held"
        holder.flush()
        with pytest.raises(Unavailable), hasty.write() as session:
            session.get_one(AccountRow, DEFAULT_ACCOUNT, with_for_update=True)


def test_what_goes_wrong_is_told_without_the_values(database: Database) -> None:
    """Errors end in logs, and rows hold what users call their own."""
    statement = text("SELECT * FROM there_is_none WHERE name = :name")
    with pytest.raises((OperationalError, ProgrammingError)) as raised, database.read() as session:
        session.execute(statement, {"name": "a patient"})
    assert "a patient" not in str(raised.value)


def test_space_of_deleted_rows_goes_back_to_the_file_system_a_little_at_a_time(database: Database) -> None:
    if not database.is_sqlite:
        pytest.skip("PostgreSQL sees to that itself")

    def pages(pragma: str) -> int:
        with database.read() as session:
            return int(session.execute(text(f"PRAGMA {pragma}")).scalar_one())

    blob = blobs.write(database, DEFAULT_ACCOUNT, [bytes(2 * blobs.CHUNK)])
    with database.write() as session:
        assert orphans.mark(session, BlobRow.id == blob.id) == 1
    orphans.remove(database)
    before, free = pages("page_count"), pages("freelist_count")
    assert free > 500
    database.give_back_space(pages=500)
    assert (pages("page_count"), pages("freelist_count")) == (before - 500, free - 500)
    database.give_back_space(pages=free)
    assert pages("freelist_count") == 0


def test_a_missing_table_is_no_outage(database: Database) -> None:
    with pytest.raises((OperationalError, ProgrammingError)), database.read() as session:
        session.execute(text("SELECT * FROM there_is_none"))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("postgres://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("postgresql://h/d", "postgresql+psycopg://h/d"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg://h/d"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)
def test_urls_name_the_driver(given: str, used: str) -> None:
    assert parse_url(given).render_as_string(hide_password=False) == used


@pytest.mark.parametrize("url", ["mysql://root:secret@h/d", "secret", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_in_one_line(url: str) -> None:
    with pytest.raises(SteepestError) as error:
        parse_url(url)
    assert "secret" not in error.value.detail


IMPOSSIBLE = [
    "UPDATE jobs SET status = 'dancing'",
    "UPDATE jobs SET lease_until = NULL",
    "UPDATE jobs SET worker = NULL",
    "UPDATE jobs SET status = 'queued'",
    "UPDATE jobs SET attempt = 0",
    "UPDATE jobs SET attempt = -1",
    "UPDATE jobs SET status = 'succeeded', lease_until = NULL, worker = NULL, finished_at = created_at",
    "UPDATE jobs SET status = 'failed', lease_until = NULL, worker = NULL, finished_at = created_at",
    "UPDATE jobs SET finished_at = created_at",
    "UPDATE jobs SET reached_before = reached + 1",
    "UPDATE jobs SET announce_at = created_at",
    "UPDATE jobs SET error = '{}'",
    "UPDATE jobs SET status = 'paused'",
    "UPDATE jobs SET status = 'queued', lease_until = NULL, worker = NULL",
    "UPDATE jobs SET status = 'cancelled', lease_until = NULL, worker = NULL",
    "UPDATE jobs SET failures = -1",
    "UPDATE jobs SET epoch = -1",
    "UPDATE jobs SET step = -1",
    "UPDATE jobs SET epochs = 0",
    "UPDATE jobs SET result = '{}'",
    "UPDATE jobs SET account_id = 'acc_nobody'",
    "UPDATE events SET number = 0",
    "UPDATE events SET status = 'dancing'",
    "UPDATE events SET job_id = 'job_nothing'",
    "UPDATE datasets SET columns = NULL",
    "UPDATE datasets SET lease_until = created_at",
    "UPDATE datasets SET blob_id = 'blob_nothing'",
    "UPDATE blobs SET sha256 = NULL",
    "DELETE FROM blobs",
    "UPDATE chunks SET number = -1",
]


@pytest.mark.parametrize("statement", IMPOSSIBLE)
def test_the_database_itself_refuses_an_impossible_row(world: World, statement: str) -> None:
    world.running()
    with pytest.raises(IntegrityError), world.database.write() as session:
        session.execute(text(statement))


def test_processes_share_one_file(database_url: str, database: Database) -> None:
    """A child that was forked while the parent had connections writes, and the parent reads it."""
    database.ping()
    child = os.fork() if not threading.active_count() > 1 else None
    if child is None:
        pytest.skip("other threads are running")
    if child == 0:
        try:
            database.engine.dispose(close=False)  # they are the parent's
            add_account(database, OTHER)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    with database.read() as session:
        assert session.get(AccountRow, OTHER) is not None


def test_to_ask_the_time_writes_nothing(database_url: str) -> None:
    with Database(database_url) as database, database.write() as session:
        half_written = AccountRow(id=OTHER)
        session.add(half_written)
        half_written.created_at = now(session)
        half_written.name = "other"
