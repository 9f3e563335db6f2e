"""Which code trains: its release, and a hash of the sources that decide about the weights."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from steepest import __version__

DECIDING: Final = ("data", "run", "spec", "trainer")
"""The folders from a file and a spec to weights. What only shows, stores or carries them is not among them."""


@dataclass(frozen=True)
class Code:
    """A release and the SHA-256 of its sources, which tells apart what a checkout changed without a release."""

    version: str
    sha256: str


@cache
def code() -> Code:
    """The code of this process, read once."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(file for folder in DECIDING for file in (root / folder).rglob("*.py")):
        for part in (path.relative_to(root).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return Code(__version__, digest.hexdigest())
