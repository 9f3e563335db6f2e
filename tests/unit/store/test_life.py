"""A job's whole life, in every order that Hypothesis can think of, against a model of a few lines."""

import itertools
import os
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from steepest.spec.errors import Conflict, Diverged
from steepest.spec.states import FULFILLED, HELD, LEASE_EXPIRED, REQUESTS, TERMINAL, TRANSITIONS, JobState
from store import attempts, checkpoints, events, history, jobs
from store.attempts import FencedOff, Position
from store.fence import Claim
from store.models import BlobRow, BlobState, CheckpointRow, DatasetRow
from store.patience import MOST_FAILURES
from store.reconciler import Reconciler
from store.settings import Settings
from tests.unit.store.test_reconciler import Broker
from tests.unit.store.world import LEASE, RESULT, World, epoch

ERROR = Diverged("The loss became NaN.", epoch=1, step=1, layer="layers.0").error()
STEPS = 10


ENDS = ("finish", "fail", "release")


class Life(RuleBasedStateMachine):
    """One job, the workers that ever had it, and what must be true of it by this model."""

    world: World
    dataset: DatasetRow
    reconciler: Reconciler
    broker: Broker

    @initialize()
    def submit(self) -> None:
        self.job_id = self.world.submit(self.dataset).id
        self.status = JobState.QUEUED
        self.claims: list[Claim] = []
        self.epochs = self.failures = self.reached = self.reached_before = 0
        self.saved: int | None = None

    @property
    def holder(self) -> Claim | None:
        return self.claims[-1] if self.status in HELD else None

    def become(self, state: JobState) -> None:
        assert state in TRANSITIONS[self.status]
        self.status = state

    def pick(self, data: st.DataObject) -> Claim:
        """Any worker that ever had the job; those that lost it do not know."""
        return data.draw(st.sampled_from(self.claims))

    @rule()
    def claim(self) -> None:
        """A worker gets a message, true or stale; if it gets the job, it goes on from the last checkpoint."""
        with self.world.database.write() as session:
            claim = attempts.claim(session, self.job_id, "worker", LEASE)
        assert (claim is not None) is (self.status is JobState.QUEUED)
        if claim is None:
            return
        self.become(JobState.RUNNING)
        self.claims.append(claim)
        assert claim.attempt == len(self.claims)
        self.reached_before = self.reached
        with self.world.database.write() as session:
            start = next(iter(checkpoints.resumable(session, claim)), None)
            assert (start and start.epoch) == self.saved
            history.rewind(session, claim, start.epoch if start else 0)
        self.epochs = self.saved or 0

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), count=st.integers(1, 3))
    def train(self, data: st.DataObject, count: int) -> None:
        claim = self.pick(data)
        try:
            with self.world.database.write() as session:
                first = history.append(session, claim, [epoch(self.epochs + n) for n in range(1, count + 1)])
                second = attempts.progress(session, claim, Position(self.epochs + count, 0, STEPS))
        except FencedOff:
            assert claim is not self.holder
        else:
            assert claim is self.holder
            assert first is second is self.status
            self.epochs += count
            self.reached = max(self.reached, self.epochs * STEPS)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), best=st.booleans())
    def save(self, data: st.DataObject, best: bool) -> None:
        claim = self.pick(data)
        weights = self.world.blob(f"weights {self.epochs}".encode())
        state = self.world.blob(f"state {self.job_id} {self.epochs} {claim.attempt}".encode())
        try:
            with self.world.database.write() as session:
                checkpoints.save(session, claim, self.epochs, 0, {"last", "best"} if best else {"last"}, weights, state)
        except FencedOff:
            assert claim is not self.holder
        else:
            assert claim is self.holder
            self.saved = self.epochs

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claim = self.pick(data)
        with self.world.database.write() as session:
            state = attempts.renew(session, claim, LEASE)
        assert state == (self.status if claim is self.holder else None)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), how=st.sampled_from(ENDS))
    def end(self, data: st.DataObject, how: str) -> None:
        self.ended_by(self.pick(data), how)

    @precondition(lambda self: len(self.claims) > 1 and self.holder is not None)
    @rule(how=st.sampled_from(ENDS))
    def end_by_one_who_was_overtaken(self, how: str) -> None:
        self.ended_by(self.claims[0], how)

    def ended_by(self, claim: Claim, how: str) -> None:
        try:
            with self.world.database.write() as session:
                if how == "finish":
                    attempts.finish(session, claim, RESULT, "epochs")
                elif how == "fail":
                    attempts.fail(session, claim, ERROR)
                else:
                    attempts.release(session, claim)
        except FencedOff:
            assert claim is not self.holder
        else:
            assert claim is self.holder
            ends = {"finish": JobState.SUCCEEDED, "fail": JobState.FAILED}
            self.become(ends.get(how) or LEASE_EXPIRED[self.status])

    @rule(name=st.sampled_from(sorted(REQUESTS)))
    def ask(self, name: str) -> None:
        """The owner wants something of the job, whether it is possible or not."""
        moves = REQUESTS[name]
        try:
            with self.world.database.write() as session:
                state = getattr(jobs, name)(session, self.world.account_id, self.job_id).status
        except Conflict:
            assert self.status not in {*moves, *FULFILLED[name]}
        else:
            if self.status in moves:
                self.become(moves[self.status])
                self.failures = 0 if name == "retry" else self.failures
            assert state is self.status
            assert self.status in FULFILLED[name]

    @rule(seconds=st.sampled_from([1.0, LEASE, 40.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.clock.forward(seconds)

    @rule()
    def reconcile(self) -> None:
        self.broker.told.clear()
        held = self.world.job(self.job_id).lease_until
        expired = held is not None and held <= self.world.clock()
        self.reconciler.tick()
        if not expired:
            return
        self.failures = 0 if self.reached > self.reached_before else self.failures + 1
        self.become(LEASE_EXPIRED[self.status])
        if self.status is JobState.QUEUED and self.failures >= MOST_FAILURES:
            self.become(JobState.FAILED)
        assert (self.job_id in self.broker.told) is (self.status is JobState.QUEUED)

    @invariant()
    def the_row_is_as_it_should_be(self) -> None:
        row = self.world.job(self.job_id)
        assert row.status is self.status
        assert (row.attempt, row.failures, row.epoch) == (len(self.claims), self.failures, self.epochs)
        assert (row.finished_at is not None) is (self.status in TERMINAL)

    @invariant()
    def events_have_no_gap_and_follow_the_table(self) -> None:
        row = self.world.job(self.job_id)
        with self.world.database.read() as session:
            found = events.page(session, row.account_id, row.id, limit=1000).rows
        assert [event.number for event in found] == list(range(1, row.last_event + 1))
        states = [event.status for event in found if event.status is not None]
        assert states[0] is JobState.QUEUED
        assert states[-1] is self.status
        assert all(after in TRANSITIONS[before] for before, after in itertools.pairwise(states))

    @invariant()
    def the_history_is_whole(self) -> None:
        with self.world.database.read() as session:
            rows = history.page(session, self.world.account_id, self.job_id, limit=1000).rows
        assert [row.epoch for row in rows] == list(range(1, self.epochs + 1))

    @invariant()
    def every_checkpoint_has_its_bytes(self) -> None:
        with self.world.database.read() as session:
            found = session.execute(
                select(CheckpointRow, BlobRow.status)
                .join(BlobRow, BlobRow.id == CheckpointRow.blob_id)
                .where(CheckpointRow.job_id == self.job_id)
            ).all()
        assert all(state is BlobState.COMPLETE and row.epoch <= self.epochs for row, state in found)
        assert sum(row.is_last for row, _ in found) == (self.saved is not None)


def test_whatever_happens_in_whatever_order(world: World) -> None:
    broker = Broker()
    Life.world, Life.broker, Life.dataset = world, broker, world.dataset()
    Life.reconciler = Reconciler(world.database, broker, Settings(home=Path(), lease_seconds=LEASE))
    many = os.environ.get("STEEPEST_EXAMPLES")
    few = 10 if world.database.is_sqlite else 6
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=int(many or few),
            stateful_step_count=50 if many else 20,
            derandomize=bool(many),
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # Of many one only wants to know whether any fails, and not the shortest that does.
            phases=(Phase.generate,) if many else tuple(Phase),
        ),
    )
