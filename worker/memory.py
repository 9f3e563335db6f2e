"""How much memory there is for jobs: the machine's, or the part of it that its container may use."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

SHARE: Final = 0.9
"""Of the memory, for jobs; the rest is for the worker's main process and all else that runs beside it."""

_GROUPS: Final = Path("/sys/fs/cgroup")
_OWN_GROUPS: Final = Path("/proc/self/cgroup")
_LIMITS: Final = ("memory.max", "memory/memory.limit_in_bytes")
"""Of a group by the second and by the first version of control groups."""


@cache
def usable_bytes() -> int:
    """What all jobs of this machine together may use."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(SHARE * min([machine, *group_limits()]))


def group_limits(groups: Path = _GROUPS, own: Path = _OWN_GROUPS) -> Iterator[int]:
    """Every limit of memory that a control group around this process sets, in bytes."""
    folders = [groups]
    try:
        names = [line.partition("::")[2] for line in own.read_text().splitlines() if line.startswith("0::")]
    except OSError:
        names = []
    for name in names:
        inner = groups
        for part in Path(name).parts[1:]:
            inner /= part
            folders.append(inner)
    for folder in folders:
        for limit in _LIMITS:
            try:
                text = (folder / limit).read_text().strip()
            except OSError:
                continue
            if text.isdigit():  # else it is "max"
                yield int(text)
