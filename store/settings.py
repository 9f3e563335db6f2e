"""Settings: one frozen object, read from the environment by entry points alone.

Every limit of `Limits` is the variable `STEEPEST_` and its name in capitals, for example `STEEPEST_UPLOAD_BYTES`.
"""

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar
from urllib.parse import urlsplit

from steepest.spec.errors import SteepestError

T = TypeVar("T")

PREFIX: Final = "STEEPEST_"
LONGEST_SOCKET_PATH: Final = 100
"""Unix refuses socket paths over about 107 bytes; the broker needs a few for a temporary name beside it."""

MEBIBYTE: Final = 1 << 20

LONGEST_KEPT: Final = 36_500
"""Days: whoever wants more keeps for ever."""


class SettingsError(SteepestError):
    """A setting that cannot be read: one line that names the variable and what would be right."""

    code, title = "settings_invalid", "A setting cannot be read"


@dataclass(frozen=True)
class Limits:
    """What one request may ask for. `/v1/me` shows them and errors name them."""

    upload_bytes: int = 8 << 30
    json_bytes: int = 16 * MEBIBYTE
    prediction_rows: int = 10_000
    rows: int = 1_000_000_000
    columns: int = 10_000
    unpacked_bytes: int = 64 << 30
    archive_members: int = 100_000
    picture_pixels: int = 16 << 20
    page_bytes: int = 256 * MEBIBYTE
    parameters: int = 100_000_000
    epochs: int = 1_000_000
    queued_jobs: int = 10_000
    """Jobs of one account that may wait for a worker."""
    memory_bytes: int = 4 << 30
    """Inputs of training rows up to this size are shuffled whole; larger ones by blocks, as they are read from disk."""
    input_bytes: int = 16 << 30
    """Inputs of all rows of a job: what a worker prepares on its disk."""
    importance_rows: int = 100_000_000
    """Rows that one permutation importance predicts: features times repeats times rows."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Every limit that the environment names, and the defaults of the others."""
        named = [limit.name for limit in dataclasses.fields(cls) if PREFIX + limit.name.upper() in environ]
        return cls(**{name: _read(environ, name.upper(), _positive, 0) for name in named})


@dataclass(frozen=True)
class Keep:
    """How long what is over is kept, in days; None: for ever. Named as `STEEPEST_KEEP_JOBS_DAYS` is."""

    jobs_days: float | None = None
    """Jobs, with all they have, from the time at which they finished."""
    histories_days: float | None = None
    """Loss histories, from the time at which their jobs finished."""
    checkpoints_days: float | None = None
    """All checkpoints but the one that predictions use, from then too."""
    datasets_days: float | None = None
    """Data sets that no job and no computation at work needs, from their last use."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The rules that the environment names."""
        names = [rule.name for rule in dataclasses.fields(cls)]
        return cls(**{name: _read(environ, f"KEEP_{name.upper()}", _days, None) for name in names})


