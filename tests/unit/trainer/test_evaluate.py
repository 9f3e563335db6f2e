"""Figures and outputs, however the rows are cut."""

from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from steepest.trainer import evaluate as evaluate_module
from steepest.trainer.arrays import Array
from steepest.trainer.evaluate import Evaluation, evaluate, outputs
from steepest.trainer.network import Network
from steepest.trainer.rows import Rows
from tests.unit.trainer.textbook import Textbook, encoded
from tests.unit.trainer.world import OBJECTIVES, OUTPUTS, data_for, rows_for, spec_for


def a_network(task: str, loss: str, outputs: int | None = None, **fields: Any) -> tuple[Network, Array, Textbook]:
    layers = [{"units": 5, "activation": "tanh", "batch_norm": True, "dropout": 0.5}]
    spec = spec_for(task, 50, loss={"name": loss, **fields}, layers=layers)
    network = Network.of(spec, 4, outputs or OUTPUTS[task])
    theta = np.random.default_rng(2).standard_normal(network.size)
    theta[network.parameters :] **= 2
    return network, theta, Textbook.of(spec, network.arrays(theta))


@pytest.mark.parametrize("piece", [None, 28])
@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
def test_outputs_are_the_textbooks(task: str, loss: str, piece: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if piece:
        monkeypatch.setattr(evaluate_module, "piece_rows", lambda *_: piece)
    network, theta, book = a_network(task, loss)
    X, y = rows_for(task, 50, loss=loss, dtype="float64")
    a = outputs(network, theta, X)
    assert a.shape == (50, OUTPUTS[task])
    assert np.allclose(a, book.predict(X), rtol=1e-12, atol=1e-15)
    figures = evaluate(network, theta, Rows(X, y))
    expected = book.row_losses(book.forward(X), encoded(book.spec, y, OUTPUTS[task])).mean()
    assert figures.loss == pytest.approx(expected, rel=1e-12)
    if task == "regression":
        assert figures.accuracy is None
        assert figures.r2 == figures.metric == pytest.approx(metrics.r2_score(y, a))
    else:
        assert figures.r2 is None
        predicted = a.argmax(1) if task == "multiclass" else (a if task == "multilabel" else a[:, 0]) > 0.5
        assert figures.accuracy == figures.metric == metrics.accuracy_score(y, predicted)


@pytest.mark.parametrize("piece", [None, 28])
@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
def test_weights_count_in_the_loss_alone(
    task: str, loss: str, piece: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if piece:
        monkeypatch.setattr(evaluate_module, "piece_rows", lambda *_: piece)
    network, theta, book = a_network(task, loss)
    X, y, w = rows_for(task, 50, loss=loss, weighted=True, dtype="float64")
    figures, plain = evaluate(network, theta, Rows(X, y, w)), evaluate(network, theta, Rows(X, y))
    losses = book.row_losses(book.forward(X), encoded(book.spec, y, OUTPUTS[task]))
    assert figures.loss == pytest.approx((w * losses).sum() / w.sum(), rel=1e-12)
    assert figures.loss != pytest.approx(plain.loss)
    assert figures.metric == pytest.approx(plain.metric, rel=1e-12)


def test_r2_of_several_values_is_their_mean() -> None:
    network, theta, _ = a_network("regression", "mean_squared_error", outputs=3)
    X, y = data_for("regression", 50, dtype="float64", outputs=3)
    assert evaluate(network, theta, Rows(X, y)).r2 == pytest.approx(metrics.r2_score(y, outputs(network, theta, X)))


def test_no_rows_have_no_outputs() -> None:
    network, theta, _ = a_network("multiclass", "categorical_crossentropy")
    assert outputs(network, theta, np.empty((0, 4))).shape == (0, 3)


def test_r2_of_one_row_does_not_exist() -> None:
    network, theta, _ = a_network("regression", "mean_squared_error")
    X, y = data_for("regression", 1, dtype="float64")
    figures = evaluate(network, theta, Rows(X, y))
    assert figures.r2 is None
    assert figures.loss > 0


def test_r2_of_constant_values_is_scikit_learns() -> None:
    network, theta, _ = a_network("regression", "mean_squared_error")
    X, _ = data_for("regression", 6, dtype="float64")
    assert evaluate(network, theta, Rows(X, np.full((6, 1), 3.0))).r2 == 0.0
    network.blocks(theta[None])[-1][0, :-1] = 0
    network.blocks(theta[None])[-1][0, -1] = 3
    assert evaluate(network, theta, Rows(X, np.full((6, 1), 3.0))).r2 == 1.0


def test_float32_in_float32_out() -> None:
    network, theta, _ = a_network("binary", "binary_crossentropy")
    X, _ = data_for("binary", 9)
    assert outputs(network, theta.astype(np.float32), X).dtype == np.float32


def test_a_long_evaluation_can_be_ended_between_pieces() -> None:
    network = Network(3, (), 1, "linear", "mean_squared_error")
    X = np.zeros((1_000_000, 3), np.float32)
    pieces = Evaluation(network, np.zeros((1, network.parameters), np.float32), Rows(X, X[:, :1])).pieces
    seen: list[int] = []

    def watch() -> None:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt

    assert pieces > 2
    with pytest.raises(KeyboardInterrupt):
        evaluate(network, np.zeros(network.parameters, np.float32), Rows(X, X[:, :1]), watch)
    assert len(seen) == 2
