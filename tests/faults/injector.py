"""Faults by seed: who is hit, how, and when."""

import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import select

from steepest.spec.errors import Unavailable
from steepest.spec.states import TERMINAL
from store.database import Database
from store.models import CheckpointRow, ChunkRow, JobRow
from tests.faults.stacks import LEASE_SECONDS, Embedded, Stack

OUTAGE_SECONDS = 2.0
PAUSE_SECONDS = (0.3, 1.5)
PATIENCE = 3.0
"""Seconds for which a fault waits for somebody whom it can hit."""
HOUR = 3_600
RESTART_SECONDS = 10.0
SLACK_BYTES = 8 << 20
"""What a process short of memory may still take."""


@dataclass
class Hit:
    """A fault, when it began by the monotonic clock, and whom it hit."""

    kind: str
    at: float
    whom: str = ""


class Injector:
    """Makes things go wrong, one after the other, until told to stop; what lasts is put right by then."""

    def __init__(self, stack: Stack, database: Database, seed: int) -> None:
        self._stack, self._database = stack, database
        self._choose = random.Random(seed)
        self.hits: list[Hit] = []
        self.damaged: set[str] = set()
        """Jobs whose stored state was damaged."""
        self.skipped: dict[str, str] = {}
        """Kinds that are impossible here, and why."""
        self._lasting: list[threading.Thread] = []
        self._frozen: threading.Thread | None = None
        self._bag = self._kinds()

    @property
    def counts(self) -> Counter[str]:
        """Faults by kind."""
        return Counter(hit.kind for hit in self.hits)

    def run(self, until: float) -> None:
        """Inject until a moment of the monotonic clock: every kind in turn, in an order that the seed decides."""
        order: list[tuple[str, Callable[[], str | None]]] = []
        while time.monotonic() < until:
            if not order:
                order = [*self._bag]
                self._choose.shuffle(order)
            kind, act = order.pop()
            hit = Hit(kind, time.monotonic())
            with suppress(ProcessLookupError, Unavailable):  # whoever it was is gone already
                whom = act()
                if whom is not None:
                    hit.whom = whom
                    self.hits.append(hit)
                    time.sleep(self._choose.uniform(*PAUSE_SECONDS))
        for thread in self._lasting:
            thread.join()

    def _kinds(self) -> list[tuple[str, Callable[[], str | None]]]:
        kill, stack = self._kill, self._stack
        bag: list[tuple[str, Callable[[], str | None]]] = [
            *[("SIGKILL training child", self._kill_child)] * 6,
            *[("SIGKILL worker main", lambda: kill("worker"))] * 3,
            *[("SIGKILL API", lambda: kill("api"))] * 2,
            ("SIGTERM API", lambda: kill("api", signal.SIGTERM)),
            ("SIGKILL reconciler", lambda: kill("reconciler")),
            ("SIGKILL broker", lambda: kill("broker")),
            *[("SIGSTOP worker past its lease", self._freeze)] * 5,
            *[("SIGSTOP training child", self._freeze_child)] * 2,
            *((f"SIGSTOP {part}", partial(self._freeze_part, part)) for part in ("API", "reconciler", "broker")),
            ("SIGTERM worker", lambda: kill("worker", signal.SIGTERM)),
            ("rolling restart", self._restart_all),
            ("memory exhausted", self._starve),
            *[("damaged checkpoint", self._damage)] * 2,
        ]
        if stack.clock.can_step:
            bag.append(("clock stepped by an hour", self._step_clock))
        else:
            self.skipped["clock stepped by an hour"] = "there is no C compiler"
        full = "disk full (limited tmpfs)" if stack.disk else "disk full (RLIMIT_FSIZE of the workers)"
        bag.append((full, self._fill_disk))
        if isinstance(stack, Embedded):
            bag.append(("SIGKILL supervisor", self._kill_supervisor))
            bag.append(("SIGSTOP supervisor", lambda: self._stand_still([stack.up.process.pid])))
        else:
            bag.append(("SIGKILL PostgreSQL", lambda: kill("database")))
            bag.append(("SIGSTOP PostgreSQL", lambda: self._freeze_part("database")))
        for name in stack.proxies:
            bag.append((f"connections to the {name} cut", partial(self._cut, name)))
            bag.append((f"{name} unreachable", partial(self._part, name)))
        return bag

    def _kill(self, part: str, number: signal.Signals = signal.SIGKILL) -> str | None:
        pids = self._stack.mains(part)
        if not pids:
            return None
        pid = self._choose.choice(pids)
        os.kill(pid, number)
        return f"{part} {pid}"

    def _restart_all(self) -> str:
        """As a deploy does: each process that there is ends by SIGTERM, and the next only when its successor runs."""
        for part in ("api", "reconciler", "worker"):
            for pid in self._stack.mains(part):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                    deadline = time.monotonic() + RESTART_SECONDS
                    while time.monotonic() < deadline and self._under_way(part, pid):
                        time.sleep(0.1)
        return "all"

    def _under_way(self, part: str, pid: int) -> bool:
        """Whether the old one is still there, or no new one yet."""
        mains = self._stack.mains(part)
        return pid in mains or not mains

    def _kill_supervisor(self) -> str:
        self._stack.kill_supervisor()
        self._stack.ready()
        return "supervisor"

    def training(self) -> list[tuple[str, int]]:
        """Jobs that are held, each with the process that trains it; waits for one."""
        deadline = time.monotonic() + PATIENCE
        while not (found := self._held()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def _held(self) -> list[tuple[str, int]]:
        with self._database.read() as session:
            held = session.execute(select(JobRow.id, JobRow.worker).where(JobRow.lease_until.is_not(None))).all()
        return [(job_id, int(worker.rpartition("/")[2])) for job_id, worker in held if worker]

    def _kill_child(self) -> str | None:
        training = self.training()
        if not training:
            return None
        job_id, pid = self._choose.choice(training)
        os.kill(pid, signal.SIGKILL)
        return job_id

    def _freeze(self) -> str | None:
        mains = self._stack.mains("worker")
        if not mains or (self._frozen is not None and self._frozen.is_alive()):
            return None
        main = self._choose.choice(mains)
        pids = [main, *self._stack.below(main)]
        self._each(pids, signal.SIGSTOP)
        self._frozen = self._later(LEASE_SECONDS * 1.5, lambda: self._each(pids, signal.SIGCONT))
        return f"worker {main}"

    def _freeze_child(self) -> str | None:
        training = self.training()
        return self._stand_still([self._choose.choice(training)[1]]) if training else None

    def _freeze_part(self, part: str) -> str | None:
        mains = self._stack.mains(part.lower())
        return self._stand_still([mains[0], *self._stack.below(mains[0])]) if mains else None

    def _stand_still(self, pids: list[int]) -> str:
        self._each(pids, signal.SIGSTOP)
        self._later(self._choose.choice((1.0, LEASE_SECONDS * 1.5)), lambda: self._each(pids, signal.SIGCONT))
        return str(pids[0])

    def _starve(self) -> str | None:
        training = self.training()
        if not training:
            return None
        job_id, pid = self._choose.choice(training)
        try:
            mapped = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()
        except FileNotFoundError:
            return None
        _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (mapped + SLACK_BYTES, hard))

        def relieve() -> None:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_AS, (hard, hard))

        self._later(2 * OUTAGE_SECONDS, relieve)
        return job_id

    def _damage(self) -> str | None:
        """Flip a byte of a stored state, or tear its end off, and kill who would not have read it."""
        deadline = time.monotonic() + PATIENCE
        while (found := self._damaged()) is None and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def _damaged(self) -> str | None:
        with self._database.write() as session:
            row = session.execute(
                select(CheckpointRow.job_id, CheckpointRow.state_blob_id, JobRow.worker)
                .join(JobRow, (JobRow.account_id == CheckpointRow.account_id) & (JobRow.id == CheckpointRow.job_id))
                .where(CheckpointRow.state_blob_id.is_not(None), JobRow.status.not_in(TERMINAL))
                .limit(1)
            ).first()
            if row is None:
                return None
            job_id, blob_id, worker = row
            chunks = session.scalars(select(ChunkRow).where(ChunkRow.blob_id == blob_id)).all()
            if not chunks:
                return None
            chunk = self._choose.choice(chunks)
            place = self._choose.randrange(len(chunk.data))
            if self._choose.random() < 0.5:
                chunk.data = chunk.data[:place]
            else:
                chunk.data = chunk.data[:place] + bytes([chunk.data[place] ^ 0x10]) + chunk.data[place + 1 :]
            self.damaged.add(job_id)
            if worker:
                with suppress(ProcessLookupError):
                    os.kill(int(worker.rpartition("/")[2]), signal.SIGKILL)
        return str(job_id)

    def _step_clock(self) -> str:
        direction = self._choose.choice((HOUR, -HOUR))
        self._stack.clock.step(direction)
        self._later(OUTAGE_SECONDS, lambda: self._stack.clock.step(0))
        return f"{direction:+} s"

    def _fill_disk(self) -> str | None:
        if self._stack.disk is None:
            return self._limit_files()
        ballast = self._stack.disk / "ballast"
        if ballast.exists():
            return None
        free = os.statvfs(self._stack.disk)
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_frsize)
            while file.write(bytes(1 << 16)):
                pass
        self._later(OUTAGE_SECONDS, lambda: ballast.unlink(missing_ok=True))
        return str(ballast.name)

    def _limit_files(self) -> str | None:
        training = self.training()
        if not training:
            return None
        job_id, pid = self._choose.choice(training)
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))

        def relieve() -> None:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

        self._later(OUTAGE_SECONDS, relieve)
        return job_id

    def _cut(self, name: str) -> str:
        self._stack.proxies[name].cut()
        return name

    def _part(self, name: str) -> str:
        """Half of the time for less than a lease, half of the time for longer than one."""
        proxy = self._stack.proxies[name]
        proxy.leave()
        self._later(LEASE_SECONDS * self._choose.choice((0.5, 1.5)), proxy.come_back)
        return name

    def _later(self, seconds: float, act: Callable[[], None]) -> threading.Thread:
        timer = threading.Timer(seconds, act)
        timer.start()
        self._lasting.append(timer)
        return timer

    def _each(self, pids: list[int], number: int) -> None:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
