"""The database as the simulation has it: in memory, under the virtual clock, failing before and after a statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any, Final

from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from store import database as real
from store.database import Database, sqlite_module
from tests.simulation.loop import Death, Loop

BEGINNING: Final = datetime(2040, 1, 1, tzinfo=UTC)
"""The virtual time 0: far from the time of any machine, so that a look at a real clock is noticed."""


LONG_BREATH: Final = 3.0
"""Virtual seconds between two transactions in which others get far."""


class Fault(StrEnum):
    """What goes wrong at a statement."""

    ERROR = "error"  # an error, and nothing was done
    LOST = "lost"  # done, and the answer did not arrive
    DEATH = "death"  # the process ends before it
    AFTERWARDS = "afterwards"  # the process ends after it


@dataclass
class Armed:
    """A fault that waits for a statement of a process."""

    process: str
    """How the name of the process begins; empty: any."""
    fault: Fault
    statements: int
    """How many pass unharmed first."""
    commits: bool = False
    """Only commits count."""


@dataclass
class Stall:
    """A freeze that waits for the moment before a transaction of a process: after all its looks at lease and clock."""

    process: str
    transactions: int
    """How many pass first."""
    seconds: float


class Faults:
    """What is wrong with the database now. One commit at a time is told to `committed`."""

    def __init__(self, loop: Loop, random: Random, actor: Callable[[], str]) -> None:
        self.armed: list[Armed] = []
        self.away: dict[str, float] = {}
        """Until when the database does not answer processes whose names begin so."""
        self.committed: Callable[[str], None] = lambda _: None
        self.harmed: Callable[[str], None] = lambda _: None
        self.stalls: list[Stall] = []
        self.clock_ahead = 0.0
        """Seconds by which the clock of the database's host is fast."""
        self.unwatched = False
        self.actor = actor
        self._loop, self._random = loop, random

    def heal(self) -> None:
        """End all of it."""
        self.armed.clear()
        self.away.clear()
        self.stalls.clear()
        self.clock_ahead = 0.0

    @property
    def clock(self) -> float:
        """What the database takes the time to be."""
        return self._loop.now + self.clock_ahead

    def breathe(self) -> None:
        """Between two transactions others may run.

        Raises:
            Death: the process has ended.
        """
        fiber = self._loop.running
        if fiber is not None and fiber.dead:
            raise Death
        if fiber is not None and (stall := self._stall(fiber.name)) is not None:
            self.harmed(fiber.name)
            fiber.freeze(stall.seconds)
            fiber.pause(0.0)
        if fiber is not None and not self.unwatched and self._random.random() < 0.3:
            # What the reconciler has looked at may have changed by the time that it writes.
            long = (LONG_BREATH,) if fiber.name == "reconciler" else ()
            fiber.pause(self._random.choice((0.001, 0.01, 0.05, *long)))

    def pass_through(self, act: Callable[[], Any], *, commit: bool) -> Any:
        """Do `act`, unless it is to go wrong."""
        if self.unwatched:
            return act()
        fiber, name = self._loop.running, self.actor()
        if fiber is not None and fiber.dead:
            raise sqlite_module().OperationalError("the process has ended")
        fault = self._fault(name, commit)
        if fault in (Fault.ERROR, Fault.DEATH):
            self._end(fault)
        done = act()
        if commit:
            self.committed(name)
        if fault is not None:
            self._end(fault)
        return done

    def _fault(self, name: str, commit: bool) -> Fault | None:
        now = self._loop.now
        if any(until > now and name.startswith(process) for process, until in self.away.items()):
            self.harmed(name)
            return Fault.ERROR
        for armed in self.armed:
            if name.startswith(armed.process) and (commit or not armed.commits):
                armed.statements -= 1
                if armed.statements < 0:
                    self.armed.remove(armed)
                    self.harmed(name)
                    return armed.fault
        return None

    def _stall(self, name: str) -> Stall | None:
        for stall in self.stalls:
            if name.startswith(stall.process):
                stall.transactions -= 1
                if stall.transactions < 0:
                    self.stalls.remove(stall)
                    return stall
        return None

    def _end(self, fault: Fault) -> None:
        fiber = self._loop.running
        if fault in (Fault.DEATH, Fault.AFTERWARDS) and fiber is not None:
            fiber.dead = True  # `Death` follows outside of SQLAlchemy, which would close the one connection
        raise sqlite_module().OperationalError("no answer")


class MemoryDatabase(Database):
    """The real one over SQLite in memory, with one connection that is made once and emptied for each seed."""

    def __init__(self, template: str) -> None:
        super().__init__("sqlite:////nowhere/steepest.db", clock=lambda: self._time())
        self.engine.dispose()
        module = sqlite_module()
        source = module.connect(template)
        self.template = module.connect(":memory:", isolation_level=None, check_same_thread=False)
        source.backup(self.template)
        source.close()
        self.connection = module.connect(":memory:", isolation_level=None, check_same_thread=False)
        self.connection.execute("PRAGMA foreign_keys=ON")
        self.engine = create_engine("sqlite://", module=module, poolclass=StaticPool, creator=lambda: self.connection)
        event.listen(self.engine, "begin", real._begin_sqlite)
        self._readers = self._sessions(**{real._BEGIN: "BEGIN"})
        self._writers = self._sessions()
        self.faults: Faults | None = None
        self.open = 0
        self._watch()

    def begin_anew(self, faults: Faults) -> None:
        """Forget all that was written."""
        self.template.backup(self.connection)
        self.faults, self.open = faults, 0

    @contextmanager
    def read(self) -> Iterator[Session]:
        with self._between(), super().read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        with self._between(), super().write() as session:
            yield session

    def give_back_space(self, pages: int = 4096) -> None:
        """There is no file to make smaller."""

    def rows(self, statement: str, *values: object) -> list[Any]:
        """What is committed, asked by no process."""
        found: list[Any] = self.connection.execute(statement, values).fetchall()
        return found

    @contextmanager
    def _between(self) -> Iterator[None]:
        faults = self.faults
        assert faults is not None
        faults.breathe()
        assert not self.open, "a transaction in a transaction"
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1
            faults.breathe()

    def _time(self) -> datetime:
        assert self.faults is not None
        return BEGINNING + timedelta(seconds=self.faults.clock)

    def _watch(self) -> None:
        dialect: Any = self.engine.dialect

        def watched(method: str) -> Callable[..., Any]:
            act, commit = getattr(dialect, method), method == "do_commit"

            def call(*args: Any, **named: Any) -> Any:
                if self.faults is None:
                    return act(*args, **named)
                return self.faults.pass_through(lambda: act(*args, **named), commit=commit)

            return call

        for method in ("do_execute", "do_executemany", "do_execute_no_params", "do_commit"):
            setattr(dialect, method, watched(method))
