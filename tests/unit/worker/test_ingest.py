"""A data set becomes ready or failed once, whatever happens to its messages and workers."""

import gzip
from dataclasses import replace

import pytest

from steepest.data.ingest import ingest as read
from steepest.spec.errors import Unavailable
from steepest.spec.states import DatasetState
from store import datasets
from store.blob_reader import BlobReader
from tests.unit.worker.conftest import Desk, csv
from worker import ingest, loading


def test_a_data_set_becomes_ready(desk: Desk) -> None:
    dataset_id = desk.upload(csv(60))
    ingest.run(desk.here, dataset_id)
    row = desk.dataset(dataset_id)
    assert (row.status, row.rows, row.attempt, row.worker) == (DatasetState.READY, 60, 1, None)
    assert [column.name for column in row.columns or []] == ["x0", "x1", "x2", "y"]


def test_a_repeated_message_does_nothing(desk: Desk, dataset: str) -> None:
    ingest.run(desk.here, dataset)
    assert desk.dataset(dataset).attempt == 1


def test_what_is_wrong_with_the_data_is_said(desk: Desk) -> None:
    dataset_id = desk.upload(b"x0,y\n1.0,a\n2.0\n")
    ingest.run(desk.here, dataset_id)
    row = desk.dataset(dataset_id)
    assert row.status is DatasetState.FAILED
    assert row.error is not None
    assert (row.error.fault, row.error.code) == ("user", "data_unusable")
    assert row.error.errors


def test_equal_bytes_are_read_once(desk: Desk, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "ingest", lambda *_: pytest.fail("the columns are there already"))
    again = desk.upload(csv())
    ingest.run(desk.here, again)
    assert desk.dataset(again).columns == desk.dataset(dataset).columns


def test_what_only_we_understand_is_told_in_words(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(loading, "ingest", fail)
    dataset_id = desk.upload(csv())
    ingest.run(desk.here, dataset_id)
    error = desk.dataset(dataset_id).error
    assert error is not None
    assert error.fault == "system"
    assert "secret" not in error.model_dump_json()


def test_a_worker_that_shuts_down_claims_nothing(desk: Desk) -> None:
    dataset_id = desk.upload(csv())
    desk.here.drain.ask()
    ingest.run(desk.here, dataset_id)
    assert desk.dataset(dataset_id).attempt == 0
    assert desk.queue.datasets == [dataset_id]


def test_a_worker_that_shuts_down_lets_go_of_what_it_reads(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = desk.upload(csv())
    real = datasets.claim

    def claim_and_drain(*arguments: object, **options: object) -> object:
        desk.here.drain.ask()
        return real(*arguments, **options)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(datasets, "claim", claim_and_drain)
    ingest.run(desk.here, dataset_id)
    row = desk.dataset(dataset_id)
    assert (row.status, row.worker, row.failures) == (DatasetState.VALIDATING, None, 0)
    assert row.announce_at is not None
    assert desk.queue.datasets == [dataset_id]


def test_a_reader_that_lost_its_data_set_writes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = desk.upload(csv())

    def lose(*arguments: object) -> object:
        with desk.here.database.write() as session:
            row = session.get_one(type(desk.dataset(dataset_id)), dataset_id)
            row.attempt += 1
        return read(*arguments)  # type: ignore[arg-type]  # passed on as they are

    monkeypatch.setattr(loading, "ingest", lose)
    ingest.run(desk.here, dataset_id)
    assert desk.dataset(dataset_id).status is DatasetState.VALIDATING


def test_an_outage_while_reading_is_no_failure_of_the_data(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset_id = desk.upload(csv())
    with monkeypatch.context() as outage:
        outage.setattr(BlobReader, "_fetch", away)
        ingest.run(desk.here, dataset_id)
    row = desk.dataset(dataset_id)
    assert (row.status, row.worker, row.failures) == (DatasetState.VALIDATING, None, 0)
    assert row.announce_at is not None
    ingest.run(desk.here, dataset_id)
    assert desk.dataset(dataset_id).status is DatasetState.READY


def away(*_: object) -> None:
    raise Unavailable("away")


def test_the_limits_are_those_of_the_settings(desk: Desk) -> None:
    limits = replace(desk.here.settings.limits, unpacked_bytes=1_000)
    here = replace(desk.here, settings=replace(desk.here.settings, limits=limits))
    dataset_id = desk.upload(gzip.compress(csv(600)))
    ingest.run(here, dataset_id)
    error = desk.dataset(dataset_id).error
    assert error is not None
    assert "1,000" in error.detail
