"""One seed: clients, workers, reconciler, broker and database, and what goes wrong with them.

The store, the queue, the reconciler, the runner, the lease, the recorder and the checkpoints are the real ones. In
their place are time, the broker, the mathematics and SQLite's file.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from sqlalchemy.exc import SQLAlchemyError

from steepest.spec.errors import Conflict, NotFound, Unavailable
from steepest.spec.outcome import Environment
from steepest.spec.states import JobState
from steepest.trainer.fit import Item as Record
from steepest.trainer.network import Network
from store import idempotency, jobs
from store.idempotency import StoredAnswer
from store.models import DEFAULT_ACCOUNT
from store.reconciler import Reconciler
from store.settings import Settings
from tests.simulation import training as standin
from tests.simulation.broker import Broker, VirtualQueue
from tests.simulation.faults import Armed, Fault, Faults, Stall
from tests.simulation.home import home, in_place
from tests.simulation.judge import judge
from tests.simulation.ledger import ENVIRONMENT_WAIT, TERMINAL, Ledger
from tests.simulation.loop import Death, Fiber, Loop
from tests.simulation.plan import HOUR, REQUESTS, WORKERS, Item, JobPlan, Plan
from tests.unit.store.world import ENVIRONMENT
from worker import presence, runner
from worker.identity import Identity
from worker.lease import Lease
from worker.process import Process

LEASE: Final = 6.0
EVENTS: Final = 300
MEMORY: Final = 1000
PATIENCE: Final = 1500.0
"""Virtual seconds after the last fault in which everything must have come to its end."""
RECONCILE_SECONDS: Final = 7.0
ELSEWHERE: Final = ENVIRONMENT.model_copy(update={"blas": "OpenBLAS Elsewhere"})


@dataclass
class Order:
    """A job as its owner knows it."""

    number: int
    plan: JobPlan
    id: str | None = None
    """Once the API has answered."""
    gone: bool = False


@dataclass
class Main:
    """A worker's main process, of which the loop sees the children alone; a new one has a new name."""

    letter: str
    starts: int = 0

    @property
    def name(self) -> str:
        """As its children's names begin."""
        return f"worker-{self.letter}{self.starts}"


@dataclass
class Worker:
    """A place for a child of a main process; children follow one another there."""

    number: int
    main: Main
    child: str = ""
    fiber: Fiber | None = None
    clock_offset: float = 0.0
    slowness: float = 1.0
    idle: bool = False
    asked: bool = False
    """To hand its job back and end: what `Drain` says."""


@dataclass(frozen=True)
class _Child(Process):
    """A worker's process, which the operating system does not know."""

    child: str = ""
    environment_sha256: str = ""

    @property
    def name(self) -> str:
        return self.child

    @property
    def environments(self) -> frozenset[str]:
        return frozenset({self.environment_sha256})


