from collections.abc import Iterator

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from steepest.client import Client
from steepest.client.history import History
from steepest.spec.answers import Epoch
from tests.unit.client.fake import JOB, FakeService

NAMES = [
    *("epoch", "training_loss", "validation_loss", "training_accuracy", "validation_accuracy"),
    *("learning_rate", "seconds"),
]


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.epoch = 4
    return service


@pytest.fixture
def client(service: FakeService) -> Client:
    return service.client()


def test_epochs_are_fetched_when_they_are_asked_for_and_once(service: FakeService, client: Client) -> None:
    history = client.epochs.list(JOB)
    assert service.requests == []
    assert next(iter(history)).epoch == 1
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert (len(history), history[-1].epoch, [epoch.epoch for epoch in history[1:3]]) == (4, 4, [2, 3])
    assert history.to_pandas().shape == (4, 7)
    assert len(service.requests) == 1
    assert repr(history) == "History(4 epochs)"


def test_a_page_is_fetched_only_when_the_one_before_is_used_up() -> None:
    asked: list[int] = []

    def epochs() -> Iterator[Epoch]:
        for number in (1, 2, 3):
            asked.append(number)
            yield Epoch(epoch=number, training_loss=1.0, learning_rate=0.1, seconds=0.1)

    history = History(epochs())
    first, second = iter(history), iter(history)
    assert (next(first).epoch, next(second).epoch, next(second).epoch) == (1, 1, 2)
    assert asked == [1, 2]
    assert [epoch.epoch for epoch in first] == [2, 3]


def test_a_history_is_a_table_of_any_library(client: Client) -> None:
    history = client.jobs.epochs(JOB)
    frame, polars, arrow, numpy = history.to_pandas(), history.to_polars(), history.to_arrow(), history.to_numpy()
    assert list(frame.columns) == polars.columns == arrow.column_names == list(numpy.dtype.names or ()) == NAMES
    losses = [1.0, 1 / 2, 1 / 3, 1 / 4]
    assert frame["training_loss"].tolist() == polars["training_loss"].to_list() == losses
    assert arrow["training_loss"].to_pylist() == numpy["training_loss"].tolist() == losses
    assert str(frame["epoch"].dtype) == "int64"
    assert polars.schema["epoch"] == pl.Int64
    assert arrow.schema.field("epoch").type == pa.int64()
    assert numpy.dtype["epoch"] == np.int64


def test_regression_has_its_own_figures() -> None:
    service = FakeService(regression=True)
    service.epoch = 2
    columns = list(service.client().jobs.epochs(JOB).to_pandas().columns)
    assert columns == [name.replace("accuracy", "r2") for name in NAMES]


def test_missing_and_infinite_figures_are_what_they_are_in_each_library() -> None:
    rows = [
        Epoch(epoch=1, training_loss=float("inf"), validation_loss=None, learning_rate=0.1, seconds=0.1),
        Epoch(epoch=2, training_loss=float("nan"), validation_loss=0.5, learning_rate=0.1, seconds=0.1),
    ]

    def history() -> History:
        return History(iter(rows))

    assert history().to_polars()["validation_loss"].to_list() == [None, 0.5]
    assert history().to_arrow()["validation_loss"].to_pylist() == [None, 0.5]
    np.testing.assert_array_equal(history().to_numpy()["validation_loss"], [np.nan, 0.5])
    np.testing.assert_array_equal(history().to_pandas()["training_loss"], [np.inf, np.nan])


def test_a_job_without_epochs_is_a_table_without_rows() -> None:
    history = FakeService().client().epochs.list(JOB)
    assert not history
    for table in (history.to_pandas(), history.to_polars(), history.to_arrow(), history.to_numpy()):
        assert len(table) == 0
    assert list(history.to_pandas().columns) == list(Epoch.model_fields)
