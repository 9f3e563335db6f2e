"""`python -m benchmarks [W1 W2] [--peers jax,sklearn]`, or another measurement by its name.

Every contender runs in a process of its own with equal threads, first weights, batches and precision; rounds are
interleaved. Compare ratios, not seconds between machines.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks import data, mnist, report
from benchmarks.contenders import ENTRIES, FLOOR, OURS, PEERS
from benchmarks.rounds import Options, measure
from benchmarks.works import WORKS

MEASUREMENTS: Final = {
    "shapes": "eight drawn shapes beside JAX",
    "scaling": "seconds by rows, width, batch, depth and stack size",
    "startup": "seconds and memory from nothing to a first epoch",
    "calls": "what a call of train costs beyond its epochs",
    "overhead": "what a service adds to a job of a second",
    "checkpoints": "what a checkpoint costs beside thirty seconds of training",
    "predictions": "what predictions over HTTP cost beside an empty request",
    "gpu": "W3 to W6 and a wide network on a GPU",
    "ingest": "reading a CSV file beside pandas, polars and pyarrow",
    "larger": "training on data several times larger than memory",
    "results": "test figures on well-known data beside scikit-learn",
}
"""Modules of this package, which have a function `measure_all(console, options)`."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and save."""
    given = _parser().parse_args(arguments)
    console = report.console()
    contenders = _contenders(given.peers, given.floor)
    options = Options(contenders, given.rounds, given.threads, given.cpu, rows=given.rows)
    measurements: dict[str, Any] = {}
    try:
        works = [name for name in given.what if name in WORKS] or ([] if given.what else list(WORKS))
        if works:
            measurements["works"] = _works(console, options, works)
        for name in given.what:
            if name in MEASUREMENTS:
                measurements[name] = import_module(f"benchmarks.{name}").measure_all(console, options)
    except (FileNotFoundError, mnist.Missing) as missing:
        sys.exit(str(missing))
    if given.json:
        report.save(given.json, given.threads, measurements)


def _works(console: Console, options: Options, names: Sequence[str]) -> list[dict[str, Any]]:
    for name in names:
        data.load(WORKS[name].rows)
    outcomes = []
    for name in names:
        with console.status(name) as status:
            outcomes.append(measure(WORKS[name], options, status.update))
        console.print(report.of_outcome(outcomes[-1]))
    if "steepest" in options.names:
        console.print(report.of_goals(outcomes))
    return [outcome.to_dict() for outcome in outcomes]


def _contenders(peers: str | None, floor: bool) -> tuple[str, ...]:
    """Ours, the peers asked for by name or by program, and the floor."""
    wanted = set(PEERS) if peers is None else {name for name in peers.split(",") if name}
    known = {entry.name for entry in ENTRIES.values()} | {entry.family for entry in ENTRIES.values()}
    if unknown := wanted - known:
        raise SystemExit(f"unknown peers: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    chosen = [name for name in PEERS if name in wanted or (name not in wanted and ENTRIES[name].family in wanted)]
    return (*OURS, *chosen, *([FLOOR] if floor else []))


def _parser() -> argparse.ArgumentParser:
    apart = "\n".join(f"  {name:12}{what}" for name, what in MEASUREMENTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"works: {', '.join(WORKS)} (all by default)\nother measurements:\n{apart}\npeers: {', '.join(PEERS)}",
    )
    parser.add_argument("what", nargs="*", choices=[*WORKS, *MEASUREMENTS, []], metavar="WHAT", help="see below")
    parser.add_argument("--peers", help="which to measure beside, with commas between; '' for none (default: all)")
    parser.add_argument("--rounds", type=int, default=7, help="trainings of each contender (default: 7)")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=min(2, cores), help="of each contender (default: 2)")
    parser.add_argument("--cpu", action="store_true", help="count processor time; needs --threads 1")
    parser.add_argument(
        "--rows", type=int, default=2_000_000, help="of what is ingested or larger than memory (default: 2,000,000)"
    )
    parser.add_argument("--no-floor", dest="floor", action="store_false", help="leave out the bare products")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all figures")
    return parser


if __name__ == "__main__":
    main()
