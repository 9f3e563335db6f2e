"""Whole runs against the textbook, and the same run cut in different ways."""

import tracemalloc
from typing import Any

import numpy as np
import pytest

from steepest.spec.errors import ValidationFailed
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer import chunks
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.arrays import Array
from steepest.trainer.dropout import Words
from steepest.trainer.initializers import initial
from steepest.trainer.network import Network
from steepest.trainer.randomness import Shuffle
from tests.unit.trainer.textbook import Plateau, Textbook, encoded, rate
from tests.unit.trainer.world import (
    OBJECTIVES,
    OPTIMIZERS,
    TASKS,
    Pair,
    data_for,
    outputs_of,
    records_of,
    rows_for,
    spec_for,
)

ROWS, EPOCHS = 43, 4
DEEP = [{"units": 6, "activation": "tanh"}, {"units": 5, "activation": "relu"}]
NORMALIZED = [layer | {"batch_norm": True} for layer in DEEP]
GRADIENT_DESCENT = {"name": "gradient_descent", "learning_rate": 0.05}


def masks_for(spec: ResolvedTrainSpec, epoch: int, start: int, rows: int) -> list[Array | None]:
    """Of each hidden layer (rows, units), for a batch from row `start` of an epoch on."""
    masks: list[Array | None] = []
    for number, layer in enumerate(spec.layers):
        words = Words([spec.seed], number, layer.units, 1, rows)
        words.draw(epoch, start, rows)
        least = round(layer.dropout * 2**16)
        masks.append((least <= words.words[0, 0].T) / (1 - least / 2**16) if least else None)
    return masks


def by_the_book(spec: ResolvedTrainSpec, X: Array, y: Array, weights: Array | None = None) -> tuple[Array, list[float]]:
    """The last weights and the training losses."""
    outputs = outputs_of(spec, y)
    network = Network.of(spec, X.shape[1], outputs)
    book = Textbook.of(spec, network.arrays(initial(network, spec.initializer, spec.seed, np.float64)[0]))
    targets, plateau = encoded(spec, y, outputs), Plateau(spec)
    batch = spec.batch_size if isinstance(spec.batch_size, int) else len(X)
    steps = -(-len(X) // batch)
    losses: list[float] = []
    for epoch in range(1, spec.epochs + 1):
        order = Shuffle(spec.seed, len(X)).order(epoch) if steps > 1 else np.arange(len(X))
        total = 0.0
        for start in range(0, len(X), batch):
            rows = order[start : start + batch]
            w = np.ones(len(rows)) if weights is None else weights[rows]
            w = w / (w.sum() or 1.0)
            eta = rate(spec, book.step, steps, len(X)) * plateau.multiple
            masks = masks_for(spec, epoch, start, len(rows))
            total += len(rows) * book.learn(X[rows], targets[rows], w, eta, masks)
        losses.append(total / len(X))
        plateau.note(epoch, losses[-1])
    return network.theta(book.arrays), losses


def compare(task: str, loss: str, engine: str, data: Pair | None = None, **fields: Any) -> None:
    X, y, *weights = data or rows_for(task, ROWS, loss=loss, dtype="float64")
    own = fields.pop("of_loss", {})
    defaults: dict[str, Any] = {"optimizer": GRADIENT_DESCENT, "layers": DEEP, "batch_size": 8, "epochs": EPOCHS}
    spec = spec_for(task, ROWS, loss={"name": loss, **own}, precision="float64", seed=3, **(defaults | fields))
    expected, losses = by_the_book(spec, X, y, *weights)
    records, end = records_of(spec, X, y, weights=weights[0] if weights else None, engine=engine)
    assert np.abs(end.last - expected).max() <= 1e-11 * np.abs(expected).max()
    assert [record.training_loss for record in records] == pytest.approx(losses, rel=1e-11)


@pytest.mark.parametrize("batch_size", [1, 8, 43, "full"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_follows_the_textbook(optimizer: str, batch_size: Any, engine: str) -> None:
    for number, (task, loss) in enumerate(OBJECTIVES):
        compare(
            task,
            loss,
            engine,
            optimizer={"name": optimizer, "learning_rate": 0.005},
            layers=[] if number % 3 == 0 else DEEP,
            batch_size=batch_size,
        )


def test_adam_with_epsilon_before_the_correction(engine: str) -> None:
    epsilon = {"epsilon": 0.01, "epsilon_hat": True}
    compare("multiclass", "auto", engine, optimizer={"name": "adam", "learning_rate": 0.01, **epsilon})


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("activation", "alpha"),
    [*((name, None) for name in sorted(ACTIVATIONS)), ("leaky_relu", 0.2), ("elu", 0.7)],
)
def test_with_every_activation(activation: str, alpha: float | None, task: str, batch_norm: bool, engine: str) -> None:
    layer = {"units": 5, "activation": activation, "batch_norm": batch_norm}
    layers = [layer | ({} if alpha is None else {"alpha": alpha}), layer]
    compare(task, "auto", engine, layers=layers, batch_size=9, optimizer={"name": "momentum", "learning_rate": 0.01})


@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
@pytest.mark.parametrize(
    "fields",
    [
        {"regularization": {"l1": 0.01}},
        {"regularization": {"l2": 0.03}, "batch_size": "full"},
        {"regularization": {"l1": 0.1, "l2": 0.3, "per_row": True}, "batch_size": 7},
        {"regularization": {"l1": 0.01, "l2": 0.03, "max_norm": 0.7}},
        {"gradient_clip": {"by": "value", "limit": 0.02}},
        {"gradient_clip": {"by": "norm", "limit": 0.05}, "layers": NORMALIZED},
        {"gradient_clip": {"by": "global_norm", "limit": 0.1}, "regularization": {"l2": 0.1}},
        {"layers": NORMALIZED, "batch_size": 10},
        {"layers": [layer | {"dropout": 0.3} for layer in DEEP], "batch_size": 12},
        {"layers": [layer | {"dropout": 0.5} for layer in NORMALIZED], "regularization": {"l2": 0.1, "max_norm": 0.5}},
    ],
    ids=["l1", "l2", "per row", "all penalties", "value", "norm", "global norm", "batch norm", "dropout", "much"],
)
def test_with_what_keeps_a_network_in_bounds(task: str, loss: str, fields: dict[str, Any], engine: str) -> None:
    compare(task, loss, engine, **fields)


@pytest.mark.parametrize("batch_size", [7, "full"])
@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
def test_with_weights_of_the_rows(task: str, loss: str, batch_size: Any, engine: str) -> None:
    data = rows_for(task, ROWS, loss=loss, weighted=True, dtype="float64")
    compare(task, loss, engine, data, batch_size=batch_size)
    compare(task, loss, engine, data, batch_size=1, epochs=2)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("task", "loss"), [each for each in OBJECTIVES if "crossentropy" in each[1]])
def test_with_smoothed_labels(task: str, loss: str, weighted: bool, engine: str) -> None:
    data = rows_for(task, ROWS, weighted=weighted, dtype="float64")
    compare(task, loss, engine, data, of_loss={"label_smoothing": 0.2})


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["mean_squared_error", "mean_absolute_error", "huber", "poisson"])
def test_with_several_values(loss: str, weighted: bool, engine: str) -> None:
    data = rows_for("regression", ROWS, loss=loss, outputs=3, weighted=weighted, dtype="float64")
    compare("regression", loss, engine, data, of_loss={"delta": 0.4} if loss == "huber" else {})


