"""One database, SQLite or PostgreSQL: its engine, its transactions, its clock, and what its silence means."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from types import ModuleType
from typing import Any, Final, Self

import structlog
from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, func, make_url, select, text
from sqlalchemy.orm import Session, sessionmaker

from steepest.spec.errors import InvalidRequest, SteepestError, Unavailable
from store.columns import UtcTime

Clock = Callable[[], datetime]

BUSY_SECONDS: Final = 15
"""How long a writer waits for another one."""

WAL_FIXED: Final = (3, 51, 3)
"""The first SQLite without the WAL-reset bug, by which several writing processes may, rarely, damage a database."""

_SQLITE_ERROR: Final = 1
"""SQLite's code for a statement that it cannot make sense of: a missing table, a syntax error."""

_MIGRATION_LOCK: Final = 0x57EE9E57
_BEGIN: Final = "steepest_begin"
_CLOCK: Final = "steepest_clock"

log = structlog.get_logger(__name__)


class Database:
    """The database at `url`. It opens no connection before it is used.

    Args:
        url: `sqlite:////absolute/path` or `postgresql://user:password@host/name`.
        clock: What the time is; None asks the database's host (PostgreSQL) or this one (SQLite, a file here).
        connections: The most that are open at once.
    """

    def __init__(self, url: str, *, clock: Clock | None = None, connections: int = 20) -> None:
        self.url = parse_url(url)
        self.engine = _engine(self.url, connections)
        self._clock = clock
        # A transaction knows from its first statement whether it will write: a reader that turns writer would be
        # refused by SQLite instead of waiting its turn.
        if self.is_sqlite:
            self._readers = self._sessions(**{_BEGIN: "BEGIN"})
        else:
            self._readers = self._sessions(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._writers = self._sessions()

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)!r})"

    @property
    def is_sqlite(self) -> bool:
        """Whether this is a file on this machine."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one state of the database and changes nothing.

        Raises:
            Unavailable: the database does not answer.
            InvalidRequest: a value is none that the database can compare with.
        """
        with _translated(), self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end of the block and rolled back by an exception. Keep it short.

        Raises:
            Unavailable: the database does not answer, or was busy for too long.
            InvalidRequest: a value is none that the database can hold.
        """
        with _translated(), self._writers.begin() as session:
            yield session

    @contextmanager
    def exclusive(self) -> Iterator[Connection]:
        """A transaction that waits until no other process is in one of these: for migrations.

        Raises:
            Unavailable: the database does not answer.
        """
        with _translated(), self.engine.begin() as connection:
            if not self.is_sqlite:  # on SQLite every writer is alone
                connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            yield connection

    @contextmanager
    def watch(self) -> Iterator[Callable[[], object]]:
        """A cheap question, on a connection of its own, whose answer is another one after every commit of others.

        SQLite counts the commits of other connections; PostgreSQL names the transactions that are under way.

        Raises:
            Unavailable: the database does not answer, now or when it is asked.
        """
        version = text("PRAGMA data_version" if self.is_sqlite else "SELECT pg_current_snapshot()::text")
        with _translated(), self.engine.execution_options(**{_BEGIN: "BEGIN"}).connect() as connection:
            connection.detach()  # it is held for long: not one of the pool's

            def ask() -> object:
                found: object = connection.scalar(version)
                connection.rollback()
                return found

            yield ask

    def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            Unavailable: it gives none.
        """
        with self.read() as session:
            session.execute(select(1))

    def give_back_space(self, pages: int = 4096) -> None:
        """Return up to `pages` of deleted rows to the file system. PostgreSQL sees to that itself."""
        if not self.is_sqlite:
            return
        with _translated(), self.engine.execution_options(**{_BEGIN: "BEGIN"}).connect() as connection:
            free = connection.scalar(text("PRAGMA freelist_count"))
            raw = connection.connection.dbapi_connection
            connection.rollback()
            if raw is not None and free:  # else it would wait for the write lock in vain
                raw.executescript(f"PRAGMA incremental_vacuum({pages})")  # `execute` would free a single page

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sessions(self, **options: Any) -> sessionmaker[Session]:
        engine = self.engine.execution_options(**options)
        return sessionmaker(engine, expire_on_commit=False, autoflush=True, info={_CLOCK: self._clock})


def now(session: Session) -> datetime:
    """The time by the clock that every process of this database shares."""
    clock: Clock | None = session.info.get(_CLOCK)
    if clock is not None:
        return clock()
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    with session.no_autoflush:  # to ask the time writes nothing
        return session.scalars(select(func.clock_timestamp(type_=UtcTime()))).one()


def parse_url(url: str) -> URL:
    """The URL with the driver that is used here; `postgres://` is understood too.

    Raises:
        SteepestError: it names no database that is supported.
    """
    try:
        parsed = make_url(url)
    except exc.ArgumentError:
        raise SteepestError("the database's URL cannot be read") from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise SteepestError(
        "the database's URL must begin with postgresql:// or name a file, as sqlite:////path/file.db does"
    )


def _engine(url: URL, connections: int) -> Engine:
    if url.get_backend_name() == "sqlite":
        module = sqlite_module()
        engine = create_engine(
            url,
            module=module,
            hide_parameters=True,
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
            pool_size=connections,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        url,
        hide_parameters=True,
        connect_args={
            "connect_timeout": 5,
            "application_name": "steepest",
            # A server that died without a word is noticed; a client that hangs does not hold its locks for ever.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            "options": f"-c timezone=UTC -c lock_timeout={BUSY_SECONDS}s -c idle_in_transaction_session_timeout=60s",
        },
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,
    )


@cache
def sqlite_module() -> ModuleType:
    """The SQLite driver: the one that brings a current SQLite, where there is a wheel of it, else Python's own.

    A process that has to use an old one is told so once.
    """
    try:
        from pysqlite3 import dbapi2
    except ImportError:
        if sqlite3.sqlite_version_info < WAL_FIXED:
            log.warning(
                "sqlite_is_old",
                version=sqlite3.sqlite_version,
                detail="this SQLite has a rare bug that can damage a database which several processes write; "
                f"install pysqlite3 or a Python with SQLite {'.'.join(map(str, WAL_FIXED))} or later",
            )
        return sqlite3
    else:
        module: ModuleType = dbapi2
        return module


def _prepare_sqlite(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    # Before WAL and the first table, or it silently stays off; and only then, because it waits for the write lock.
    if not cursor.execute("PRAGMA page_count").fetchone()[0]:
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    cursor.execute("PRAGMA journal_mode=WAL")
    # An answered POST is a promise, also when the power fails.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA journal_size_limit=67108864")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE"))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.DataError as error:
        raise InvalidRequest("A value is too long, or has a character that cannot be stored.") from error
    except (exc.DBAPIError, exc.TimeoutError) as error:
        if not _is_outage(error):
            raise
        log.warning("database_unavailable", reason=because(error))
        raise Unavailable("The database does not answer; the same request may succeed in a moment.") from error


def _is_outage(error: exc.DBAPIError | exc.TimeoutError) -> bool:
    """Whether the database is away, busy or full, rather than asked for nonsense."""
    if isinstance(error, exc.TimeoutError):  # no connection came free
        return True
    if getattr(error.orig, "sqlite_errorcode", None) == _SQLITE_ERROR:
        return False
    return isinstance(error, exc.OperationalError) or error.connection_invalidated


def because(error: BaseException) -> str:
    """What the driver said, in one line, for operators alone."""
    cause = error.__cause__ if isinstance(error, Unavailable) else error
    said = cause.orig if isinstance(cause, exc.DBAPIError) else cause
    return " ".join(str(said).split())[:300]
