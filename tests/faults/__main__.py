"""Real faults against a real stack: `python -m tests.faults --seconds 180 --seed 1 --stack sqlite`.

Clients submit jobs and change them while processes are killed, frozen and starved; then what they saw is judged. The
exit code is 1 when a promise was broken; the home and its logs are kept then.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select, update

from steepest.spec.errors import Unavailable
from steepest.spec.states import JobState
from store.database import Database, now
from store.models import JobRow
from tests.faults import judge
from tests.faults.clients import Client, History, User
from tests.faults.injector import Injector
from tests.faults.overload import Overload, takeovers
from tests.faults.recovery import Waiting
from tests.faults.shapes import shapes, table
from tests.faults.stacks import Embedded, Services, left_behind, running
from tests.faults.watcher import Watcher
from tests.integration.embedded.processes import eventually

STACKS = ("sqlite", "postgres")
USERS = 8
SETTLE_SECONDS = 240.0
LEAST_CHAOS_SECONDS = 20.0
LONG_RUN_SECONDS = 300.0


def main(arguments: Sequence[str]) -> int:
    """Run, print the table, and answer with the exit code."""
    options = _options(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # outages are no news
    kinds = [options.stack] if options.stack else list(STACKS)
    return max(
        [_against(kind, options.seconds / len(kinds), options.seed, overload=options.overload) for kind in kinds]
    )


def _against(kind: str, seconds: float, seed: int, *, overload: bool) -> int:
    folder = Path(tempfile.mkdtemp(prefix="steepest-faults-"))
    folder.chmod(0o755)
    print(f"Faults against {kind}, seed {seed}, {seconds:g} s", flush=True)
    began = time.monotonic()
    with running(kind, folder) as stack:
        try:
            broken = _run(stack, seconds, seed, began, overload=overload)
        finally:
            _keep(stack.home, folder / "home")
    broken += [f"still running after the end: {each}" for each in left_behind(stack)]
    for line in broken:
        print(f"BROKEN  {line}")
    print(f"{len(broken)} violations after {time.monotonic() - began:.0f} s")
    if broken:
        print(f"Look at the logs in {folder}; run it again with --stack {kind} --seed {seed}")
        return 1
    shutil.rmtree(folder)
    return 0


def _keep(home: Path, kept: Path) -> None:
    """Copy the logs and the database out of a home that goes with its disk."""
    (kept / "logs").mkdir(parents=True)
    for pattern in ("logs/*", "steepest.db*"):
        for path in home.glob(pattern):
            shutil.copy(path, kept / path.relative_to(home))
    for path in home.parent.glob("up-*.log"):
        shutil.copy(path, kept / "logs")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Real faults against a real stack.")
    parser.add_argument("--seconds", type=float, default=180.0, help="for all of it, without the time to settle")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stack", choices=STACKS, help="both, one after the other, by default")
    parser.add_argument("--overload", action="store_true", help="no faults, but far too much for every core to do")
    return parser.parse_args(arguments)


def _run(stack: Embedded | Services, seconds: float, seed: int, began: float, *, overload: bool) -> list[str]:
    stack.ready()
    history = History()
    client = Client(stack.url, stack.key, history)
    with Database(stack.database_url) as database:
        specs = shapes(_dataset(client, 1_000), _dataset(client, 8_000))
        known, calm = _calm(client, database, specs)
        print(f"Calm after {time.monotonic() - began:.0f} s: { ({name: each.epochs for name, each in calm.items()}) }")
        if seconds >= LONG_RUN_SECONDS and not overload:
            Waiting(stack, client, database, specs["many short epochs"], specs["long epochs"]).measure()
        chaos = max(LEAST_CHAOS_SECONDS, seconds - (time.monotonic() - began))
        watcher, injector = Watcher(database), Overload() if overload else Injector(stack, database, seed)
        clients = [Client(stack.url, stack.key, history) for _ in range(USERS)]
        users = [User(number, each, specs, history, seed) for number, each in enumerate(clients)]
        for thread in (watcher, *users):
            thread.start()
        injector.run(time.monotonic() + chaos)
        unsettled = _settle(users, database)
        watcher.enough.set()
        watcher.join()
        for each in (client, *clients):
            each.close()
        verdict = judge.judge(database, history, calm, watcher, known, injector.damaged)
        verdict.unexpected += unsettled
        if overload:
            verdict.unexpected += takeovers(database)
        workers = [pid for main in stack.mains("worker") for pid in stack.below(main)]
        verdict.unexpected += [f"process {pid} works, and there is no job" for pid in judge.busy(workers)]
    _print(injector, history, verdict)
    return verdict.broken


def _dataset(client: Client, rows: int) -> str:
    headers = {"Content-Type": "text/csv"}
    answer = client.ask(
        "POST", f"/v1/datasets?name=rows-{rows}", f"data-{rows}", content=table(rows, 6), headers=headers
    ).json()
    path = f"/v1/datasets/{answer['id']}"
    eventually(lambda: client.ask("GET", path).json()["status"] == "ready", "the data set to be ready")
    return str(answer["id"])


def _calm(
    client: Client, database: Database, specs: dict[str, dict[str, Any]]
) -> tuple[set[str], dict[str, judge.Calm]]:
    ids = {
        shape: client.ask("POST", "/v1/jobs", f"calm-{shape}", json=spec | {"name": f"calm {shape}"}).json()["id"]
        for shape, spec in specs.items()
    }
    for shape, job_id in ids.items():
        path = f"/v1/jobs/{job_id}"
        eventually(partial(_has_succeeded, client, path), f"{shape} to succeed")
    return set(ids.values()), {shape: judge.calm_of(database, job_id) for shape, job_id in ids.items()}


def _has_succeeded(client: Client, path: str) -> bool:
    return bool(client.ask("GET", path).json()["status"] == "succeeded")


def _settle(users: list[User], database: Database) -> list[str]:
    """No more faults: everyone sees the last jobs to their end. Reminders of up to five minutes come at once."""
    for user in users:
        user.enough.set()
    deadline = time.monotonic() + SETTLE_SECONDS
    while any(user.is_alive() for user in users) and time.monotonic() < deadline:
        for user in users:
            user.join(1.0)
        try:
            with database.write() as session:
                moment = now(session)
                waiting = update(JobRow).where(JobRow.status == JobState.QUEUED, JobRow.announce_at > moment)
                session.execute(waiting.values(announce_at=moment))
        except Unavailable:
            continue
    with database.read() as session:
        held = session.execute(select(JobRow.id, JobRow.status).where(JobRow.finished_at.is_(None))).all()
    return [f"{job_id} is {status.value} {SETTLE_SECONDS:g} s after the last fault" for job_id, status in held]


def _print(injector: Injector | Overload, history: History, verdict: judge.Verdict) -> None:
    for kind, count in sorted(injector.counts.items()):
        print(f"  {kind:<42}{count:>5}")
    for kind, why in injector.skipped.items():
        print(f"  {kind:<42}    - ({why})")
    print(f"  {'all faults':<42}{len(injector.hits):>5}")
    print(
        f"Jobs {len(history.asked)}: {dict(verdict.jobs)}; attempts {verdict.attempts}, "
        f"failed and retried {dict(verdict.failures)}"
    )
    print(f"Answers {dict(sorted(history.answers.items(), key=str))}")
    if verdict.redone:
        print(f"Work done again: {max(verdict.redone):.1f} s at most, of {len(verdict.redone)} resumptions")
    print(f"Lost {len(verdict.lost)}, doubled {len(verdict.doubled)}, unexpected {len(verdict.unexpected)}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