@dataclass
class Outcome:
    """What became of a seed."""

    events: int
    problems: list[str]
    trace: list[str] = field(repr=False)

    @property
    def digest(self) -> str:
        """Names the trace."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


class Simulation:
    """The world of one seed."""

    def __init__(self, plan: Plan, events: int = EVENTS) -> None:
        self.plan, self.home, self.most = plan, home(), events
        self.random = Random(f"world {plan.seed}")
        self.loop = Loop()
        self.database = self.home.database
        self.faults = Faults(self.loop, Random(f"breath {plan.seed}"), self._actor)
        self.database.begin_anew(self.faults)
        self.harmed: set[str] = set()
        self.living: set[str] = set()
        self.deletable: set[str] = set()
        self.ledger = Ledger(
            self.database,
            self.faults,
            lambda: self.loop.now,
            LEASE,
            self.harmed,
            self.living,
            self.deletable,
            self.home.limited_key,
        )
        self.ledger.environment_of = lambda worker: self._environment_of(worker).sha256
        self.faults.committed, self.faults.harmed = self.ledger.committed, self.harmed.add
        self.broker = Broker(self.loop, Random(f"broker {plan.seed}"), self._sent)
        self.broker.log, self.broker.arrived = self._note, self._rouse
        self.queue = VirtualQueue(self.broker)
        self.settings = Settings(
            home=Path("/nowhere"),
            database_url="sqlite:////nowhere/it.db",
            broker_url="memory://",
            lease_seconds=LEASE,
            worker_memory_bytes=MEMORY,
            environment_wait_seconds=ENVIRONMENT_WAIT,
        )
        self.orders = [Order(number, job) for number, job in enumerate(plan.jobs)]
        mains = {letter: Main(letter) for letter in WORKERS}
        self.workers = [
            Worker(number, mains[letter], clock_offset=1000.0 * number + 17) for number, letter in enumerate(WORKERS)
        ]
        self.fibers: list[Fiber] = []
        self.by_thread: dict[str, Worker] = {}
        self.acting = ""
        self.children = self.busy = self.events = 0
        self.calm = self.over = False

    # What stands in place of the real world.

    def monotonic(self) -> float:
        """The clock of the process that asks."""
        worker = self.by_thread.get(self._actor())
        return self.loop.now + (worker.clock_offset if worker else 0.0)

    def sleep(self, seconds: float) -> None:
        """Let the process that asks wait."""
        assert self.loop.running is not None
        self.loop.running.pause(seconds)

    def token(self, size: int) -> str:
        """A secret."""
        return self.random.randbytes(size).hex()

    def bits(self) -> bytes:
        """Of an id."""
        return self.random.randbytes(8)

    def is_dead(self, pid: int) -> bool:
        """Whether no child has this number."""
        return not any(name.endswith(f"/{pid}") for name in self.living)

    def lease(self, *args: Any, **named: Any) -> Lease:
        """A lease whose thread is the loop's."""
        return _Lease(self, *args, **named)

    def fit(self, spec: Any, _: Any, *, outputs: int, state: Any, **__: Any) -> Iterator[Record]:
        """Train."""
        order = next(order for order in self.orders if order.plan.seed == spec.seed)
        fiber = self.loop.running
        assert fiber is not None
        worker = self.by_thread[fiber.name]

        def work(epoch: int, step: int) -> None:
            if order.plan.kind == "poison":
                fiber.pause(0.2)
                fiber.dead = True
                raise Death
            fiber.pause(order.plan.step_seconds * worker.slowness)
            if order.plan.kind == "diverges" and epoch == order.plan.epochs:
                raise standin.diverged(epoch)

        return standin.run(spec, self.network(spec).parameters, state, work, self.environment.blas)

    @property
    def environment(self) -> Environment:
        """Of the machine of the process that asks."""
        return self._environment_of(self._actor())

    def place(self, environment_sha256: str | None) -> str:
        """Where steps are done in an environment."""
        return (ELSEWHERE if environment_sha256 == ELSEWHERE.sha256 else ENVIRONMENT).blas

    def _environment_of(self, worker: str) -> Environment:
        return ELSEWHERE if self.plan.mixed and worker.startswith("worker-b") else ENVIRONMENT

    # A life.

    def run(self) -> Outcome:
        """All of it."""
        with in_place(self):
            try:
                self._begin()
                while not self.ledger.problems and self.events < self.most:
                    self._step()
                self._heal()
                end = self.loop.now + PATIENCE
                while not self.ledger.problems and not self._all_is_done():
                    if self.loop.now > end:
                        self.say(f"after {PATIENCE:.0f} s without faults not all is over: {self._states()}")
                    self._step()
                if not self.ledger.problems:
                    for fiber in self.fibers:
                        fiber.kill()
                    self.faults.unwatched, self.acting = True, "judge"
                    judge(self)
            except Exception as error:
                self.say(f"{type(error).__name__}: {error}")
            finally:
                self.over = True
                for fiber in self.fibers:
                    fiber.kill()
        return Outcome(self.events, self.ledger.problems, self.ledger.trace)

    def _begin(self) -> None:
        for worker in self.workers:
            self._start(worker)
        self._spawn("reconciler", self._reconcile)
        for order in self.orders:
            self.loop.after(self.random.uniform(0, 60), partial(self._order, order))
        for item in self.plan.items:
            self.loop.after(item.at, partial(self._happen, item))

    def _step(self) -> None:
        self.events += 1
        if not self.loop.step():
            self.say("nothing is left to happen")

    def _spawn(self, name: str, main: Callable[[], None]) -> Fiber:
        fiber = Fiber(self.loop, name, main)
        self.fibers = [fiber, *(one for one in self.fibers if not one.over)]
        return fiber

    # Workers.

    def _start(self, worker: Worker) -> None:
        self.children += 1
        worker.child = f"{worker.main.name}/{self.children}"
        worker.asked = worker.idle = False
        self.living.add(worker.child)
        self.by_thread[worker.child] = worker
        worker.fiber = self._spawn(worker.child, partial(self._live, worker))

    def _live(self, worker: Worker) -> None:
        name = worker.child
        identity = Identity(worker.main.name, ("cpu",), Path("/nowhere/drain"))
        where = self._environment_of(name).sha256
        here: Any = _Child(self.settings, identity, self.database, self.queue, None, worker, name, where)  # type: ignore[arg-type]  # no cache, and `worker` says when to drain
        fiber = self.loop.running
        assert fiber is not None
        try:
            try:
                presence.bury_the_dead(here)
            except Unavailable:
                self._note(f"{name} could not bury the dead")
            while not worker.asked:
                subject = self.broker.take()
                if subject is None:
                    worker.idle = True
                    fiber.park()
                    worker.idle = False
                    continue
                self._train(here, subject)
        finally:
            self.living.discard(name)
            self.by_thread.pop(name, None)
            self._note(f"{name} ends")
            if fiber.dead and self.random.random() < 0.3:
                self.loop.after(0.0, partial(self._end_main, worker.main, worker.main.starts))
            if worker.fiber is fiber:
                self.loop.after(1.0, partial(self._start, worker))

    def _end_main(self, main: Main, starts: int) -> None:
        """A main process is gone with all its children, so that nobody buries them."""
        if main.starts != starts or self.over:
            return
        main.starts += 1
        for worker in self.workers:
            if worker.main is main and worker.fiber is not None:
                worker.fiber.kill()

    def _train(self, here: Process, subject: str) -> None:
        try:
            runner.run(here, subject)
        except Unavailable:
            self._note(f"{here.name} gave up: the database is away")

    def _rouse(self) -> None:
        for worker in self.random.sample(self.workers, len(self.workers)):
            if worker.idle and worker.fiber is not None:
                worker.fiber.unpark()

    def _sent(self, subject: str) -> None:
        if self.database.open:
            self.say(f"{subject} is announced before the commit")
        if subject not in self.ledger.jobs:
            if subject not in self.deletable:  # else its owner was faster than who meant to announce it
                self.say(f"{subject} is announced, and there is no such job")
        elif self.ledger.jobs[subject].worker == self._actor():
            self.say(f"{subject} is announced by the worker that still holds it")

    # The reconciler.

    def _reconcile(self) -> None:
        reconciler = Reconciler(self.database, self.queue, self.settings)
        reconciler._looks_between_sweeps = 3
        fiber = self.loop.running
        assert fiber is not None
        try:
            while True:
                fiber.pause(RECONCILE_SECONDS if not self.calm else 2 * RECONCILE_SECONDS)
                try:
                    reconciler.tick()
                except Unavailable:
                    self._note("the reconciler waits")
        finally:
            self.loop.after(3.0, lambda: self._spawn("reconciler", self._reconcile) and None)

    # Clients.

    def _client(self, name: str, act: Callable[[], None], again: Callable[[], None] | None = None) -> None:
        """Ask in a fiber of its own, again when the API gives no answer."""

        def main() -> None:
            self.busy += 1
            try:
                act()
            except (Unavailable, Death):
                self._note(f"{name} gets no answer")
                if again is not None:
                    self.loop.after(2.0, again)
            finally:
                self.busy -= 1

        self._spawn(f"api {name}", main)

    def _order(self, order: Order) -> None:
        self._client(f"submit {order.number}", partial(self._submit, order), partial(self._order, order))

    def _submit(self, order: Order) -> None:
        """As the API does it: the key, then the job and its answer together, then the message."""
        key = f"order {order.number}"
        try:
            with self.database.write() as session:
                found = idempotency.reserve(session, DEFAULT_ACCOUNT, key, key)
        except Conflict:
            raise Unavailable("later") from None
        if isinstance(found, StoredAnswer):
            order.id = found.body
            return
        plan = order.plan
        asked, resolved = self.home.spec(plan.epochs, plan.checkpoint_seconds, plan.seed)
        try:
            with self.database.write() as session:
                row = jobs.submit(
                    session, DEFAULT_ACCOUNT, asked, resolved, key_id=self._key, memory_bytes=plan.memory_bytes
                )
                idempotency.answer(session, found, fingerprint=key, status=201, headers={}, body=row.id)
        except Exception:
            with self.database.write() as session:
                idempotency.abandon(session, found)
            raise
        self.queue.announce_job(row.id)
        order.id = row.id

    @property
    def _key(self) -> str:
        return self.home.limited_key if self.plan.limited else ""

    def _request(self, order: Order, name: str) -> None:
        self._client(f"{name} {order.number}", partial(self._ask, order, name), partial(self._request, order, name))

    def _ask(self, order: Order, name: str) -> None:
        if order.id is None:
            return
        if name == "delete":
            self.deletable.add(order.id)
        try:
            with self.database.write() as session:
                row = getattr(jobs, name)(session, DEFAULT_ACCOUNT, order.id)
        except Conflict:
            return
        except NotFound:
            if order.id not in self.deletable:
                self.say(f"{order.id} is not found")
            order.gone = True
            return
        if name == "delete":
            order.gone = True
        elif row.status is JobState.QUEUED:
            self.queue.announce_job(order.id)

    # What goes wrong.

    def _happen(self, item: Item) -> None:
        if self.calm:
            return
        self._note(f"item {item}")
        if item.what in REQUESTS:
            self._request(self.orders[item.who % len(self.orders)], item.what)
        else:
            getattr(self, f"_break_{item.what}")(item, self.workers[item.who % len(WORKERS)])

    def _break_kill(self, _: Item, worker: Worker) -> None:
        if worker.fiber is not None:
            worker.fiber.kill()

    def _break_freeze(self, item: Item, worker: Worker) -> None:
        if worker.fiber is not None:
            self.harmed.add(worker.child)
            worker.fiber.freeze(item.draw * 3 * LEASE)

    def _break_nap(self, item: Item, worker: Worker) -> None:
        """A freeze that ends about when the lease does."""
        if worker.fiber is not None:
            self.harmed.add(worker.child)
            worker.fiber.freeze(LEASE * (0.6 + 0.8 * item.draw))

    def _break_stall(self, item: Item, worker: Worker) -> None:
        whose = (worker.child, worker.child, worker.child, worker.child, "reconciler", "reconciler")[item.who]
        self.faults.stalls.append(Stall(whose, int(item.draw * 1000) % 15, LEASE * (0.3 + 2 * item.draw)))

    def _break_slow(self, item: Item, worker: Worker) -> None:
        worker.slowness = 1 + 4 * item.draw

    def _break_drain(self, _: Item, worker: Worker) -> None:
        worker.asked = True
        self._rouse()

    def _break_statement(self, item: Item, worker: Worker) -> None:
        self._arm(item, worker, commits=False)

    def _break_commit(self, item: Item, worker: Worker) -> None:
        self._arm(item, worker, commits=True)

    def _arm(self, item: Item, worker: Worker, *, commits: bool) -> None:
        whose = (worker.child, worker.main.name, "reconciler", "api")[item.who % 4]
        fault = list(Fault)[int(item.draw * 4)]
        self.faults.armed.append(Armed(whose, fault, int(item.draw * 1000) % (5 if commits else 25), commits))

    def _break_outage(self, item: Item, worker: Worker) -> None:
        whose = ("", worker.child, worker.main.name, "reconciler")[item.who % 4]
        self.faults.away[whose] = self.loop.now + item.draw * 3 * LEASE

    def _break_messages(self, item: Item, _: Worker) -> None:
        self.broker.losing = (0.0, 0.5, 1.0)[item.who % 3]
        self.broker.repeating = self.broker.delaying = item.draw

    def _break_broker(self, item: Item, _: Worker) -> None:
        self.broker.away_until = self.loop.now + 20 * item.draw
        self.loop.after(20 * item.draw, self._rouse)

    def _break_reconciler(self, item: Item, _: Worker) -> None:
        for fiber in self.fibers:
            if fiber.name == "reconciler":
                if item.draw < 0.5:
                    fiber.kill()
                else:
                    fiber.freeze(40 * item.draw)
        if item.who % 2:
            self._spawn("reconciler", self._reconcile)

    def _break_clock(self, item: Item, _: Worker) -> None:
        """It is set ahead or back: by hours, or by about a lease. Leases may seem to be over, or to last for long."""
        self.faults.clock_ahead = (HOUR, -HOUR, 0.0, LEASE, -LEASE, 0.0)[item.who] * (0.5 + item.draw)
        self.harmed.update(self.living)

    # The end.

    def _heal(self) -> None:
        self._note("all faults end")
        self.calm = True
        self.harmed.update(self.living)  # whose leases may seem to be over, as the clock is right again
        self.faults.heal()
        self.broker.heal()
        for worker in self.workers:
            worker.slowness = 1.0
        self._rouse()
        self.loop.after(5.0, self._settle)

    def _settle(self) -> None:
        for order in self.orders:
            job = self.ledger.jobs.get(order.id or "")
            if job is not None and job.status == "paused":
                self._request(order, "resume")
        self.loop.after(10.0, self._settle)

    def _all_is_done(self) -> bool:
        if self.busy or any(order.id is None for order in self.orders):
            return False
        return all(job.status in TERMINAL for job in self.ledger.jobs.values())

    # Small things.

    def network(self, spec: Any) -> Network:
        """Of a job."""
        return Network.of(spec, self.home.prepared.training.X.shape[1], self.home.prepared.outputs)

    def _actor(self) -> str:
        return self.loop.running.name if self.loop.running else self.acting

    def _states(self) -> str:
        return ", ".join(f"{job.id[-6:]} {job.status}" for job in self.ledger.jobs.values())

    def _note(self, text: str) -> None:
        self.ledger.trace.append(f"{self.loop.now:.3f} {text}")

    def say(self, problem: str) -> None:
        """Something is wrong."""
        self.ledger.problems.append(problem)


