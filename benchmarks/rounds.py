"""Interleaved rounds: whatever else the machine does meets all contenders alike."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import Any, Final

from benchmarks.contenders import ENTRIES, FLOORS, Entry
from benchmarks.process import Process, Trained
from benchmarks.works import Work

NO_STACKS: Final = ("keras",)
"""Those that cannot train a stack in any better way than one after the other."""

Say = Callable[[str], object]


@dataclass(frozen=True)
class Options:
    """Of a measurement."""

    names: tuple[str, ...]
    """Contenders."""
    rounds: int = 7
    threads: int = 2
    cpu: bool = False
    """Count the processor's time in place of the wall clock's."""
    gpu: bool = False
    """Train on this machine's GPU."""
    rows: int = 2_000_000
    """Of a file that is read."""


@dataclass
class Measured:
    """A contender's epochs, over all rounds but the first, which only warms up."""

    entry: Entry
    startup: float = 0.0
    """Seconds from the start of the process to the end of its first epoch: imports, data, compilers."""
    epochs: list[float] = field(default_factory=list)
    """Seconds of an epoch in each round."""
    loss: float | None = None
    figure: float | None = None
    failure: str | None = None

    @property
    def middle(self) -> float:
        """Median seconds of an epoch."""
        return median(self.epochs)

    def note(self, trained: Trained) -> None:
        """Add a round."""
        self.epochs.append(trained.epoch)
        self.loss, self.figure = trained.loss, trained.figure


@dataclass(frozen=True)
class Outcome:
    """A work and how everybody did."""

    work: Work
    contenders: dict[str, Measured]

    @property
    def standing(self) -> dict[str, Measured]:
        """Those that did not fail."""
        return {name: measured for name, measured in self.contenders.items() if measured.failure is None}

    @property
    def best_peer(self) -> Measured | None:
        """The fastest of the other trainers."""
        peers = [measured for measured in self.standing.values() if measured.entry.peer]
        return min(peers, key=lambda measured: measured.middle, default=None)

    @property
    def floor(self) -> Measured | None:
        """The bare products, if they were measured."""
        return next((self.standing[name] for name in FLOORS if name in self.standing), None)

    def to_dict(self) -> dict[str, Any]:
        """All figures, for JSON."""
        best = self.best_peer
        return {
            "work": self.work.name,
            "what": self.work.what,
            "best_peer": best.entry.name if best else None,
            "contenders": {name: self._figures(measured) for name, measured in self.contenders.items()},
        }

    def _figures(self, measured: Measured) -> dict[str, Any]:
        if measured.failure is not None:
            return {"failure": measured.failure}
        best, floor = self.best_peer, self.floor
        return {
            "median": measured.middle,
            "min": min(measured.epochs),
            "max": max(measured.epochs),
            "epochs": measured.epochs,
            "startup": measured.startup,
            "over_best_peer": measured.middle / best.middle if best else None,
            "over_floor": measured.middle / floor.middle if floor else None,
            "test_loss": measured.loss,
            "test_figure": measured.figure,
        }


def measure(work: Work, options: Options, say: Say = lambda _: None) -> Outcome:
    """All contenders on a work, one after the other in each round."""
    entries = [ENTRIES[name] for name in options.names if not (work.nets and name in NO_STACKS)]
    contenders = {entry.name: Measured(entry) for entry in entries}
    processes: dict[str, Process] = {}
    try:
        for number in range(options.rounds + 1):
            for entry in entries:
                measured = contenders[entry.name]
                if measured.failure is not None:
                    continue
                say(f"{work.name}: {'warming up' if not number else f'round {number}'}: {entry.title}")
                try:
                    if not number:
                        processes[entry.name] = _started(measured, work, options)
                    else:
                        measured.note(processes[entry.name].train())
                except RuntimeError as failure:
                    measured.failure = str(failure)
    finally:
        _close(processes.values())
    return Outcome(work, contenders)


def _started(measured: Measured, work: Work, options: Options) -> Process:
    start = perf_counter()
    process = Process(measured.entry, work, options.threads, ["--cpu"] * options.cpu, gpu=options.gpu)
    trained = process.train()
    measured.startup = perf_counter() - start - sum(trained.seconds[1:])
    return process


def _close(processes: Iterable[Process]) -> None:
    for process in processes:
        process.close()
