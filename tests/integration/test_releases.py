"""The release before and this one, side by side on one database, while jobs run.

The release before is the code as it was before the last migration was written: what an operator may still have at work
when the database has been migrated already.
"""

import io
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from steepest.export import safetensors
from steepest.spec.states import JobState
from store import keys, migrate
from store.models import DEFAULT_ACCOUNT, EventRow
from tests.conftest import SERVER
from tests.integration.stack import CHECKOUT, PATIENCE, Server, Stack, until
from tests.services import free_port

pytestmark = pytest.mark.skipif(not SERVER, reason="a home of one machine has one release at a time")

EPOCHS: Final = 3_000
KERNELS: Final = Path("steepest/trainer/engines/kernels")


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the release before."""
    last = next((CHECKOUT / "migrations" / "versions").glob(f"{migrate.head()}_*.py")).relative_to(CHECKOUT)
    added = _git("log", "--format=%H", "--diff-filter=A", "--", str(last)).decode().split()
    if not added:
        pytest.skip("the last migration is not in the history")
    try:
        archive = _git("archive", f"{added[-1]}^")
    except subprocess.CalledProcessError:
        pytest.skip("the history does not go back to the release before")
    folder = tmp_path_factory.mktemp("before") / "steepest"
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    if _sources(folder / KERNELS) == _sources(CHECKOUT / KERNELS):  # compiled once, and not for this test
        shutil.rmtree(folder / KERNELS)
        shutil.copytree(CHECKOUT / KERNELS, folder / KERNELS)
    return folder


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=CHECKOUT, capture_output=True, check=True).stdout


def _sources(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.py")}


@pytest.fixture(scope="module")
def long(body: dict[str, Any]) -> dict[str, Any]:
    """A job that outlasts the start of a worker."""
    return body | {"epochs": EPOCHS}


@pytest.fixture(scope="module")
def calm(stack: Stack, long: dict[str, Any]) -> bytes:
    """The weights of the job when nothing disturbs it."""
    (worker,) = stack.trainers(1)
    weights = theta(stack.weights(stack.ended(stack.submit(long)).id, "last"))
    worker.drain()
    return weights


def theta(content: bytes) -> bytes:
    return safetensors.load(content).theta.tobytes()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("upwards", [True, False], ids=["to this release", "back to the one before"])
def test_a_job_goes_on_with_workers_of_the_other_release(
    stack: Stack, long: dict[str, Any], calm: bytes, before: Path, upwards: bool
) -> None:
    first, second = (before, CHECKOUT) if upwards else (CHECKOUT, before)
    old = stack.worker(checkout=first)
    stack.ready(old)
    jobs = [stack.submit(long) for _ in range(2)]
    stack.under_way(jobs[0])
    new = stack.worker(checkout=second)
    stack.ready(new)
    old.drain()
    for job_id in jobs:
        job = stack.ended(job_id)
        assert job.status is JobState.SUCCEEDED, job.error
        assert (job.failures, job.bit_exact) == (0, True)
        assert theta(stack.weights(job_id, "last")) == calm
    told = [row.data for row in stack.rows_of(jobs[0], EventRow) if row.type == "job.resumed"]
    assert [each["epoch"] > 0 for each in told] == [True], "it began anew, or went on by itself"
    new.drain()


@pytest.fixture(scope="module")
def apis(stack: Stack, before: Path) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """The API of the release before and this one's."""
    with stack.database.write() as session:
        key = keys.create(session, DEFAULT_ACCOUNT, ("read", "write"), "both")[1]
    with _api(stack, before, key) as one, _api(stack, CHECKOUT, key) as other:
        yield one, other


@contextmanager
def _api(stack: Stack, checkout: Path, key: str) -> Iterator[httpx.Client]:
    port = free_port()
    command = (sys.executable, "-m", "gunicorn", "--config", "python:service.gunicorn", "service.wsgi:app")
    server = stack.start(f"api-{port}", *command, checkout=checkout, STEEPEST_PORT=str(port))
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=PATIENCE,
        trust_env=False,
    ) as client:
        until(lambda: _answers(client, server))
        yield client


def _answers(client: httpx.Client, server: Server) -> bool:
    assert server.running, server.log.read_text()[-3000:]
    try:
        return client.get("/me").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.timeout(600)
@pytest.mark.parametrize("upwards", [True, False], ids=["to this release", "back to the one before"])
def test_what_one_api_answered_the_other_keeps(
    stack: Stack, long: dict[str, Any], calm: bytes, apis: tuple[httpx.Client, httpx.Client], upwards: bool
) -> None:
    one, other = apis if upwards else apis[::-1]
    (worker,) = stack.trainers(1)
    headers = {"Idempotency-Key": f"either {upwards}"}
    created, again = (each.post("/jobs", json=long, headers=headers) for each in (one, other))
    assert (created.status_code, again.status_code) == (201, 201)
    assert created.json()["id"] == again.json()["id"]
    path = f"/jobs/{created.json()['id']}"
    asked: list[tuple[httpx.Client, str, str]] = [(other, "pause", "paused"), (one, "resume", "queued")]
    for api, request, state in asked:
        assert api.post(f"{path}/{request}").status_code == 200
        until(_is(api, path, state) if state == "paused" else lambda: True)
    stack.ended(created.json()["id"])
    told = [api.get(path).json() for api in (one, other)]
    assert [each["status"] for each in told] == ["succeeded", "succeeded"]
    for api in (one, other):
        assert theta(api.get(f"{path}/weights?checkpoint=last").content) == calm
    assert other.delete(path).status_code == 204
    assert one.get(path).status_code == 404
    worker.drain()


def _is(api: httpx.Client, path: str, state: str) -> Callable[[], bool]:
    return lambda: bool(api.get(path).json()["status"] == state)
