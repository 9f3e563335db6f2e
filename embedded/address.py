"""Where the API listens. The supervisor holds the socket, so that no connection is refused while the API restarts."""

import errno
import json
import socket
from contextlib import suppress
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from embedded.refusal import Refused

BACKLOG = 512
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where it listens, and where to reach it


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        Refused: the port is taken, or this machine has no such address.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as problem:
        raise _refusal(host, port, problem) from problem


def _refusal(host: str, port: int, problem: OSError) -> Refused:
    if problem.errno == errno.EADDRINUSE:
        return Refused(f"Port {port} of {host} is already in use. Choose another one with STEEPEST_PORT.")
    if problem.errno == errno.EACCES:
        return Refused(f"Port {port} needs rights that this user lacks. Choose one above 1023 with STEEPEST_PORT.")
    return Refused(f"STEEPEST_HOST is {host!r}, which is no address of this machine.")


def base_url(listener: socket.socket) -> str:
    """The address at which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def what_is_missing(url: str) -> str | None:
    """Ask `/readyz`: None when the stack is ready, else the reason in words."""
    try:
        # Past any proxy that the environment names: it could not reach an address of this machine.
        build_opener(ProxyHandler({})).open(f"{url}/readyz", timeout=1).close()
    except HTTPError as answer:
        with suppress(ValueError, KeyError, TypeError):
            return str(json.load(answer)["detail"])
        return f"/readyz answers {answer.code}"
    except OSError:
        return "the API does not answer yet"
    return None
