"""Undisturbed lives: which sites each step has, what the world was before it, and what its owner got."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.integration.life.faults import Fault, Sites
from tests.integration.life.lives import LIVES, Step, own_steps
from tests.integration.life.world import Home, Memory, opened, require


@dataclass(frozen=True)
class Moment:
    """What an undisturbed life has come to after a step."""

    copy: Path
    """The files."""
    memory: Memory
    names: Sequence[str] = ()
    """The sites of that step, in order."""


@dataclass(frozen=True)
class Site:
    """A place where a life may be cut."""

    life: str
    steps: tuple[Step, ...]
    """Up to the one that the site is in."""
    number: int
    """In that step, from 1."""
    name: str

    def __str__(self) -> str:
        return f"{self.life}, {self.steps[-1].__name__} {self.number} ({self.name})"


class Rehearsal:
    """Lives each step of each life once, undisturbed; those that begin alike, together."""

    def __init__(self, template: Path, folder: Path) -> None:
        self._home, self._folder = Home(folder), folder
        start = folder / "copy-0"
        start.mkdir()
        shutil.copy(template, start / "steepest.db")
        self._moments: dict[tuple[Step, ...], Moment] = {(): Moment(start, Memory())}

    def sites(self, life: str) -> list[Site]:
        """The sites of a life, but for those that it has in common with one before it."""
        return [
            Site(life, steps, number, name)
            for steps in own_steps(life)
            for number, name in enumerate(self._after(steps).names, 1)
        ]

    def cut(self, site: Site, fault: Fault, *, lasting: bool) -> None:
        """Live on from before the step of the site, which fails; the end is to be that of the undisturbed life.

        Raises:
            Violation: a promise is broken.
        """
        whole = LIVES[site.life]
        before, undisturbed = self._after(site.steps[:-1]), self._after(site.steps)
        expected = self._after(whole).memory.got
        self._home.take(before.copy)
        sites = Sites(site.number, fault, lasting=lasting)
        with opened(self._home, before.memory, sites) as world:
            for step in whole[len(site.steps) - 1 :]:
                world.live(step)
            for name, rehearsed in zip(sites.names[: site.number], undisturbed.names, strict=False):
                require(name == rehearsed, f"before or instead of it was {name}, and not {rehearsed}")
            require(sites.hit is not None, "the site is not reached")
            require(world.memory.got == expected, "the owner got something else")

    def close(self) -> None:
        """Close the database."""
        self._home.database.close()

    def _after(self, steps: tuple[Step, ...]) -> Moment:
        if steps not in self._moments:
            before = self._after(steps[:-1])
            self._home.take(before.copy)
            sites = Sites()
            with opened(self._home, before.memory, sites) as world:
                world.live(steps[-1])
            copy = self._folder / f"copy-{len(self._moments)}"
            self._home.save(copy)
            self._moments[steps] = Moment(copy, world.memory, sites.names)
        return self._moments[steps]
