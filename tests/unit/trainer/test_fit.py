"""Records, figures, the best epoch and early stopping."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from steepest.trainer import clock, stack
from steepest.trainer.arrays import Array
from steepest.trainer.evaluate import evaluate, outputs
from steepest.trainer.fit import EpochRecord, Finished, Progress
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows
from tests.unit.trainer.world import OUTPUTS, TASKS, data_for, records_of, spec_for, train

KEYS = ["epoch", "training_loss", "validation_loss", "training_{}", "validation_{}", "learning_rate", "seconds"]


@pytest.mark.parametrize("task", TASKS)
def test_a_record_has_the_contracts_keys(task: str) -> None:
    X, y = data_for(task, 60)
    metric = "r2" if task == "regression" else "accuracy"
    for validation in (None, data_for(task, 20, seed=1)):
        records, _ = records_of(spec_for(task, 60, 20 if validation else 0, epochs=3), X, y, validation)
        assert [record.epoch for record in records] == [1, 2, 3]
        for record in records:
            assert list(record.as_dict()) == [key.format(metric) for key in KEYS]
            assert (record.validation_loss is None) == (record.validation_metric is None) == (validation is None)
            assert record.learning_rate == 0.001
            assert record.seconds > 0


def test_the_figures_of_an_epoch_are_scikit_learns() -> None:
    for task in TASKS:
        X, y = data_for(task, 120, dtype="float64")
        Xv, yv = data_for(task, 30, seed=1, dtype="float64")
        spec = spec_for(task, 120, 30, epochs=3, precision="float64")
        network = Network.of(spec, X.shape[1], OUTPUTS[task])
        for record in (item for item in train(spec, X, y, (Xv, yv)) if isinstance(item, EpochRecord)):
            a = outputs(network, record.state().theta[0], Xv)
            if task == "regression":
                assert record.validation_loss == pytest.approx(metrics.mean_squared_error(yv, a))
                assert record.validation_metric == pytest.approx(metrics.r2_score(yv, a))
            elif task == "multilabel":
                losses = [metrics.log_loss(yv[:, label], a[:, label]) for label in range(OUTPUTS[task])]
                assert record.validation_loss == pytest.approx(sum(losses))
                assert record.validation_metric == metrics.accuracy_score(yv, a > 0.5)
            else:
                p = a if task == "multiclass" else np.column_stack((1 - a, a))
                assert record.validation_loss == pytest.approx(metrics.log_loss(yv, p))
                assert record.validation_metric == pytest.approx(metrics.accuracy_score(yv, p.argmax(1)))


def test_training_figures_of_a_full_batch_are_those_of_the_weights_before_its_step() -> None:
    X, y = data_for("multiclass", 90, dtype="float64")
    spec = spec_for("multiclass", 90, epochs=3, batch_size="full", precision="float64")
    network = Network.of(spec, X.shape[1], 3)
    records, end = [], None
    before = []
    for item in train(spec, X, y):
        if isinstance(item, EpochRecord):
            records.append(item)
            before.append(item.state().theta[0])
        elif isinstance(item, Finished):
            end = item
    assert end is not None
    for record, theta in zip(records, [end.initial, *before], strict=False):
        figures = evaluate(network, theta, Rows(X, y))
        assert record.training_loss == pytest.approx(figures.loss, rel=1e-12)
        assert record.training_metric == figures.accuracy


def test_initial_last_and_best_weights() -> None:
    X, y = data_for("binary", 64)
    validation = data_for("binary", 40, seed=1)
    spec = spec_for("binary", 64, 40, epochs=40, optimizer={"name": "adam", "learning_rate": 0.05}, batch_size=16)
    thetas: dict[int, Array] = {}
    losses: list[float] = []
    for item in train(spec, X, y, validation):
        if isinstance(item, EpochRecord):
            thetas[item.epoch] = item.state().theta[0]
            losses.append(item.validation_loss or 0.0)
            assert item.best == (losses[-1] == min(losses))
    assert isinstance(item, Finished)
    assert item.epochs == len(losses) < 40
    assert item.best_epoch == int(np.argmin(losses)) + 1
    assert np.array_equal(item.last, thetas[item.epochs])
    assert np.array_equal(item.best, thetas[item.best_epoch])
    assert not np.array_equal(item.initial, thetas[1])


@pytest.mark.parametrize(
    ("early_stopping", "weights"),
    [({"patience": 3}, "best"), ({"patience": 3, "restore_best": False}, "last"), (None, "last")],
)
def test_which_weights_predictions_use(early_stopping: Any, weights: str) -> None:
    X, y = data_for("binary", 64)
    spec = spec_for("binary", 64, 40, epochs=8, early_stopping=early_stopping)
    _, end = records_of(spec, X, y, data_for("binary", 40, seed=1))
    assert np.array_equal(end.theta, getattr(end, weights))


@pytest.mark.parametrize("min_delta", [0.0, 0.02])
def test_patience_counts_epochs_without_an_improvement(min_delta: float) -> None:
    X, y = data_for("regression", 200)
    spec = spec_for(
        "regression",
        200,
        100,
        epochs=300,
        optimizer={"name": "adam", "learning_rate": 0.005},
        early_stopping={"patience": 4, "min_delta": min_delta},
    )
    records, end = records_of(spec, X, y, data_for("regression", 100, seed=9))
    losses = [record.validation_loss or 0.0 for record in records]
    reference, waited = np.inf, 0
    for loss in losses:
        assert waited < 4
        reference, waited = (loss, 0) if loss < reference - min_delta else (reference, waited + 1)
    assert waited == 4
    assert (end.epochs, end.stopped_by) == (len(losses), "early_stopping")
    # What falls by less than min_delta is no improvement to wait for, but may well be the best.
    assert end.best_epoch == int(np.argmin(losses)) + 1
    assert end.best_epoch == end.epochs - 4 or min_delta
    assert 5 < end.epochs < 300


def test_the_training_loss_can_be_monitored() -> None:
    X, y = data_for("regression", 40)
    spec = spec_for(
        "regression",
        40,
        40,
        epochs=30,
        optimizer={"name": "gradient_descent", "learning_rate": 1e-9},
        early_stopping={"monitor": "training_loss", "patience": 2, "min_delta": 0.1},
    )
    _, end = records_of(spec, X, y, data_for("regression", 40, seed=9))
    assert (end.epochs, end.stopped_by) == (3, "early_stopping")


def figures(task: str, part: str) -> list[str]:
    return [f"{part}_loss", f"{part}_r2" if task == "regression" else f"{part}_accuracy"]


def falling(figure: str, record: EpochRecord) -> float:
    value = record.as_dict()[figure]
    assert value is not None
    return float(value) if figure.endswith("loss") else -float(value)


@pytest.mark.parametrize("min_delta", [0.0, 0.01])
@pytest.mark.parametrize("part", ["training", "validation"])
@pytest.mark.parametrize("task", TASKS)
def test_every_figure_can_be_monitored(task: str, part: str, min_delta: float, engine: str) -> None:
    X, y = data_for(task, 80)
    validation = data_for(task, 40, seed=1)
    for monitor in figures(task, part):
        spec = spec_for(
            task,
            80,
            40,
            epochs=60,
            optimizer={"name": "momentum", "learning_rate": 0.02},
            early_stopping={"monitor": monitor, "patience": 3, "min_delta": min_delta},
        )
        records, end = records_of(spec, X, y, validation, engine=engine)
        values = [falling(monitor, record) for record in records]
        reference, waited = np.inf, 0
        for value in values:
            assert waited < 3
            reference, waited = (value, 0) if value < reference - min_delta else (reference, waited + 1)
        assert (end.epochs, end.stopped_by) == (len(values), "early_stopping" if waited == 3 else "epochs")
        assert end.best_epoch == int(np.argmin(values)) + 1
        for number, record in enumerate(records):
            assert record.best == (values[number] < min(values[:number], default=np.inf))


@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize("part", ["training", "validation"])
@pytest.mark.parametrize("task", TASKS)
def test_a_plateau_is_one_of_the_monitored_figure(task: str, part: str, warmup: int, engine: str) -> None:
    X, y = data_for(task, 80)
    rate = 0.02 if task == "regression" else 1.0
    for monitor in figures(task, part):
        spec = spec_for(
            task,
            80,
            40,
            epochs=25,
            optimizer={"name": "nesterov", "learning_rate": rate},
            schedule={"name": "plateau", "patience": 1, "factor": 0.5, "warmup_epochs": warmup},
            early_stopping={"monitor": monitor, "patience": 100},
        )
        records, _ = records_of(spec, X, y, data_for(task, 40, seed=1), engine=engine)
        eta, rates, best, waited = rate, [], np.inf, 0
        for record in records:
            rates.append(eta)
            value = falling(monitor, record)
            if record.epoch <= warmup:
                continue
            threshold = best * (1 - 1e-4) if monitor.endswith("loss") else best * (1 + 1e-4)
            best, waited = (value, 0) if value < threshold or best == np.inf else (best, waited + 1)
            if waited > 1:
                eta, waited = eta * 0.5, 0
        assert [record.learning_rate for record in records[warmup:]] == pytest.approx(rates[warmup:])
        assert len(set(rates)) > 1 or task == "regression"


@pytest.mark.parametrize("validated", [False, True])
def test_without_a_monitor_a_plateau_is_one_of_the_loss(validated: bool) -> None:
    X, y = data_for("regression", 80)
    optimizer = {"name": "momentum", "learning_rate": 0.05}
    fields: dict[str, Any] = {"epochs": 30, "early_stopping": None, "optimizer": optimizer}
    schedule = {"name": "plateau", "patience": 0}
    validation = data_for("regression", 40, seed=1) if validated else None
    records, _ = records_of(spec_for("regression", 80, 40, schedule=schedule, **fields), X, y, validation)
    losses = [(record.validation_loss if validated else record.training_loss) or 0.0 for record in records]
    first = next(n for n in range(1, len(losses)) if losses[n] >= min(losses[:n]) * (1 - 1e-4))
    rates = [record.learning_rate for record in records]
    assert rates[: first + 1] == [0.05] * (first + 1)
    assert rates[first + 1] == pytest.approx(0.005)


def test_without_validation_rows_the_training_loss_chooses_the_best() -> None:
    X, y = data_for("regression", 40)
    records, end = records_of(spec_for("regression", 40, epochs=12), X, y)
    losses = [record.training_loss for record in records]
    assert end.stopped_by == "epochs"
    assert end.best_epoch == int(np.argmin(losses)) + 1


def test_progress_comes_within_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack, "PROGRESS_SECONDS", 0.0)
    X, y = data_for("binary", 2_000)
    spec = spec_for("binary", 2_000, epochs=2, batch_size=4)
    items = list(train(spec, X, y))
    progress = [item for item in items if isinstance(item, Progress)]
    steps = [item.step for item in progress if item.epoch == 1]
    assert steps == sorted(set(steps))
    assert len(steps) > 3
    assert steps[-1] == progress[0].steps_per_epoch == 500
    assert all(np.isfinite(item.training_loss) for item in progress)
    monkeypatch.setattr(stack, "PROGRESS_SECONDS", 1e9)
    assert np.array_equal(items[-1].last, records_of(spec, X, y)[1].last)  # type: ignore[union-attr]  # Finished


def test_the_learning_rate_of_an_epoch_is_that_of_its_last_step(engine: str) -> None:
    X, y = data_for("binary", 100)
    spec = spec_for("binary", 100, epochs=4, batch_size=10, schedule={"name": "cosine"})
    records, _ = records_of(spec, X, y, engine=engine)
    last = np.array([9, 19, 29, 39])
    assert [record.learning_rate for record in records] == pytest.approx(0.0005 * (1 + np.cos(np.pi * last / 40)))


def test_the_seconds_of_an_epoch_leave_out_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10_000))
    monkeypatch.setattr(clock, "perf_counter", lambda: float(next(now)))
    X, y = data_for("binary", 100)
    seconds = []
    for item in train(spec_for("binary", 100, epochs=3), X, y):
        for _ in range(100):
            next(now)
        if isinstance(item, EpochRecord):
            seconds.append(item.seconds)
    assert max(seconds) < 100