@dataclass(frozen=True)
class Settings:
    """Everything that an operator may choose."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 8000
    database_url: str = field(default="", repr=False)
    """Given empty: SQLite in the home."""
    broker_url: str = field(default="", repr=False)
    """Given empty: the embedded broker's socket."""
    lease_seconds: float = 15.0
    environment_wait_seconds: float = 60.0
    """How long a job waits for a worker of the numeric environment that it began in, before any may go on with it."""
    public_url: str | None = None
    trusted_proxies: int = 0
    """How many proxies stand in front and set `X-Forwarded-*`."""
    threads: int = 64
    """Threads of one API process."""
    slots: int = field(default_factory=lambda: os.cpu_count() or 1)
    """Jobs that one worker trains at once."""
    cache_bytes: int = 20 << 30
    """How much ingested data a worker's machine keeps."""
    running_jobs: int | None = None
    """Jobs of one key that may be at work at once, where the key itself has no limit; None: as many as there are."""
    worker_memory_bytes: int | None = None
    """What all jobs of one worker together may use; None: nine tenths of its machine's or its container's memory."""
    model_bytes: int = 1 << 30
    """How much of networks' weights one API process keeps loaded for predictions: the largest by default, or many."""
    limits: Limits = Limits()
    keep: Keep = Keep()

    def __post_init__(self) -> None:
        if not self.database_url:
            object.__setattr__(self, "database_url", f"sqlite:///{self.home / 'steepest.db'}")
        if not self.broker_url:
            object.__setattr__(self, "broker_url", f"redis+socket://{self.broker_socket}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read `STEEPEST_*`.

        Raises:
            SettingsError: a value is malformed; one line says which and what would be right.
        """
        environ = os.environ if environ is None else environ
        given = {name: value for name, value in environ.items() if value.strip()}
        return cls(
            home=Path(given.get(PREFIX + "HOME", ".steepest")).expanduser().absolute(),
            host=given.get(PREFIX + "HOST", cls.host),
            port=_read(given, "PORT", _port, cls.port),
            database_url=_read(given, "DATABASE_URL", _database_url, ""),
            broker_url=_read(given, "BROKER_URL", _broker_url, ""),
            lease_seconds=_read(given, "LEASE_SECONDS", _lease, cls.lease_seconds),
            environment_wait_seconds=_read(given, "ENVIRONMENT_WAIT_SECONDS", _seconds, cls.environment_wait_seconds),
            public_url=_read(given, "PUBLIC_URL", _http_url, None),
            trusted_proxies=_read(given, "TRUSTED_PROXIES", _count, cls.trusted_proxies),
            threads=_read(given, "THREADS", _positive, cls.threads),
            slots=_read(given, "SLOTS", _positive, os.cpu_count() or 1),
            cache_bytes=_read(given, "CACHE_BYTES", _positive, cls.cache_bytes),
            running_jobs=_read(given, "RUNNING_JOBS", _positive, None),
            worker_memory_bytes=_read(given, "WORKER_MEMORY_BYTES", _positive, None),
            model_bytes=_read(given, "MODEL_BYTES", _positive, cls.model_bytes),
            limits=Limits.from_environment(given),
            keep=Keep.from_environment(given),
        )

    @property
    def heartbeat_seconds(self) -> float:
        """How often a worker renews its leases."""
        return self.lease_seconds / 3

    @property
    def reconcile_seconds(self) -> float:
        """How often the reconciler looks."""
        return self.lease_seconds / 6

    @property
    def streams(self) -> int:
        """Threads of one API process that streams and long polls may hold: the others answer everything else."""
        return max(1, self.threads * 2 // 5)

    @property
    def key_file(self) -> Path:
        """Where the embedded installation keeps its key."""
        return self.home / "key"

    @property
    def cache(self) -> Path:
        """Where a worker keeps ingested columns, which can be made again."""
        return self.home / "cache"

    @property
    def broker_socket(self) -> Path:
        """The embedded broker's socket: in the home, or in a short folder of its own where that path is too long."""
        wanted = self.home / "valkey.sock"
        if len(os.fsencode(wanted)) <= LONGEST_SOCKET_PATH:
            return wanted
        name = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return _short_temporary_folder() / f"steepest-{os.getuid()}-{name}" / "valkey.sock"


def _short_temporary_folder() -> Path:
    folder = Path(tempfile.gettempdir())
    return folder if len(os.fsencode(folder)) <= LONGEST_SOCKET_PATH // 2 else Path("/tmp")  # noqa: S108 (made private by who binds it)


def _read(environ: Mapping[str, str], name: str, parse: Callable[[str], T], default: T) -> T:
    text = environ.get(PREFIX + name)
    if text is None:
        return default
    try:
        return parse(text.strip())
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{name} {error}") from None


def _number(text: str, kind: type[int] | type[float], wanted: str) -> float:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f'is "{text}"; it must be {wanted}') from None


def _at_least(text: str, least: int) -> int:
    wanted = f"a whole number, at least {least}"
    value = int(_number(text.replace("_", ""), int, wanted))
    if value < least:
        raise ValueError(f'is "{text}"; it must be {wanted}')
    return value


def _positive(text: str) -> int:
    return _at_least(text, 1)


def _count(text: str) -> int:
    return _at_least(text, 0)


def _port(text: str) -> int:
    wanted = "a port number from 0 to 65535"
    value = int(_number(text, int, wanted))
    if not 0 <= value <= 65535:
        raise ValueError(f'is "{text}"; it must be {wanted}')
    return value


def _seconds(text: str, least: int = 0) -> float:
    wanted = f"a number of seconds, at least {least}"
    value = _number(text, float, wanted)
    if not least <= value < float("inf"):
        raise ValueError(f'is "{text}"; it must be {wanted}')
    return value


def _lease(text: str) -> float:
    return _seconds(text, least=1)


def _days(text: str) -> float:
    wanted = f"a number of days above 0, at most {LONGEST_KEPT:,}; leave it out to keep for ever"
    value = _number(text, float, wanted)
    if not 0 < value <= LONGEST_KEPT:
        raise ValueError(f'is "{text}"; it must be {wanted}')
    return value


# URLs may hold passwords: their errors show the scheme alone.
def _scheme(text: str, known: tuple[str, ...], example: str) -> str:
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        scheme = ""
    if scheme not in known:
        raise ValueError(f'has the scheme "{scheme}"; it must be a URL such as {example}')
    return text


def _database_url(text: str) -> str:
    schemes = ("sqlite", "postgresql", "postgres", "postgresql+psycopg")
    return _scheme(text, schemes, "postgresql://user:password@host/name or sqlite:////path/steepest.db")


def _broker_url(text: str) -> str:
    schemes = ("redis", "rediss", "redis+socket", "memory")
    return _scheme(text, schemes, "redis://host:6379/0 or redis+socket:///path/valkey.sock")


def _http_url(text: str) -> str:
    return _scheme(text, ("http", "https"), "https://steepest.example.org").rstrip("/")
