"""The two real stacks: the embedded one under its supervisor; services on PostgreSQL and Redis, kept alive here."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import ClassVar
from urllib.request import ProxyHandler, build_opener

import psycopg

from store import migrate
from store.database import Database
from store.keys import ensure_home_key
from tests.faults.clock import Clock
from tests.faults.proxy import Proxy
from tests.integration.embedded.processes import Process, Up, descendants, eventually, left_of, table
from tests.services import Program, free_port, postgresql_program, redis_program

CHECKOUT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 3.0
DISK = "512m"
READY_SECONDS = 90.0


class Stack:
    """What both have: an address, a key, the database to look into, and processes by their part."""

    parts: ClassVar[Mapping[str, tuple[str, ...]]]
    """Words in the command of each part's main process."""

    def __init__(self, home: Path, disk: Path | None, clock: Clock) -> None:
        self.home, self.disk, self.clock = home, disk, clock
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.proxies: dict[str, Proxy] = {}
        self.ever: dict[int, Process] = {}
        """Processes that were seen."""

    @property
    def key(self) -> str:
        """The API key."""
        return (self.home / "key").read_text().strip()

    @property
    def database_url(self) -> str:
        """Where the driver looks into the database, past any proxy."""
        raise NotImplementedError

    def mains(self, part: str) -> list[int]:
        """The main processes of a part."""
        raise NotImplementedError

    def kill_supervisor(self) -> None:
        """SIGKILL whoever keeps the parts alive; a new one is started."""
        raise NotImplementedError

    def below(self, root: int) -> list[int]:
        """The children of a main process, itself not included."""
        found = descendants(root)
        self.ever |= found
        return list(found)

    def ready(self) -> None:
        """Wait until `/readyz` says so."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError):
                build_opener(ProxyHandler({})).open(f"{self.url}/readyz", timeout=2).close()
                return
            time.sleep(0.1)
        raise AssertionError(f"not ready after {READY_SECONDS:g} s; look at {self.home}/logs")

    def environment(self) -> dict[str, str]:
        """What every process of the stack gets."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("STEEPEST_")}
        path = os.pathsep.join(filter(None, (str(CHECKOUT), own.get("PYTHONPATH"))))
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        return own | {
            **self.clock.environment,
            "PYTHONPATH": path,
            "STEEPEST_HOME": str(self.home),
            "STEEPEST_PORT": str(self.port),
            "STEEPEST_LEASE_SECONDS": str(LEASE_SECONDS),
            "STEEPEST_SLOTS": "2",
        }


class Embedded(Stack):
    """`python -m embedded up`, started again when it was killed."""

    parts: ClassVar = {
        "broker": ("-server", "unixsocket"),
        "api": ("gunicorn",),
        "worker": ("celery", "--queues cpu"),
        "reconciler": ("store.reconciler",),
    }

    def __init__(self, home: Path, disk: Path | None, clock: Clock) -> None:
        super().__init__(home, disk, clock)
        self._starts = 0
        self.up = self._start()

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.home / 'steepest.db'}"

    def mains(self, part: str) -> list[int]:
        found = self.up.child(*self.parts[part])
        return [] if found is None else [found]

    def kill_supervisor(self) -> None:
        below = self.up.below()
        self.ever |= below
        self.up.process.kill()
        self.up.process.wait()
        eventually(lambda: not left_of(below), "every process of the killed supervisor to end")
        self.up = self._start()

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        self.ever |= self.up.below()
        self.up.stop()

    def _start(self) -> Up:
        self._starts += 1
        settings = self.environment()
        return Up(self.home, self.home.parent / f"up-{self._starts}.log", **settings)


