"""Instead of faults: every core has far more to do than it can. Nobody may lose a job to that."""

import os
import subprocess
import sys
import time
from collections import Counter

from steepest.spec.states import TERMINAL
from store.database import Database
from store.models import EventRow
from tests.faults.injector import Hit

PROCESSES_A_CORE = 4
SPIN = "while True: pass"
TAKEN = ("lease_expired", "worker_lost")


class Overload:
    """Keeps all cores busy until told to stop. As an injector it has hit nobody."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.counts = Counter[str]()
        self.skipped: dict[str, str] = {}
        self.damaged: set[str] = set()

    def run(self, until: float) -> None:
        """Until a moment of the monotonic clock."""
        count = PROCESSES_A_CORE * (os.cpu_count() or 1)
        spinning = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(count)]
        try:
            time.sleep(max(0.0, until - time.monotonic()))
        finally:
            for process in spinning:
                process.kill()
                process.wait()


def takeovers(database: Database) -> list[str]:
    """Jobs that were taken from a worker, which nothing had happened to."""
    with database.read() as session:
        rows = session.query(EventRow).filter(EventRow.status.is_not(None), EventRow.status.not_in(TERMINAL))
        return [
            f"{row.job_id} was taken from its worker: {row.data}" for row in rows if row.data.get("reason") in TAKEN
        ]
