"""How soon a job runs again after its process, or its whole worker, was killed: one kill at a time, nothing else."""

import os
import signal
import time
from typing import Any

from sqlalchemy import select

from store.database import Database
from store.models import JobRow
from tests.faults.clients import Client
from tests.faults.stacks import Stack
from tests.integration.embedded.processes import eventually

LONG = {"epochs": 200_000, "layers": [{"units": 64}, {"units": 64}]}


def measure(
    stack: Stack, client: Client, database: Database, spec: dict[str, Any], part: str, kills: int
) -> tuple[str, list[float]]:
    """Seconds from each kill of a `child` or of a worker's `main` to the next attempt; the job's id too."""
    job_id = client.ask("POST", "/v1/jobs", f"recovery-{part}", json=spec | LONG | {"name": f"recovery-{part}"}).json()[
        "id"
    ]
    found = []
    for _ in range(kills):
        under_way = eventually(lambda: _under_way(database, job_id), "the job to be under way")
        assert under_way is not None
        attempt, worker = under_way
        child = int(worker.rpartition("/")[2])
        pid = child
        if part == "main":
            pid = next(main for main in stack.mains("worker") if child in stack.below(main))
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        eventually(lambda attempt=attempt: _attempt(database, job_id) > attempt, "the next attempt")  # type: ignore[misc]
        found.append(time.monotonic() - killed)
        time.sleep(3.5)  # whoever dies sooner than three seconds after its start is started again ever more slowly
    client.ask("POST", f"/v1/jobs/{job_id}/cancel")
    eventually(lambda: client.ask("GET", f"/v1/jobs/{job_id}").json()["status"] == "cancelled", "the job to end")
    return job_id, found


def _under_way(database: Database, job_id: str) -> tuple[int, str] | None:
    with database.read() as session:
        row = session.execute(select(JobRow.attempt, JobRow.worker, JobRow.epoch).where(JobRow.id == job_id)).one()
    return (row.attempt, row.worker) if row.worker and row.epoch else None


def _attempt(database: Database, job_id: str) -> int:
    with database.read() as session:
        return session.scalars(select(JobRow.attempt).where(JobRow.id == job_id)).one()
