"""The database out of reach of those who train, for less than a lease and for longer."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from steepest.spec.states import JobState
from store.database import Database, parse_url
from store.models import EpochRow, EventRow
from tests.conftest import SERVER
from tests.faults.proxy import Proxy
from tests.integration.conftest import LEASE_SECONDS, table
from tests.integration.stack import Stack, running

pytestmark = pytest.mark.skipif(not SERVER, reason="SQLite is a file: nothing comes between it and its users")


@pytest.fixture(scope="module")
def proxy(module_database_url: str) -> Iterator[Proxy]:
    with Proxy(parse_url(module_database_url).port or 5432) as through:
        yield through


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, module_database_url: str, proxy: Proxy) -> Iterator[Stack]:
    """Its processes reach the database through the proxy; the test itself does not need it."""
    url = parse_url(module_database_url).set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    with running(tmp_path_factory.mktemp("stack") / "home", url, LEASE_SECONDS) as started:
        started.database.close()
        started.database = Database(module_database_url)
        started.reconciler()
        started.ready(started.worker("short"))
        yield started


@pytest.fixture(scope="module")
def body(stack: Stack) -> dict[str, Any]:
    return {
        "dataset": stack.ingested(table(1_000)),
        "target": "y",
        "layers": [{"units": 128}, {"units": 128}],
        "epochs": 1_500,
        "early_stopping": None,
        "checkpoint_every": {"seconds": 0.5},
    }


@pytest.fixture(scope="module")
def calm(stack: Stack, body: dict[str, Any]) -> bytes:
    stack.trainers(1)
    return stack.weights(stack.ended(stack.submit(body)).id, "last")


@pytest.mark.parametrize(("leases", "attempts"), [(0.5, 1), (3.0, 2)])
def test_an_outage_costs_no_bit(
    stack: Stack, proxy: Proxy, body: dict[str, Any], calm: bytes, leases: float, attempts: int
) -> None:
    (worker,) = stack.trainers(1)
    job_id = stack.submit(body)
    stack.under_way(job_id)
    stopped_before = worker.log.read_text().count("cut off")
    proxy.leave()
    time.sleep(LEASE_SECONDS * leases)
    proxy.come_back()
    job = stack.ended(job_id)
    assert (job.status, job.attempt, job.bit_exact) == (JobState.SUCCEEDED, attempts, True), job.error
    assert [row.epoch for row in stack.rows_of(job_id, EpochRow)] == list(range(1, body["epochs"] + 1))
    assert [row.attempt for row in stack.rows_of(job_id, EpochRow)][-1] == attempts
    assert len([row for row in stack.rows_of(job_id, EventRow) if row.type == "job.running"]) == attempts
    assert stack.weights(job_id, "last") != b""
    assert tensors_of(stack.weights(job_id, "last")) == tensors_of(calm)
    assert worker.log.read_text().count("cut off") - stopped_before == attempts - 1, "it stops itself, once"


def tensors_of(content: bytes) -> dict[str, bytes]:
    from safetensors.numpy import load

    return {name: array.tobytes() for name, array in load(content).items()}
