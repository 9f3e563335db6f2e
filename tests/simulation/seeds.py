"""What a process does with seeds, and how a failing one is made shorter."""

import gc

from tests.simulation.home import home
from tests.simulation.plan import Plan
from tests.simulation.world import EVENTS, simulate


def begin() -> None:
    """Make what all seeds of this process share."""
    home()
    gc.freeze()
    gc.set_threshold(50_000)  # a world is young garbage as a whole


def one(asked: tuple[int, int]) -> tuple[int, int, list[str]]:
    """Of a seed and its number of events: the seed, what happened, what is wrong."""
    seed, events = asked
    outcome = simulate(seed, None, events)
    return seed, outcome.events, outcome.problems


def shortest(seed: int, events: int = EVENTS) -> tuple[int, ...]:
    """The items of a failing seed without which it would not fail: halves are left out, quarters, single ones."""
    kept = tuple(item.number for item in Plan.of(seed).items)
    size = max(1, len(kept) // 2)
    while True:
        start, shorter = 0, False
        while start < len(kept):
            fewer = kept[:start] + kept[start + size :]
            if simulate(seed, fewer, events).problems:
                kept, shorter = fewer, True
            else:
                start += size
        if size == 1 and not shorter:
            return kept
        size = max(1, size // 2)
