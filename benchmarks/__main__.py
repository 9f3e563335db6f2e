"""`python -m benchmarks [W1 W2] [--rounds N]`: seconds of an epoch, side by side.

Every contender runs in a process of its own with one thread; rounds are interleaved, so that whatever else the machine
does meets all of them alike. Compare ratios, not seconds between machines. On a machine that is busy with other things
`--cpu` counts the processor's time in place of the wall clock's: every contender has one thread, so on a quiet machine
the two agree.
"""

import argparse
import json
import os
import subprocess
import sys
from statistics import median
from time import perf_counter, process_time

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import CONTENDERS, Clock, Outcome
from benchmarks.works import WORKS

OURS, PEER, FLOOR = "steepest", "scikit-learn", "bare products"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Contender:
    """A contender in a process of its own, which trains once each time it is asked to."""

    def __init__(self, name: str, work: str, options: list[str]) -> None:
        self.seconds: list[float] = []
        self.accuracy: float | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks", "--contender", name, work, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | ONE_THREAD,
            text=True,
        )

    def train(self) -> Outcome:
        """Train once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        seconds, accuracy = json.loads(self._process.stdout.readline())
        return seconds, accuracy

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def serve(name: str, work: str, clock: Clock) -> None:
    """The contender's process: train once for each line that comes in."""
    train = CONTENDERS[name](WORKS[work], clock)
    for _ in sys.stdin:
        print(json.dumps(train()), flush=True)


def measure(work: str, rounds: int, options: list[str]) -> dict[str, Contender]:
    """All contenders, one after the other in each round; the first round only warms up."""
    contenders = {name: Contender(name, work, options) for name in CONTENDERS}
    for number in range(rounds + 1):
        for contender in contenders.values():
            seconds, contender.accuracy = contender.train()
            if number:
                contender.seconds.append(seconds)
    for contender in contenders.values():
        contender.close()
    return contenders


def table(work: str, contenders: dict[str, Contender]) -> Table:
    """Median, minimum and maximum, and the ratios of medians."""
    rows = Table("", "ms an epoch", "min", "max", f"of {PEER}'s time", "over the floor", "test accuracy")
    rows.title = f"{work}: {WORKS[work].what}"
    for column in rows.columns[1:]:
        column.justify = "right"
    middle = {name: median(contender.seconds) for name, contender in contenders.items()}
    for name, contender in contenders.items():
        accuracy = "" if contender.accuracy is None else f"{contender.accuracy:.3f}"
        times = (middle[name], min(contender.seconds), max(contender.seconds))
        ratios = f"1/{middle[PEER] / middle[name]:.1f}", f"{middle[name] / middle[FLOOR]:.1f}x"
        rows.add_row(name, *(f"{1000 * seconds:.3f}" for seconds in times), *ratios, accuracy)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"which to run: {', '.join(WORKS)} (all by default)")
    parser.add_argument("--rounds", type=int, default=15, help="trainings of each contender")
    parser.add_argument("--cpu", action="store_true", help="count processor time, for a busy machine")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if unknown := set(arguments.works) - WORKS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(WORKS)}")
    if arguments.contender:
        serve(arguments.contender, arguments.works[0], process_time if arguments.cpu else perf_counter)
        return
    for work in arguments.works or WORKS:
        Console(width=max(110, Console().width)).print(
            table(work, measure(work, arguments.rounds, ["--cpu"] * arguments.cpu))
        )


if __name__ == "__main__":
    main()
