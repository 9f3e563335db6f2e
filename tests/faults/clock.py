"""A wall clock that can be moved while processes run: a small library that is loaded before libc, made by `cc`."""

import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """The wall clock of the processes that are started with `environment`; without a C compiler it stays right."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._file.write_bytes(bytes(8))
        self._file.chmod(0o644)
        self.environment: dict[str, str] = {}
        compiler = shutil.which("cc")
        library = folder / "clock.so"
        if compiler:
            make = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
            subprocess.run(make, check=True, capture_output=True)
            self.environment = {"LD_PRELOAD": str(library), "FAULTS_CLOCK": str(self._file)}

    @property
    def can_step(self) -> bool:
        """Whether there is a compiler, so that `step` has an effect."""
        return bool(self.environment)

    def step(self, seconds: int) -> None:
        """Let the clock be wrong by so much from now on; 0 puts it right."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))
