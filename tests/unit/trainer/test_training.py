"""Whole runs against the textbook, and the same run cut in different ways."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from steepest.trainer import chunks
from steepest.trainer.arrays import Array
from steepest.trainer.initializers import initial
from steepest.trainer.network import Network
from steepest.trainer.randomness import Shuffle
from tests.unit.trainer.textbook import Textbook, one_hot
from tests.unit.trainer.world import OBJECTIVES, OPTIMIZERS, OUTPUTS, TASKS, data_for, records_of, spec_for

ROWS, EPOCHS = 43, 4
DEEP = [{"units": 6, "activation": "tanh"}, {"units": 5, "activation": "relu"}]


def by_the_book(spec: Any, X: Array, y: Array) -> tuple[Array, list[float]]:
    """The last weights and the training losses."""
    outputs = OUTPUTS[spec.task]
    network = Network.of(spec, X.shape[1], outputs)
    arrays = network.arrays(initial(network, spec.initializer, spec.seed, np.float64)[0].copy())
    layers = range(len(arrays) // 2)
    book = Textbook(spec, [arrays[f"layers.{n}.weight"] for n in layers], [arrays[f"layers.{n}.bias"] for n in layers])
    targets = one_hot(spec, y, outputs)
    batch = len(X) if spec.batch_size == "full" else spec.batch_size
    losses = []
    for epoch in range(1, spec.epochs + 1):
        order = Shuffle(spec.seed, len(X)).order(epoch) if batch < len(X) else np.arange(len(X))
        total = 0.0
        for start in range(0, len(X), batch):
            rows = order[start : start + batch]
            total += len(rows) * book.loss(X[rows], targets[rows])
            book.learn(X[rows], targets[rows])
        losses.append(total / len(X))
    return network.theta(arrays), losses


@pytest.mark.parametrize("layers", [[], DEEP], ids=["no hidden layer", "deep"])
@pytest.mark.parametrize("batch_size", [1, 8, 43, "full"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_follows_the_textbook(optimizer: str, batch_size: Any, layers: list[Any]) -> None:
    for task, loss in OBJECTIVES:
        X, y = data_for(task, ROWS, dtype="float64")
        spec = spec_for(
            task,
            ROWS,
            loss={"name": loss},
            layers=layers,
            optimizer={"name": optimizer, "learning_rate": 0.05},
            batch_size=batch_size,
            epochs=EPOCHS,
            precision="float64",
            seed=3,
        )
        expected, losses = by_the_book(spec, X, y)
        records, end = records_of(spec, X, y)
        assert np.abs(end.last - expected).max() <= 1e-11 * np.abs(expected).max()
        assert [record.training_loss for record in records] == pytest.approx(losses, rel=1e-11)


@pytest.mark.parametrize("task", TASKS)
def test_single_precision_stays_near_double(task: str) -> None:
    ends = []
    for precision in ("float32", "float64"):
        X, y = data_for(task, 200, dtype=precision)
        spec = spec_for(task, 200, layers=[{"units": 8, "activation": "tanh"}], epochs=3, precision=precision)
        ends.append(records_of(spec, X, y)[1].last)
    assert ends[0].dtype == np.float32
    assert np.abs(ends[0] - ends[1]).max() < 1e-5


def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "piece_rows", lambda network, itemsize: 7)


@pytest.mark.parametrize("batch_size", [10, 14, "full"])
@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
def test_a_step_in_pieces_is_the_same_step(
    task: str, loss: str, batch_size: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data_for(task, ROWS, dtype="float64")
    spec = spec_for(task, ROWS, loss={"name": loss}, layers=DEEP, batch_size=batch_size, epochs=3, precision="float64")
    whole, end = records_of(spec, X, y)
    small_pieces(monkeypatch)
    pieces, end_of_pieces = records_of(spec, X, y)
    assert np.allclose(end.last, end_of_pieces.last, rtol=1e-10, atol=1e-13)
    for one, other in zip(whole, pieces, strict=True):
        assert one.training_loss == pytest.approx(other.training_loss, rel=1e-12)
        assert one.training_metric == pytest.approx(other.training_metric, rel=1e-12)


def test_large_inputs_are_gathered_without_a_second_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data_for("binary", 300)
    spec = spec_for("binary", 300, epochs=3)
    expected = records_of(spec, X, y)[1].last
    monkeypatch.setattr("steepest.trainer.gather.SMALL_BYTES", 0)
    assert np.array_equal(records_of(spec, X, y)[1].last, expected)


def test_seeds_decide() -> None:
    X, y = data_for("multiclass", 100)
    first, again, other = (
        records_of(spec_for("multiclass", 100, epochs=2, seed=seed), X, y)[1].last for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_data_are_left_alone() -> None:
    for task in TASKS:
        X, y = data_for(task, 50)
        X.flags.writeable = y.flags.writeable = False
        records_of(spec_for(task, 50, 50, epochs=2), X, y, (X, y))


def test_there_is_never_a_second_copy_of_large_data() -> None:
    X, y = np.ones((100_000, 60), np.float32), np.zeros((100_000, 1), np.float32)
    y[::2] = 1
    spec = spec_for("regression", len(X), len(X), epochs=1, layers=[{"units": 4}])
    tracemalloc.start()
    try:
        records_of(spec, X, y, (X, y))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < X.nbytes / 2
