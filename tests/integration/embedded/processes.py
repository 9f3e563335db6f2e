"""The process table, and a supervisor to look at in it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    command: str


def table() -> dict[int, Process]:
    """Every process that runs; zombies do not."""
    listing = subprocess.run(["ps", "-axwwo", "pid=,ppid=,stat=,command="], capture_output=True, text=True, check=True)
    found = {}
    for line in listing.stdout.splitlines():
        pid, parent, state, *command = line.split(maxsplit=3)
        if not state.startswith("Z"):
            found[int(pid)] = Process(int(pid), int(parent), command[0] if command else "")
    return found


def descendants(root: int) -> dict[int, Process]:
    """Every process below `root`."""
    processes = table()
    below: dict[int, Process] = {}
    parents = {root}
    while parents:
        generation = {pid: each for pid, each in processes.items() if each.parent in parents}
        below |= generation
        parents = set(generation)
    return below


def left_of(processes: Mapping[int, Process]) -> list[Process]:
    """Those that still run, as the same command."""
    now = table()
    return [each for pid, each in processes.items() if pid in now and now[pid].command == each.command]


def eventually(look: Callable[[], T], what: str, patience: float = PATIENCE) -> T:
    """The first truthy answer; waits for it."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {patience:g} s in vain for {what}"
        time.sleep(0.05)
    return found


class Up:
    """`python -m embedded up` on a home, on a free port unless told otherwise."""

    def __init__(self, home: Path, output: Path | None = None, **settings: str) -> None:
        self.home = home
        self.output = output or home.with_name(f"{home.name}.out")
        own = {name: value for name, value in os.environ.items() if not name.startswith("STEEPEST_")}
        environ = own | {"STEEPEST_HOME": str(home), "STEEPEST_PORT": "0"} | settings
        with self.output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "embedded", "up"], env=environ, stdout=file, stderr=file, cwd=home.parent
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def url(self) -> str:
        return (self.home / "url").read_text().strip()

    @property
    def key(self) -> str:
        return (self.home / "key").read_text().strip()

    def ready(self) -> "Up":
        def written() -> bool:
            assert self.process.poll() is None, self.said
            return (self.home / "url").exists() and "is ready" in self.said

        eventually(written, "the stack to be ready")
        return self

    def below(self) -> dict[int, Process]:
        return descendants(self.process.pid)

    def child(self, *words: str) -> int | None:
        """The direct child whose command holds all these words."""
        found = (each for each in self.below().values() if each.parent == self.process.pid)
        return next((each.pid for each in found if all(word in each.command for word in words)), None)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)