class Services(Stack):
    """API, two workers, reconciler, PostgreSQL and Redis as processes of their own, each started again when it dies."""

    parts: ClassVar = {
        "broker": ("broker",),
        "database": ("database",),
        "api": ("api",),
        "worker": ("worker-1", "worker-2"),
        "reconciler": ("reconciler",),
    }

    def __init__(
        self, home: Path, disk: Path | None, clock: Clock, database: Program, broker: Program, proxies: dict[str, Proxy]
    ) -> None:
        super().__init__(home, disk, clock)
        self.proxies = proxies
        self._database = database
        home.mkdir(mode=0o700, exist_ok=True)
        self._logs = home.parent / "logs"
        self._logs.mkdir(exist_ok=True)
        self._commands = self._all_commands(database, broker)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        for name in ("database", "broker"):
            self._start(name)
        eventually(self._database_answers, "PostgreSQL to answer")
        migrate.upgrade(self.database_url)
        with Database(self.database_url) as opened:
            ensure_home_key(opened, home / "key")
        for name in self._commands:
            if name not in self._running:
                self._start(name)
        self._keeper.start()

    @property
    def database_url(self) -> str:
        return f"{self._database.url}/postgres"

    def mains(self, part: str) -> list[int]:
        found = (self._running[name] for name in self.parts[part])
        return [process.pid for process in found if process.poll() is None]

    def kill_supervisor(self) -> None:
        raise AssertionError("there is no supervisor here")

    def stop(self) -> None:
        """End all, those who need others first."""
        self._ended.set()
        self._keeper.join()
        for name in reversed(self._commands):
            process = self._running[name]
            self.ever |= descendants(process.pid)
            process.send_signal(signal.SIGINT if name == "database" else signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(15)
            _clear(process)

    def _keep(self) -> None:
        while not self._ended.wait(0.05):
            for name, process in self._running.items():
                if process.poll() is not None:
                    _clear(process)  # as a container would: nothing outlives its main process
                    self._start(name)
                    if name == "database":
                        time.sleep(0.1)  # what is left of the last one may still be in the way

    def _start(self, name: str) -> None:
        command, environ, user = self._commands[name]
        folder = self._database.folder if name == "database" else CHECKOUT
        with (self._logs / f"{name}.log").open("ab") as output:
            self._running[name] = subprocess.Popen(
                command,
                env=environ,
                cwd=folder,
                user=user,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _all_commands(
        self, database: Program, broker: Program
    ) -> dict[str, tuple[list[str], dict[str, str], str | None]]:
        plain = dict(os.environ)
        ours = self.environment() | {
            "STEEPEST_DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.proxies['database'].port}/postgres",
            "STEEPEST_BROKER_URL": f"redis://127.0.0.1:{self.proxies['broker'].port}/0",
            **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"),
        }
        python = (sys.executable, "-m")
        commands = {
            "api": [*python, "gunicorn", "--config", "python:service.gunicorn", "--workers", "2", "service.wsgi:app"],
            "reconciler": [*python, "store.reconciler"],
        }
        for name, queue in (
            ("worker-1", "cpu"),
            ("worker-2", "cpu"),
            ("short", "short"),
            ("computations", "computations"),
        ):
            options = ("--queues", queue, "--concurrency", "1", "--hostname", f"{name}@faults")
            commands[name] = [
                *python,
                "celery",
                "-A",
                "worker",
                "worker",
                *options,
                "--without-mingle",
                "--without-gossip",
            ]
        return {
            "database": (database.command, plain, database.user),
            "broker": (broker.command, plain, broker.user),
            **{name: (command, ours, None) for name, command in commands.items()},
        }

    def _database_answers(self) -> bool:
        with suppress(psycopg.Error), psycopg.connect(self.database_url, connect_timeout=2):
            return True
        return False


def _clear(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A disk of limited size mounted at `folder`, where this user may mount; else None, and the folder is ordinary."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Embedded | Services]:
    """A stack in a home below `folder`: `sqlite` or `postgres`; afterwards none of its processes is left."""
    with ExitStack() as held:
        disk = held.enter_context(small_disk(folder / "disk"))
        home, clock = folder / "disk" / "home", Clock(folder)
        if kind == "sqlite":
            stack: Embedded | Services = Embedded(home, disk, clock)
        else:
            database = held.enter_context(postgresql_program())
            broker = held.enter_context(redis_program(append_only="yes"))
            proxies = {
                name: held.enter_context(Proxy(int(program.url.rpartition(":")[2])))
                for name, program in (("database", database), ("broker", broker))
            }
            stack = Services(home, disk, clock, database, broker, proxies)
        try:
            yield stack
        finally:
            stack.stop()


def left_behind(stack: Stack) -> list[Process]:
    """Processes of a stopped stack that still run."""
    here = str(stack.home)
    return [*left_of(stack.ever), *(each for each in table().values() if here in each.command)]
