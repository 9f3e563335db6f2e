"""A child says that it lives, and gives back what a dead sibling held."""

import os
import subprocess
import sys
from pathlib import Path

from steepest.spec.states import JobState
from store import attempts, workers
from tests.unit.worker.conftest import Desk
from worker import presence
from worker.identity import Identity


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()
    return process.pid


def claimed_by(desk: Desk, dataset: str, worker: str) -> str:
    job_id = desk.submit(dataset)
    with desk.here.database.write() as session:
        assert attempts.claim(session, job_id, worker, 15.0) is not None
    return job_id


def test_the_jobs_of_a_dead_sibling_are_given_back(desk: Desk, dataset: str) -> None:
    identity = desk.here.identity
    lost = claimed_by(desk, dataset, identity.child(dead_pid()))
    alive = claimed_by(desk, dataset, identity.child(os.getpid()))
    elsewhere = claimed_by(desk, dataset, Identity.new("cpu@test", ["cpu"], Path("none")).child(dead_pid()))
    presence.bury_the_dead(desk.here)
    assert desk.job(lost).status is JobState.QUEUED
    assert desk.queue.jobs == [lost]
    assert desk.job(alive).status is JobState.RUNNING
    assert desk.job(elsewhere).status is JobState.RUNNING, "its process is not ours to judge"


def test_a_child_is_seen_until_it_leaves(desk: Desk) -> None:
    def seen() -> int:
        with desk.here.database.read() as session:
            return len(workers.alive(session, 15.0))

    presence.sign(desk.here)
    assert seen() == 1
    presence.leave(desk.here)
    assert seen() == 0


def test_an_identity_passes_through_the_environment() -> None:
    environ: dict[str, str] = {}
    identity = Identity.new("cpu@host", ["cpu", "gpu"], Path("/tmp/drain"))
    identity.publish(environ)
    assert Identity.read(environ) == identity
