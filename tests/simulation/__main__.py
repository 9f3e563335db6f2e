"""Simulate seeds on every core; a failing one is made shorter and printed with the command that replays it.

`python -m tests.simulation --seeds 1000`, or `--seed 17`, and with `--keep 3,5` only these items of its plan.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Sequence
from typing import Final

from tests.simulation.loop import GRACE
from tests.simulation.plan import Plan
from tests.simulation.seeds import begin, one, shortest
from tests.simulation.world import EVENTS, simulate

SHOWN: Final = 3
"""Failing seeds that are made shorter; the others are only named."""


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when no seed fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default: 0)")
    parser.add_argument("--seed", type=int, help="this one alone, with its trace")
    parser.add_argument("--keep", type=_numbers, help="only these items of its plan: 3,5,8 (or none)")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"with faults, in each seed (default: {EVENTS})")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--stop", action="store_true", help="stop at the first failing seed, and do not make it shorter"
    )
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        return _replay(asked.seed, asked.keep, asked.events)
    return _all(range(asked.first, asked.first + asked.seeds), asked.events, asked.processes, stop=asked.stop)


def _replay(seed: int, keep: tuple[int, ...] | None, events: int) -> int:
    outcome = simulate(seed, keep, events)
    print(*outcome.trace, sep="\n")
    print(f"trace {outcome.digest}")
    print(*outcome.problems, sep="\n")
    return 1 if outcome.problems else 0


def _all(seeds: range, events: int, processes: int, *, stop: bool) -> int:
    began, happened, failed = time.monotonic(), 0, []
    with multiprocessing.get_context("spawn").Pool(processes, initializer=begin) as pool:
        for seed, many, problems in pool.imap_unordered(one, ((seed, events) for seed in seeds), chunksize=4):
            happened += many
            if problems:
                failed.append(seed)
                print(f"seed {seed}: {problems[0]}", flush=True)
                if stop:
                    pool.terminate()
                    return 1
    for seed in sorted(failed)[:SHOWN]:
        if not simulate(seed, None, events).problems:
            print(f"\nseed {seed} does not fail again: its process stood still for more than {GRACE:g} s")
            continue
        kept = shortest(seed, events)
        print(f"\nseed {seed} fails with these items alone:")
        print(*(f"  {item}" for item in Plan.of(seed, kept).items), sep="\n")
        print(f"  {simulate(seed, kept, events).problems[0]}")
        print(f"  make simulate SEED={seed} KEEP={','.join(map(str, kept)) or 'none'}")
    seconds = time.monotonic() - began
    print(f"{len(seeds)} seeds, {happened} events, {happened / seconds:.0f} events a second, {len(failed)} failed")
    return 1 if failed else 0


def _numbers(text: str) -> tuple[int, ...]:
    return () if text == "none" else tuple(int(number) for number in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
