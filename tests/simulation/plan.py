"""What a seed asks for and breaks, as a list: so that a failing one can be made shorter, item by item."""

from collections.abc import Collection
from dataclasses import dataclass
from random import Random
from typing import Final

REQUESTS: Final = ("pause", "resume", "cancel", "retry", "delete")
BREAKS: Final = (
    "kill",
    "freeze",
    "nap",
    "stall",
    "slow",
    "drain",
    "statement",
    "commit",
    "outage",
    "messages",
    "broker",
    "reconciler",
    "clock",
)
JOBS: Final = 6
WORKERS: Final = ("a", "a", "b")
"""The main process of each child."""
HOUR: Final = 3600.0
SECONDS: Final = 90.0
"""How long things go wrong, by the virtual clock."""


@dataclass(frozen=True)
class JobPlan:
    """A job to be: its fate does not depend on what happens to it, but for `poison` and `bug`."""

    seed: int
    epochs: int
    step_seconds: float
    checkpoint_seconds: float
    memory_bytes: int
    """Of a thousand that a worker has for all its children."""
    kind: str
    """`calm`, `diverges` (always, in its last epoch) or `poison` (kills its worker in its first epoch)."""


@dataclass(frozen=True)
class Item:
    """Something that a person, or chance, does."""

    number: int
    at: float
    what: str
    who: int
    """Which job or worker, as far as it matters."""
    draw: float
    """In [0, 1): how."""

    def __str__(self) -> str:
        return f"{self.number}: at {self.at:.2f} s {self.what} {self.who} ({self.draw:.3f})"


@dataclass(frozen=True)
class Plan:
    """All that a seed decides beforehand."""

    seed: int
    jobs: tuple[JobPlan, ...]
    limited: bool
    """Of the key's jobs one may be at work at a time."""
    mixed: bool
    """The machine of worker b has another numeric environment than that of worker a."""
    items: tuple[Item, ...]

    @classmethod
    def of(cls, seed: int, keep: Collection[int] | None = None) -> "Plan":
        """The plan of a seed; with `keep` only those of its items."""
        random = Random(f"plan {seed}")
        jobs = tuple(_job(random) for _ in range(random.randint(2, JOBS)))
        some = random.sample(BREAKS, random.randint(1, len(BREAKS)))  # each seed has its own weather
        asked = random.randint(0, 18)
        broken = random.randint(4, 30)
        whats = [*(random.choice(REQUESTS) for _ in range(asked)), *(random.choice(some) for _ in range(broken))]
        drawn = sorted((random.uniform(0, SECONDS), what, random.randrange(6), random.random()) for what in whats)
        items = [Item(number, *each) for number, each in enumerate(drawn)]
        limited, mixed = random.random() < 0.2, random.random() < 0.3
        kept = tuple(item for item in items if keep is None or item.number in keep)
        return cls(seed, jobs, limited, mixed, kept)


def _job(random: Random) -> JobPlan:
    return JobPlan(
        seed=random.randrange(1 << 30),
        epochs=random.randint(2, 6),
        step_seconds=random.choice((0.3, 1.0, 2.5)),
        checkpoint_seconds=random.choice((0.5, 3.0, 8.0)),
        memory_bytes=random.choice((100, 500, 600, 1000)),
        kind=random.choices(("calm", "diverges", "poison"), (8, 1, 1))[0],
    )
