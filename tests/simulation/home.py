"""What is made once for all seeds: an empty database of the current schema, a small data set, and what is in its rows.

Also where the virtual world is put in place of the real one, in as few places as there are.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import structlog

from steepest.data.ingest import ingest
from steepest.data.prepare import Prepared, prepare
from steepest.data.table import open_table
from steepest.spec.job import JobSpec
from steepest.spec.outcome import Result
from steepest.spec.resolved import ResolvedJobSpec
from steepest.trainer.engines.choice import PLAN
from store import blobs, idempotency, ids, keys, migrate
from store.database import Database
from store.models import DEFAULT_ACCOUNT
from tests.simulation import training as standin
from tests.simulation.faults import BEGINNING, MemoryDatabase
from tests.unit.store.world import EVALUATION, Clock, World, resolved
from worker import attempt, presence, runner, saving, training
from worker.recorder import Recorder
from worker.saving import Saver

if TYPE_CHECKING:
    from tests.simulation.world import Simulation

ROWS = "x,y\n" + "".join(f"{row % 5}.5,{'ab'[row % 2]}\n" for row in range(20))


@dataclass(frozen=True)
class Home:
    """Shared by all seeds of a process."""

    database: MemoryDatabase
    dataset_id: str
    limited_key: str
    """A key of whose jobs one may be at work at a time."""
    prepared: Prepared

    def spec(self, epochs: int, checkpoint_seconds: float, seed: int) -> tuple[JobSpec, ResolvedJobSpec]:
        """A job, as asked for and as resolved."""
        asked, answer = _spec(self.dataset_id, epochs, checkpoint_seconds)
        return asked.model_copy(update={"seed": seed}), answer.model_copy(update={"seed": seed})


@cache
def _spec(dataset_id: str, epochs: int, seconds: float) -> tuple[JobSpec, ResolvedJobSpec]:
    asked = JobSpec.model_validate(
        {
            "dataset": dataset_id,
            "target": "y",
            "epochs": epochs,
            "layers": [{"units": 2}],
            "checkpoint_every": {"seconds": seconds},
            "early_stopping": None,
        }
    )
    return asked, resolved(asked)


@cache
def home() -> Home:
    """The one of this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory() as folder, _ids(lambda: 0.0, b"\0" * 8):
        file = Path(folder) / "template.db"
        migrate.upgrade(f"sqlite:///{file}")
        with Database(f"sqlite:///{file}", clock=Clock(BEGINNING)) as database:
            dataset = World(database, Clock(BEGINNING)).dataset(ROWS.encode())
            with database.write() as session:
                key = keys.create(session, DEFAULT_ACCOUNT, ["write"], "limited", max_running=1)[0].id
        _, spec = _spec(dataset.id, 3, 1.0)
        ingest(BytesIO(ROWS.encode()), "csv", Path(folder) / "table")
        table = open_table(Path(folder) / "table")
        prepared = prepare(table, spec, spec.targets, spec.features, ("a", "b"))
        return Home(MemoryDatabase(str(file)), dataset.id, key, prepared)


@contextmanager
def in_place(simulation: "Simulation") -> Iterator[None]:
    """Let the code under test run in the simulation's world."""

    def give_prepared(*_: object) -> Any:
        return nullcontext(simulation.home.prepared)

    def steps(*_: object) -> int:
        return standin.STEPS

    def result_of(*_: Any, epochs: int, best_epoch: int, watch: Any) -> Result:
        watch()
        return Result(epochs=epochs, best_epoch=best_epoch, parameters=5, training_loss=0.5)

    def evaluate(*_: Any, watch: Any) -> Any:
        simulation.sleep(0.5)
        watch()
        return EVALUATION

    time = SimpleNamespace(monotonic=simulation.monotonic, sleep=simulation.sleep)
    places: list[tuple[Any, str, Any]] = [
        (runner, "time", time),
        (runner, "Lease", simulation.lease),
        (attempt, "time", time),
        (presence, "_is_dead", simulation.is_dead),
        (training, "prepared", give_prepared),
        (training, "table_of", give_prepared),
        (training, "evaluate", evaluate),
        (training, "choose", lambda *_, **__: PLAN),
        (training, "limited_threads", nullcontext),
        (training, "numeric_environment", lambda _: simulation.environment),
        (training, "steps_per_epoch", steps),
        (training, "check_monitor", lambda *_: None),
        (training, "fit", simulation.fit),
        (training, "Recorder", partial(Recorder, clock=simulation.monotonic)),
        (training, "Saver", partial(Saver, clock=simulation.monotonic)),
        (saving, "result_of", result_of),
        (saving, "TemporaryFile", BytesIO),
        (blobs, "KEPT", timedelta(seconds=25)),
        (idempotency, "secrets", SimpleNamespace(token_hex=simulation.token)),
    ]
    with ExitStack() as stack:
        for place, name, stand_in in places:
            stack.enter_context(mock.patch.object(place, name, stand_in))
        stack.enter_context(_ids(lambda: simulation.loop.now, simulation.bits))
        yield


@contextmanager
def _ids(seconds: Any, bits: Any) -> Iterator[None]:
    """Ids that come from the virtual clock and the seed."""
    start = int(BEGINNING.timestamp())
    clock = SimpleNamespace(time_ns=lambda: int((start + seconds()) * 1e9))
    system = SimpleNamespace(urandom=lambda _: bits() if callable(bits) else bits)
    with mock.patch.multiple(ids, time=clock, os=system, _latest=0):
        yield
