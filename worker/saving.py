"""Checkpoints of one attempt: where it goes on, what it saves on the way, and what it leaves at the end.

Bytes are stored first; then one fenced transaction makes them the job's current checkpoint, together with the epochs
that led there. What a death leaves in between is referred to by nothing, and swept.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import Any, Final, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as tensors
from sqlalchemy.orm import Session

from steepest.data import split_file
from steepest.data.prepare import Prepared
from steepest.data.split_hash import split_sha256
from steepest.export import safetensors
from steepest.export.model import Model
from steepest.run import result_of
from steepest.run.code import code
from steepest.spec.errors import JobError
from steepest.spec.figures import EvaluationResult
from steepest.spec.outcome import Environment
from steepest.trainer.fit import EpochRecord, Finished, Progress
from steepest.trainer.initializers import initial
from steepest.trainer.network import Network
from steepest.trainer.start import Start
from steepest.trainer.state import State
from store import attempts, blobs, checkpoints, computations, history, lineage, splits
from store.attempts import Claim
from store.checkpoints import Kind
from store.database import Database
from worker.attempt import persist, through_outage
from worker.lease import Lease, Stop, Stopped
from worker.recorder import Recorder
from worker.rhythm import Rhythm

log = structlog.get_logger(__name__)

SOON_SECONDS: Final = 1.0
"""Between checkpoints of an attempt that follows a failure: whatever ends it, the next one gets further."""

QUICK_BYTES: Final = 4 << 20
"""Weights that are stored in a moment."""

Weights = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class _Place:
    """Weights, and what they are, after `epoch` epochs and `step` steps."""

    epoch: int
    step: int
    kind: Kind
    theta: Weights


class _Split(NamedTuple):
    """Stored row numbers, and their hash."""

    blob_id: str
    sha256: str


class Saver:
    """Knows what of an attempt is stored, and stores the rest."""

    def __init__(
        self,
        database: Database,
        claim: Claim,
        lease: Lease,
        data: Prepared,
        network: Network,
        find_start: Callable[[], Start | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`find_start`: the weights to begin with, if not the seed's; who goes on never asks for them."""
        self._database = database
        self._claim = claim
        self._lease = lease
        self._data = data
        self._network = network
        self._find_start = find_start
        self.start: Start | None = None
        """Where the attempt begins, if it begins at the weights of another job."""
        asked = claim.job.spec.checkpoint_every.seconds
        self._rhythm = Rhythm(min(asked, SOON_SECONDS) if claim.job.failures else asked, clock)
        self._best_epoch: int | None = None
        """The epoch of the best weights that are stored; None when none are."""
        self._at_home = True
        """Whether the attempt is in the numeric environment that the job began in."""

    def begin(self, environment: Environment) -> State | None:
        """Where to go on, None for the start.

        The history is rewound to that place. An attempt in another numeric environment than the one in which the job
        began is right to rounding.
        """
        state, damaged = self.last_state() if self._claim.attempt > 1 else (None, [])
        split = self._split()
        if state is None:
            self.start = self._find_start()
        # A job that fails at once keeps these.
        begun = self._write(lambda: safetensors.pieces(self._model(self._initial()))) if state is None else None

        def start(session: Session) -> Environment:
            first = self._start(session, environment, state, damaged, split)
            if begun is not None:
                checkpoints.save(session, self._claim, 0, 0, {"initial"}, begun)
            return first

        first = persist(self._database, self._lease, start)
        # What lay beyond an older state went with the damaged ones: its best weights are stored anew.
        self._best_epoch = state.best_epoch if state and not damaged else None
        if first != environment:
            log.warning("environment_differs", first=first.model_dump(), this=environment.model_dump())
        self._at_home = first == environment
        return state

    def is_due(self, item: Progress | EpochRecord) -> bool:
        """Whether it is time for a checkpoint; to be asked of all that the trainer yields."""
        return self._rhythm.is_due(item)

    def checkpoint(self, state: State, recorder: Recorder, *, resumable: bool = True) -> None:
        """Store a state to go on from, with the epochs that led there, and the best weights if they are new."""
        place = _Place(state.epoch - 1, state.step, "last", state.theta[0])
        with self._rhythm.saving():
            stored = self._stored(place, state.best_epoch, state.best[0])
            state_blob_id = self._write(lambda: safetensors.written(state.to_arrays())) if resumable else None

            def write(session: Session) -> None:
                self._tell(session, recorder)
                for (epoch, step), (kinds, blob_id) in stored.items():
                    here = "last" in kinds
                    checkpoints.save(session, self._claim, epoch, step, kinds, blob_id, state_blob_id if here else None)

            persist(self._database, self._lease, write)
        recorder.written()
        self._best_epoch = state.best_epoch
        log.info("checkpoint_saved", epoch=state.epoch - 1, step=state.step)

    def last_words(self, state: State, recorder: Recorder, why: Stop) -> None:
        """What an attempt stores that shall stop.

        Nobody goes on from where a job was cancelled, so its weights are enough; and who cancelled waits for it to
        stop, so large ones stay as the last checkpoint has them.
        """
        if why is not Stop.CANCEL:
            self.checkpoint(state, recorder)
        elif state.theta.nbytes <= QUICK_BYTES:
            self.checkpoint(state, recorder, resumable=False)

    def finish(
        self,
        run: Finished,
        recorder: Recorder,
        watch: Callable[[], None],
        evaluated: Callable[[Model], EvaluationResult | JobError | None],
    ) -> None:
        """Measure the weights that predictions use, and end the job as succeeded with all its weights and figures.

        Raises:
            Stopped: `watch` has seen that the job shall not go on. One that is cancelled keeps the weights, as it does
                in `last_words`; any other goes on from its last checkpoint.
        """
        try:
            result = result_of(
                self._network, run.theta, self._data, epochs=run.epochs, best_epoch=run.best_epoch, watch=watch
            )
            held_out = evaluated(self._model(run.theta))
        except Stopped as stopped:
            if stopped.why is Stop.CANCEL and self._lease.may_write and run.last.nbytes <= QUICK_BYTES:
                self._save_trained(run, recorder)
            raise

        def end(session: Session) -> None:
            if held_out is not None:
                computations.save_held_out(session, self._claim, held_out)
            attempts.finish(session, self._claim, result, run.stopped_by)

        self._save_trained(run, recorder, end)

    def _save_trained(self, run: Finished, recorder: Recorder, then: Callable[[Session], None] | None = None) -> None:
        """Store the weights of a run that is over, with its last epochs; `then` is in the same transaction."""
        stored = self._stored(_Place(run.epochs, 0, "last", run.last), run.best_epoch, run.best)

        def write(session: Session) -> None:
            self._tell(session, recorder)
            for (epoch, step), (kinds, blob_id) in stored.items():
                checkpoints.save(session, self._claim, epoch, step, kinds, blob_id)
            if then is not None:
                then(session)

        persist(self._database, self._lease, write)
        recorder.written()

    def _tell(self, session: Session, recorder: Recorder) -> None:
        """Write how the weights came about that this transaction stores."""
        recorder.write(session)
        if not self._at_home:
            attempts.deviate(session, self._claim)

    def _start(
        self,
        session: Session,
        environment: Environment,
        state: State | None,
        damaged: Sequence[dict[str, int]],
        split: _Split | None,
    ) -> Environment:
        first = attempts.start(session, self._claim, environment, anew=state is None)
        lineage.trained(
            session,
            self._claim,
            version=code().version,
            code_sha256=code().sha256,
            split_sha256=split_sha256(self._data.parts),
            resumed=state is not None,
        )
        if split is not None:
            splits.save(session, self._claim, split.blob_id, split.sha256, self._data.warnings)
        if self._claim.attempt > 1:
            epoch, step = (state.epoch - 1, state.step) if state else (0, 0)
            history.rewind(session, self._claim, epoch, step)
            if state is not None and damaged:
                checkpoints.go_back(session, self._claim, epoch, step)
            told = {"epoch": epoch, "step": step} | ({"damaged": list(damaged)} if damaged else {})
            attempts.tell(session, self._claim, "job.resumed", told)
        return first

    def _split(self) -> _Split | None:
        """The stored row numbers of each part; None when an earlier attempt has told them."""
        if self._claim.attempt > 1:
            with self._database.read() as session:
                if splits.find(session, self._claim.account_id, self._claim.job_id) is not None:
                    return None
        with TemporaryFile() as file:
            split_file.dump(self._data.parts, file)

            def store() -> str:
                file.seek(0)
                pieces = iter(lambda: file.read(blobs.CHUNK), b"")
                return blobs.write(self._database, self._claim.account_id, pieces).id

            return _Split(through_outage(self._lease, store), split_sha256(self._data.parts))

    def last_state(self) -> tuple[State | None, list[dict[str, int]]]:
        """The latest state that can be read, None to start from the beginning; and where those lay that cannot."""
        with self._database.read() as session:
            rows = checkpoints.resumable(session, self._claim)
            stored = [(row, blobs.get(session, row.account_id, row.state_blob_id or "")) for row in rows]
        damaged: list[dict[str, int]] = []
        for row, blob in stored:
            try:
                return State.from_arrays(tensors.load(blobs.read_all(self._database, blob))), damaged
            except (blobs.BlobDamaged, SafetensorError, ValueError):
                log.exception("checkpoint_unreadable", epoch=row.epoch, step=row.step)
                damaged.append({"epoch": row.epoch, "step": row.step})
        return None, damaged

    def _stored(self, last: _Place, best_epoch: int, best: Weights) -> dict[tuple[int, int], tuple[set[Kind], str]]:
        """The kinds and the stored weights of each position that is new: the last, and the best if it is."""
        places = [last]
        if best_epoch > (self._best_epoch or 0):
            places.append(_Place(best_epoch, 0, "best", best))
        stored: dict[tuple[int, int], tuple[set[Kind], str]] = {}
        for place in places:
            position = (place.epoch, place.step)
            if position not in stored:
                model = self._model(place.theta)
                stored[position] = (set(), self._write(partial(safetensors.pieces, model)))
            stored[position][0].add(place.kind)
        return stored

    def _initial(self) -> Weights:
        """The weights that the run begins with."""
        if self.start is not None:
            return self.start.theta
        spec = self._claim.job.resolved_spec
        drawn: Weights = initial(self._network, spec.initializer, spec.seed, np.dtype(spec.precision))[0]
        return drawn

    def _write(self, pieces: Callable[[], Iterator[bytes | memoryview]]) -> str:
        """Store bytes, which nothing refers to yet; the blob's id."""
        return through_outage(self._lease, lambda: blobs.write(self._database, self._claim.account_id, pieces()).id)

    def _model(self, theta: Weights) -> Model:
        return Model(self._network, theta, self._claim.job.resolved_spec, self._data.preprocessing, self._data.target)
