"""`python -m embedded up`: serve on this machine until Ctrl-C or SIGTERM."""

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from embedded import address, backup, broker
from embedded.home import held, write_private
from embedded.refusal import Refused
from embedded.signals import Signals
from embedded.stack import Stack
from embedded.supervisor import Supervisor
from store import migrate
from store.database import Database
from store.keys import ensure_home_key
from store.settings import Settings

START_SECONDS = 90.0
TICK = 0.1


def up(environ: Mapping[str, str] = os.environ) -> None:
    """Start the stack, keep it alive, and stop it when asked to.

    Raises:
        Refused: it cannot start.
        SettingsError: a setting is malformed.
    """
    settings = Settings.from_environment(environ)
    with held(settings.home), address.listen(settings.host, settings.port) as listener:
        signals = Signals()
        url = address.base_url(listener)
        stack = Stack(settings, environ, listener)
        supervisor = Supervisor(_say)
        found_at = settings.home / "url"
        found_at.unlink(missing_ok=True)
        try:
            if _started(stack, supervisor, signals, url):
                write_private(found_at, f"{url}\n")
                _say(_welcome(settings, url, stack.logs))
                while not signals.wait(TICK):
                    supervisor.tend()
        finally:
            found_at.unlink(missing_ok=True)
            listener.close()
            asked = signals.stops
            supervisor.stop(stack.stages, hurry=lambda: signals.wait(0) and signals.stops > asked)
            if stack.broker:
                broker.remove_socket(settings.broker_socket, settings.home)
    _say("Stopped.")


def _started(stack: Stack, supervisor: Supervisor, signals: Signals, url: str) -> bool:
    """Bring everything up, in order; False when a signal asked to stop meanwhile."""
    if stack.broker:
        supervisor.start(stack.broker)
    if (copy := backup.before_migration(stack.settings)) is not None:
        _say(f"An earlier release made this home: it is migrated, and {copy} keeps it as it was.")
    migrate.upgrade(stack.settings.database_url)
    with Database(stack.settings.database_url) as database:
        ensure_home_key(database, stack.settings.key_file)
    if stack.broker and not _reached(lambda: broker.what_is_missing(stack.settings.broker_socket), supervisor, signals):
        return False
    for child in (stack.api, *stack.workers, stack.reconciler):
        supervisor.start(child)
    return _reached(lambda: address.what_is_missing(url), supervisor, signals)


def _reached(problem: Callable[[], str | None], supervisor: Supervisor, signals: Signals) -> bool:
    """Tend the children until there is no problem any more; False when a signal asked to stop meanwhile.

    Raises:
        Refused: a child dies again and again, or it takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while (reason := problem()) is not None:
        if signals.wait(TICK):
            return False
        supervisor.tend()
        supervisor.check_start()
        if time.monotonic() > deadline:
            raise Refused(f"Not ready after {START_SECONDS:g} s: {reason}. See {supervisor.children[0].log.parent}.")
    return True


def _welcome(settings: Settings, url: str, logs: Path) -> str:
    lines = {"API": settings.public_url or url, "Docs": f"{settings.public_url or url}/docs"}
    lines |= {"Key": str(settings.key_file), "Logs": str(logs)}
    return "\n".join(
        ["steepest is ready.", *(f"  {name:<6}{value}" for name, value in lines.items()), "Ctrl-C stops it."]
    )


def _say(words: str) -> None:
    """To whoever watches; nobody may be watching any more, and that must not end the stack."""
    with suppress(OSError):
        print(words, flush=True)
