"""The measuring side's end of a contender's process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.contenders import Entry
from benchmarks.works import Work

CHECKOUT: Final = Path(__file__).resolve().parent.parent
PEERS_PYTHON: Final = Path(os.environ.get("BENCHMARKS_PEERS_PYTHON", CHECKOUT / ".venv-peers" / "bin" / "python"))
"""With JAX for CPUs alone: on a GPU, the environment names an interpreter whose peers have CUDA."""
THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
KERNEL_OVERRIDES: Final = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_MAIN_FREE",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "ATEN_CPU_CAPABILITY",
    "NPY_DISABLE_CPU_FEATURES",
    "DNNL_MAX_CPU_ISA",
)
"""What would make a library use other kernels than it would choose for this processor by itself."""


@dataclass(frozen=True)
class Trained:
    """One training of a contender."""

    seconds: list[float]
    """Of each epoch."""
    loss: float | None
    figure: float | None

    @property
    def epoch(self) -> float:
        """Seconds of an epoch, the first left out where there are others."""
        rest = self.seconds[1:] or self.seconds
        return sum(rest) / len(rest)


def environment(threads: int, *, gpu: bool = False) -> dict[str, str]:
    """Of a process that is timed; on a GPU, none takes memory before it needs it, for the others are there too."""
    kept = {name: value for name, value in os.environ.items() if name not in KERNEL_OVERRIDES}
    jax = {"JAX_PLATFORMS": "cuda" if gpu else "cpu", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    quiet = {"KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return kept | jax | quiet | dict.fromkeys(THREADS, str(threads))


def pinned(threads: int) -> Callable[[], None] | None:
    """Keeps a process to its number of processors, where that can be: XLA counts these, and asks nobody else."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    mine = sorted(os.sched_getaffinity(0))
    return partial(os.sched_setaffinity, 0, mine[:threads]) if threads < len(mine) else None


def python(ours: bool) -> str:
    """The interpreter of an environment.

    Raises:
        FileNotFoundError: the peers' environment has not been made.
    """
    if not ours and not PEERS_PYTHON.exists():
        raise FileNotFoundError("the peers' environment is missing: make peers")
    return sys.executable if ours else str(PEERS_PYTHON)


def command(entry: Entry, work: Work, threads: int, options: list[str]) -> list[str]:
    """What starts a contender."""
    program = [python(entry.ours), "-m", f"benchmarks.contenders.{entry.family}", work.to_json()]
    return [*program, "--threads", str(threads), "--variant", entry.variant, *options]


class Process:
    """A contender in a process of its own, which trains once each time it is asked to."""

    def __init__(self, entry: Entry, work: Work, threads: int, options: list[str], *, gpu: bool = False) -> None:
        own = entry.threads or threads
        options = options + ["--gpu"] * gpu
        self.entry = entry
        self._process = subprocess.Popen(
            command(entry, work, own, options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(own, gpu=gpu),
            cwd=CHECKOUT,
            text=True,
            preexec_fn=None if gpu else pinned(own),
        )

    def train(self) -> Trained:
        """Train once.

        Raises:
            RuntimeError: the process ended.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.entry.title} ended with code {self._process.wait()}")
        answer: Mapping[str, object] = json.loads(line)
        return Trained(**answer)  # type: ignore[arg-type]  # as `server` writes it

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.communicate()
