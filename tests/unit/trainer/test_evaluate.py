"""Figures and outputs, however the rows are cut."""

import numpy as np
import pytest
from sklearn import metrics

from steepest.trainer import evaluate as evaluate_module
from steepest.trainer.arrays import Array
from steepest.trainer.evaluate import Evaluation, evaluate, outputs
from steepest.trainer.network import Network
from tests.unit.trainer.textbook import Textbook
from tests.unit.trainer.world import OBJECTIVES, OUTPUTS, data_for, spec_for


def a_network(task: str, loss: str) -> tuple[Network, Array, Textbook]:
    spec = spec_for(task, 50, loss={"name": loss}, layers=[{"units": 5, "activation": "tanh"}])
    network = Network.of(spec, 4, OUTPUTS[task])
    theta = np.random.default_rng(2).standard_normal(network.parameters)
    arrays = network.arrays(theta)
    weights, biases = ([arrays[f"layers.{n}.{kind}"] for n in range(2)] for kind in ("weight", "bias"))
    return network, theta, Textbook(spec, weights, biases)


@pytest.mark.parametrize("piece", [None, 28])
@pytest.mark.parametrize(("task", "loss"), OBJECTIVES)
def test_outputs_are_the_textbooks(task: str, loss: str, piece: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if piece:
        monkeypatch.setattr(evaluate_module, "piece_rows", lambda network, itemsize: piece)
    network, theta, book = a_network(task, loss)
    X, y = data_for(task, 50, dtype="float64")
    a = outputs(network, theta, X)
    assert a.shape == (50, OUTPUTS[task])
    assert np.allclose(a, book.forward(X)[1][-1], rtol=1e-12, atol=1e-15)
    figures = evaluate(network, theta, X, y)
    if task == "regression":
        assert figures.accuracy is None
        assert figures.r2 == pytest.approx(metrics.r2_score(y, a))
        assert figures.loss == pytest.approx(metrics.mean_squared_error(y, a))
    else:
        assert figures.r2 is None
        predicted = a[:, 0] > 0.5 if task == "binary" else a.argmax(1)
        assert figures.accuracy == metrics.accuracy_score(y, predicted)


def test_no_rows_have_no_outputs() -> None:
    network, theta, _ = a_network("multiclass", "categorical_crossentropy")
    assert outputs(network, theta, np.empty((0, 4))).shape == (0, 3)


def test_r2_of_one_row_does_not_exist() -> None:
    network, theta, _ = a_network("regression", "mean_squared_error")
    X, y = data_for("regression", 1, dtype="float64")
    figures = evaluate(network, theta, X, y)
    assert figures.r2 is None
    assert figures.loss > 0


def test_r2_of_constant_values_is_scikit_learns() -> None:
    network, theta, _ = a_network("regression", "mean_squared_error")
    X, _ = data_for("regression", 6, dtype="float64")
    assert evaluate(network, theta, X, np.full((6, 1), 3.0)).r2 == 0.0
    network.blocks(theta[None])[-1][0, :-1] = 0
    network.blocks(theta[None])[-1][0, -1] = 3
    assert evaluate(network, theta, X, np.full((6, 1), 3.0)).r2 == 1.0


def test_float32_in_float32_out() -> None:
    network, theta, _ = a_network("binary", "binary_crossentropy")
    X, _ = data_for("binary", 9)
    assert outputs(network, theta.astype(np.float32), X).dtype == np.float32


def test_a_long_evaluation_can_be_ended_between_pieces() -> None:
    network = Network(3, (), 1, "linear", "mean_squared_error")
    X = np.zeros((1_000_000, 3), np.float32)
    pieces = Evaluation(network, np.zeros((1, network.parameters), np.float32), X, X[:, :1]).pieces
    seen: list[int] = []

    def watch() -> None:
        seen.append(1)
        if len(seen) == 2:
            raise KeyboardInterrupt

    assert pieces > 2
    with pytest.raises(KeyboardInterrupt):
        evaluate(network, np.zeros(network.parameters, np.float32), X, X[:, :1], watch)
    assert len(seen) == 2
