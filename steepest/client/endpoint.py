"""Where the service is and which key opens it: from arguments, then the environment, then the local home."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Endpoint:
    """An address and the key for it.

    Attributes:
        url: Scheme and authority, and the prefix under which `/v1` lies, without a slash at the end.
        key: The API key, or None when none was found.
    """

    url: str
    key: str | None = field(repr=False)

    @classmethod
    def find(
        cls, url: str | None = None, api_key: str | None = None, environ: Mapping[str, str] = os.environ
    ) -> "Endpoint":
        """The endpoint that the arguments, the environment or the local home name, in this order.

        Raises:
            ValueError: the address is no http or https address, or the key could not be sent in a header.
        """
        home = Path(environ.get("STEEPEST_HOME") or ".steepest")
        at_home = _home_url(home, environ)
        address = _checked(url or environ.get("STEEPEST_URL") or at_home)
        key = api_key or environ.get("STEEPEST_API_KEY")
        # The home's key opens everything on this machine's service, so no other machine gets to see it.
        if not key and (address == _checked(at_home) or is_loopback(address)):
            key = _read(home / "key")
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise ValueError("the API key holds characters that no key has; copy it again, without spaces")
        return cls(address, key or None)

    @property
    def is_local(self) -> bool:
        """Whether the service is on this machine."""
        return is_loopback(self.url)


def is_loopback(url: str) -> bool:
    """Whether an address stays on this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _home_url(home: Path, environ: Mapping[str, str]) -> str:
    """The address of the service that runs from `home`, or where it would be."""
    if written := _read(home / "url"):
        return written
    host, port = environ.get("STEEPEST_HOST") or "127.0.0.1", environ.get("STEEPEST_PORT") or "8000"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  where it listens, not where it is
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _checked(url: str) -> str:
    """An address without what people add to it: a slash at the end, the version."""
    if "@" in url:
        raise ValueError("the address holds a user or password; give the API key by itself")
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(f"{url!r} is no address of a service; it looks like http://127.0.0.1:8000")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/").removesuffix("/v1")