class _Lease(Lease):
    """Looks when the loop says so, in the name of its process."""

    def __init__(self, simulation: Simulation, *args: Any, **named: Any) -> None:
        self._world = simulation
        fiber = simulation.loop.running
        assert fiber is not None
        self._fiber = fiber
        worker = simulation.by_thread[fiber.name]
        super().__init__(*args, clock=lambda: simulation.loop.now + worker.clock_offset, on_hung=self._hung, **named)

    def __enter__(self) -> Self:
        self._world.loop.after(LEASE / 6, self._look)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _look(self) -> None:
        world, fiber = self._world, self._fiber
        if self._ended.is_set() or fiber.dead or fiber.over:
            return
        wait = LEASE / 6
        if fiber.frozen_until > world.loop.now:
            wait = fiber.frozen_until - world.loop.now
        else:
            world.acting = fiber.name
            self.beat()
            world.acting = ""
        world.loop.after(wait, self._look)

    def _hung(self) -> None:
        self._world.say(f"{self._fiber.name} takes itself to hang")


def simulate(seed: int, keep: tuple[int, ...] | None = None, events: int = EVENTS) -> Outcome:
    """What becomes of a seed."""
    try:
        return Simulation(Plan.of(seed, keep), events).run()
    except SQLAlchemyError as error:
        return Outcome(0, [repr(error)], [])
