"""A job that starts from the weights of another one."""

from typing import Any

import numpy as np
import pytest

from steepest.spec.states import JobState
from store import attempts, jobs
from store.models import DEFAULT_ACCOUNT, CheckpointRow
from tests.unit.worker.conftest import Desk, Hook, at_epoch, csv
from worker import ingest, runner

LAYERS: list[dict[str, Any]] = [{"units": 5, "activation": "tanh", "batch_norm": True}, {"units": 4}]


def trained(desk: Desk, dataset: str, **fields: Any) -> str:
    job_id = desk.submit(dataset, **{"layers": LAYERS, **fields})
    runner.run(desk.here, job_id)
    return job_id


def test_it_begins_where_the_other_ended(desk: Desk, dataset: str) -> None:
    source = trained(desk, dataset)
    job_id = trained(desk, dataset, warm_start={"job": source, "checkpoint": "last"}, seed=9, epochs=2)
    assert desk.job(job_id).status is JobState.SUCCEEDED
    assert desk.weights(job_id, "initial") == desk.weights(source, "last")
    assert desk.weights(job_id, "last") != desk.weights(trained(desk, dataset, seed=9, epochs=2), "last")


def test_onto_new_data_after_the_other_has_gone(desk: Desk, dataset: str) -> None:
    source = trained(desk, dataset)
    before = desk.weights(source, "best")
    other = desk.upload(csv(90))
    ingest.run(desk.here, other)
    job_id = desk.submit(other, layers=LAYERS, warm_start={"job": source}, precision="float64")
    with desk.here.database.write() as session:
        jobs.delete(session, DEFAULT_ACCOUNT, source)
    runner.run(desk.here, job_id)
    assert desk.job(job_id).status is JobState.SUCCEEDED
    start = np.frombuffer(desk.weights(job_id, "initial"), np.float64)
    assert start.tolist() == np.frombuffer(before, np.float32).astype(np.float64).tolist()


@pytest.mark.parametrize("epoch", [1, 4])
def test_killed_it_ends_with_the_same_bits(epoch: int, desk: Desk, dataset: str, before_each: Hook) -> None:
    source = trained(desk, dataset)
    fields: dict[str, Any] = {"layers": LAYERS, "warm_start": {"job": source}, "seed": 3}
    calm = trained(desk, dataset, **fields)
    job_id = desk.submit(dataset, **fields)

    def die() -> None:
        raise SystemExit

    before_each(at_epoch(epoch, die))
    with pytest.raises(SystemExit):
        runner.run(desk.here, job_id)
    with desk.here.database.write() as session:
        attempts.expire(session, job_id, 1, reason="worker_lost")
    runner.run(desk.here, job_id)
    for kind in ("initial", "best", "last"):
        assert desk.weights(job_id, kind) == desk.weights(calm, kind)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"features": ["x0", "x1"]}, "layers.0 has 2 inputs and 5 units, with the weights 3 and 5"),
        ({"layers": [{"units": 5, "batch_norm": True}]}, "the network has 2 layers, that of the weights 3"),
        ({"layers": [LAYERS[0], {"units": 6}]}, "layers.1 has 5 inputs and 6 units, with the weights 5 and 4"),
        ({"layers": [{"units": 5}, {"units": 4}]}, "layers.0 has batch norm with the weights alone"),
    ],
)
def test_another_shape_is_told_by_its_layer(fields: dict[str, Any], says: str, desk: Desk, dataset: str) -> None:
    source = trained(desk, dataset)
    error = desk.job(trained(desk, dataset, warm_start={"job": source}, **fields)).error
    assert error is not None
    assert (error.code, error.fault, error.retryable) == ("warm_start_unfit", "user", False)
    assert says in error.detail


def test_weights_that_are_no_longer_kept(desk: Desk, dataset: str) -> None:
    source = trained(desk, dataset)
    job_id = desk.submit(dataset, layers=LAYERS, warm_start={"job": source})
    with desk.here.database.write() as session:
        session.query(CheckpointRow).filter_by(job_id=job_id).delete()
    runner.run(desk.here, job_id)
    error = desk.job(job_id).error
    assert error is not None
    assert "no longer kept" in error.detail


def test_who_goes_on_needs_the_first_weights_no_more(desk: Desk, dataset: str, before_each: Hook) -> None:
    source = trained(desk, dataset)
    fields: dict[str, Any] = {"layers": LAYERS, "warm_start": {"job": source}}
    calm = trained(desk, dataset, **fields)
    job_id = desk.submit(dataset, **fields)
    before_each(at_epoch(3, desk.here.drain.ask))
    runner.run(desk.here, job_id)
    with desk.here.database.write() as session:
        session.query(CheckpointRow).filter_by(job_id=job_id, is_initial=True).delete()
    desk.restart()
    runner.run(desk.here, job_id)
    assert desk.weights(job_id) == desk.weights(calm)
