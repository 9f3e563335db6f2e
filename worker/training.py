"""The training of one attempt: load, go on from the last checkpoint, drive the trainer, record, checkpoint, finish."""

from dataclasses import replace
from functools import partial

import structlog
from sqlalchemy.orm import Session

from steepest.data.prepare import Prepared, check_monitor
from steepest.export.model import Model
from steepest.inspect.evaluation import evaluate
from steepest.run import limited_threads, numeric_environment
from steepest.spec.errors import JobError, Unavailable
from steepest.spec.figures import EvaluationResult
from steepest.spec.resolve import steps_per_epoch
from steepest.trainer.engines.choice import choose
from steepest.trainer.fit import EpochRecord, Finished, Progress, fit
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows
from store.attempts import Claim
from store.fence import FencedOff
from worker.attempt import explained
from worker.lease import Lease, Stop, Stopped
from worker.loading import prepared, table_of
from worker.process import Process
from worker.recorder import Recorder
from worker.saving import Saver
from worker.warm_start import warm_start

log = structlog.get_logger(__name__)


class Training:
    """One attempt's work, from its data to its result."""

    def __init__(self, here: Process, claim: Claim, lease: Lease) -> None:
        self._here = here
        self._claim = claim
        self._lease = lease
        self._spec = claim.job.resolved_spec
        self._recorder: Recorder | None = None

    def run(self) -> None:
        """Train and end the job as succeeded.

        Raises:
            JobFailed: it cannot succeed, for a reason that the user is told.
            Stopped: it shall not go on; a checkpoint has been saved where one may be.
            FencedOff: another attempt holds the job.
        """
        with prepared(self._here, self._claim.account_id, self._spec, self._look) as data:
            check_monitor(self._spec, data)
            self._train(data)

    def _train(self, data: Prepared) -> None:
        rows, width = data.training.X.shape
        network = Network.of(self._spec, width, data.outputs)
        first = self._claim.job.environment
        engine = choose(self._spec, network, rows, kept=first.engine if first else None)
        if first and first.engine == engine.name:
            engine = replace(engine, threads=first.threads)
        with limited_threads(engine) as engine:
            start = partial(warm_start, self._here.database, self._claim, network)
            saver = Saver(self._here.database, self._claim, self._lease, data, network, start)
            state = saver.begin(numeric_environment(engine))
            recorder = self._recorder = Recorder(
                self._here.database,
                self._claim,
                epochs=self._spec.epochs,
                steps_per_epoch=steps_per_epoch(rows, self._spec.batch_size),
                epoch=state.epoch - 1 if state else 0,
            )
            run = fit(
                self._spec,
                Rows(*data.training),
                outputs=data.outputs,
                validation=Rows(*data.validation) if data.validation else None,
                state=state,
                start=saver.start,
                engine=engine,
            )
            for item in run:
                if isinstance(item, Finished):
                    saver.finish(item, recorder, self._look, partial(self._held_out, data))
                    return
                recorder.note(item)
                self._obey(item, saver, recorder)

    def record(self, session: Session) -> None:
        """Write what has not been written yet of the history, in the caller's transaction."""
        if self._recorder is not None:
            self._recorder.write(session)

    def _held_out(self, data: Prepared, model: Model) -> EvaluationResult | JobError | None:
        """How good the network is on the test rows; None when there are none."""
        if not len(data.parts.test):
            return None
        try:
            with table_of(self._here, self._claim.account_id, self._spec.dataset, self._look) as table:
                return evaluate(model, table, data.parts.test, watch=self._look)
        except (Stopped, FencedOff, Unavailable):
            raise
        except Exception as error:
            return explained(error)

    def _obey(self, item: Progress | EpochRecord, saver: Saver, recorder: Recorder) -> None:
        """Save a checkpoint when one is due, and stop when asked to."""
        try:
            self._look()
        except Stopped as stopped:
            if self._lease.may_write:
                saver.last_words(item.state(), recorder, stopped.why)
            raise
        if saver.is_due(item):
            saver.checkpoint(item.state(), recorder)

    def _look(self) -> None:
        """Show that the work goes on, and see whether it still should.

        Raises:
            Stopped: it should not.
        """
        self._lease.alive()
        why = self._lease.stop or (Stop.DRAIN if self._here.drain.asked else None)
        if why is not None:
            raise Stopped(why)
