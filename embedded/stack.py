"""The parts of the stack: their commands, the order in which they start, and the order in which they stop."""

import os
import shutil
import socket
import sys
from collections.abc import Mapping

from embedded import broker
from embedded.child import Child, Command
from store.settings import Settings

NUMERIC_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
TEMPORARY = "tmp"
API_GRACE, WORKER_GRACE, RECONCILER_GRACE = 5.0, 6.0, 1.5  # with the broker's: below the 15 s that all of it has


class Stack:
    """Every process of one machine. `broker` is None when the settings name one that runs elsewhere."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], listener: socket.socket) -> None:
        self.settings = settings
        self.logs = settings.home / "logs"
        self.logs.mkdir(mode=0o700, exist_ok=True)
        shutil.rmtree(settings.home / TEMPORARY, ignore_errors=True)  # a killed process could not tidy up
        (settings.home / TEMPORARY).mkdir(mode=0o700)
        environment = _environment(settings, environ, listener)
        python = (sys.executable, "-m")
        self.broker = self._broker(environ)
        self.api = self._child(
            Command(
                "api",
                (
                    *(*python, "gunicorn", "--config", "python:embedded.gunicorn"),
                    *("--bind", f"fd://{listener.fileno()}", "service.wsgi:app"),
                ),
                environment,
                API_GRACE,
                inherits=(listener.fileno(),),
            )
        )
        self.workers = [
            self._worker("cpu", settings.slots, max(1, (os.cpu_count() or 1) // settings.slots), environment),
            # Of their own, so that reading a data set never waits for a training or a computation, nor a computation
            # for a training.
            self._worker("short", 1, 1, environment),
            self._worker("computations", 1, 1, environment),
        ]
        self.reconciler = self._child(
            Command("reconciler", (*python, "store.reconciler"), environment, RECONCILER_GRACE)
        )

    @property
    def stages(self) -> list[list[Child]]:
        """The order in which everything stops: nobody is left without what it needs to end well."""
        return [[self.api], self.workers, [self.reconciler], [self.broker] if self.broker else []]

    def _broker(self, environ: Mapping[str, str]) -> Child | None:
        if environ.get("STEEPEST_BROKER_URL", "").strip():
            return None
        if self.settings.broker_socket.parent != self.settings.home:
            broker.make_socket_folder(self.settings.broker_socket)
        command = broker.broker_command(
            broker.server_program(), self.settings.home / "broker", self.settings.broker_socket
        )
        return self._child(command)

    def _worker(self, queue: str, slots: int, threads: int, environment: Mapping[str, str]) -> Child:
        return self._child(
            Command(
                f"worker-{queue}",
                (
                    *(sys.executable, "-m", "celery", "-A", "worker", "worker", "--queues", queue),
                    *("--concurrency", str(slots), "--hostname", f"{queue}@%h", "--loglevel", "INFO"),
                    *("--without-mingle", "--without-gossip"),  # workers have nothing to tell each other
                ),
                {**environment, **dict.fromkeys(NUMERIC_THREADS, str(threads))},
                WORKER_GRACE,
            )
        )

    def _child(self, command: Command) -> Child:
        return Child(command, self.logs)


def _environment(settings: Settings, environ: Mapping[str, str], listener: socket.socket) -> Mapping[str, str]:
    """What the processes read their settings from: the user's environment, with the parts that were decided here."""
    return {
        **environ,
        "STEEPEST_HOME": str(settings.home),
        "STEEPEST_PORT": str(listener.getsockname()[1]),
        "STEEPEST_BROKER_URL": settings.broker_url,
        "STEEPEST_DATABASE_URL": settings.database_url,
        "TMPDIR": str(settings.home / TEMPORARY),
        "PYTHONUNBUFFERED": "1",
    }