@pytest.mark.parametrize("batch_size", [8, "full"])
@pytest.mark.parametrize(
    "schedule",
    [
        {"name": "constant", "warmup_epochs": 2},
        {"name": "step", "step_epochs": 2, "factor": 0.3},
        {"name": "step", "step_epochs": 1, "warmup_epochs": 1},
        {"name": "exponential", "factor": 0.7, "warmup_epochs": 3},
        {"name": "cosine"},
        {"name": "cosine", "warmup_epochs": 2},
        {"name": "one_cycle"},
        {"name": "plateau", "patience": 0, "factor": 0.5},
        {"name": "plateau", "patience": 1, "warmup_epochs": 1},
        {"name": "inverse_scaling", "power": 0.4},
        {"name": "inverse_scaling", "warmup_epochs": 1},
    ],
    ids=str,
)
def test_with_every_schedule(schedule: dict[str, Any], batch_size: Any, engine: str) -> None:
    for optimizer in ("gradient_descent", "nesterov", "rmsprop", "adamw"):
        settings = {"name": optimizer, "learning_rate": 0.1}
        compare("binary", "auto", engine, schedule=schedule, optimizer=settings, batch_size=batch_size, epochs=10)


@pytest.mark.parametrize("task", TASKS)
def test_single_precision_stays_near_double(task: str, engine: str) -> None:
    ends = []
    for precision in ("float32", "float64"):
        X, y = data_for(task, 200, dtype=precision)
        spec = spec_for(task, 200, layers=[{"units": 8, "activation": "tanh"}], epochs=3, precision=precision)
        ends.append(records_of(spec, X, y, engine=engine)[1].last)
    assert ends[0].dtype == np.float32
    assert np.abs(ends[0] - ends[1]).max() < 1e-5


def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "piece_rows", lambda *_: 7)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_size", [10, 14, "full"])
@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
def test_a_step_in_pieces_is_the_same_step(
    task: str, loss: str, batch_size: Any, weighted: bool, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y, *weights = rows_for(task, ROWS, loss=loss, weighted=weighted, dtype="float64")
    spec = spec_for(
        task,
        ROWS,
        loss={"name": loss},
        layers=DEEP,
        batch_size=batch_size,
        epochs=3,
        precision="float64",
        optimizer=GRADIENT_DESCENT,
        regularization={"l2": 0.01},
        gradient_clip={"by": "norm", "limit": 0.05},
    )
    options: Any = {"weights": weights[0] if weights else None, "engine": engine}
    whole, end = records_of(spec, X, y, **options)
    small_pieces(monkeypatch)
    pieces, end_of_pieces = records_of(spec, X, y, **options)
    assert np.allclose(end.last, end_of_pieces.last, rtol=1e-10, atol=1e-13)
    for one, other in zip(whole, pieces, strict=True):
        assert one.training_loss == pytest.approx(other.training_loss, rel=1e-12)
        assert one.training_metric == pytest.approx(other.training_metric, rel=1e-12)


@pytest.mark.parametrize("batch_size", [14, "full"])
def test_a_batch_whose_rows_are_compared_is_never_cut(
    batch_size: Any, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pieces(monkeypatch)
    with pytest.raises(ValidationFailed, match=r"/batch_size: batch norm needs all .* rows of a batch at once"):
        compare("multiclass", "auto", engine, layers=NORMALIZED, batch_size=batch_size)


def test_a_single_row_is_left_for_the_last_batch(engine: str) -> None:
    for layers in (DEEP, NORMALIZED):
        compare("regression", "auto", engine, layers=layers, batch_size=ROWS - 1)
        compare("binary", "auto", engine, layers=layers, batch_size=7)


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
