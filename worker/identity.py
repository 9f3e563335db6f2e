"""Who a worker is: found out by its main process, and passed on to its children through their environment.

The environment is the one thing that reaches forked and spawned children alike.
"""

import json
import os
import secrets
from collections.abc import MutableMapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from store.celery_settings import CPU, GPU

_VARIABLE: Final = "STEEPEST_WORKER_IDENTITY"


@dataclass(frozen=True)
class Identity:
    """A worker: its main process and all of its children together."""

    name: str
    """As Celery knows it, with a token of this start: `cpu@host/5f3a`. No two mains ever share one."""
    queues: tuple[str, ...]
    drain: Path
    """The file of its `Drain`."""

    @classmethod
    def new(cls, node: str, queues: Sequence[str], drain: Path) -> Self:
        """A main process that has just started."""
        return cls(f"{node}/{secrets.token_hex(4)}", tuple(queues), drain)

    def publish(self, environ: MutableMapping[str, str] = os.environ) -> None:
        """Let the children know."""
        environ[_VARIABLE] = json.dumps(asdict(self) | {"drain": str(self.drain)})

    @classmethod
    def read(cls, environ: MutableMapping[str, str] = os.environ) -> Self:
        """Who this child's worker is."""
        fields = json.loads(environ[_VARIABLE])
        return cls(fields["name"], tuple(fields["queues"]), Path(fields["drain"]))

    @property
    def trains(self) -> bool:
        """Whether its tasks are jobs."""
        return CPU in self.queues or GPU in self.queues

    @property
    def child_prefix(self) -> str:
        """What the names of all its children begin with."""
        return f"{self.name}/"

    def child(self, pid: int) -> str:
        """The name of a child, in the rows that it holds."""
        return f"{self.child_prefix}{pid}"
