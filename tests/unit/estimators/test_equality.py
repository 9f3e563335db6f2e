"""Weights, losses and scores equal scikit-learn's own to rounding, for it draws and we compute the same."""

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import load_digits, make_multilabel_classification, make_regression

from steepest import sklearn as ours
from steepest.trainer.arrays import Array

DIGITS = load_digits(n_class=4, return_X_y=True)
CLASSES = DIGITS[0][:210] / 16, DIGITS[1][:210]
TWO = CLASSES[0], np.where(CLASSES[1] > 1, "high", "low")
LABELS = make_multilabel_classification(n_samples=210, random_state=0)
VALUES = make_regression(n_samples=210, n_features=7, random_state=0)
VALUES = VALUES[0], VALUES[1] / 100
SEVERAL = make_regression(n_samples=210, n_features=7, n_targets=3, random_state=0)
SEVERAL = SEVERAL[0], SEVERAL[1] / 100
COUNTS = VALUES[0], np.abs(VALUES[1]).round()
WEIGHTS = np.random.default_rng(0).uniform(0, 2, 210)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

Data = tuple[Array, Array]


def fitted(module: Any, kind: str, data: Data, weights: Array | None, loss_of: str | None = None, **given: Any) -> Any:
    given |= {} if loss_of is None else {"loss": loss_of}
    defaults = {"hidden_layer_sizes": (11, 6), "random_state": 3, "max_iter": 25}
    return getattr(module, kind)(**{**defaults, **given}).fit(*data, sample_weight=weights)


def compare(kind: str, data: Data, weights: Array | None = None, loss: float = 1e-9, **given: Any) -> None:
    their, our = (fitted(module, kind, data, weights, **given) for module in (theirs, ours))
    for name in ("coefs_", "intercepts_"):
        for expected, found in zip(getattr(their, name), getattr(our, name), strict=True):
            assert found.dtype == expected.dtype
            assert np.abs(found - expected).max() < 1e-8
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(our, name) == getattr(their, name)
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_", "loss_"):
        expected, found = getattr(their, name), getattr(our, name)
        assert found == (None if expected is None else pytest.approx(expected, rel=loss))
    assert our._no_improvement_count == their._no_improvement_count
    assert np.array_equal(our.predict(data[0]), their.predict(data[0])) or kind == "MLPRegressor"
    assert our.score(*data) == pytest.approx(their.score(*data))


@pytest.mark.parametrize("data", [CLASSES, TWO, LABELS], ids=["classes", "two", "labels"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"solver": "sgd"},
        {"solver": "sgd", "nesterovs_momentum": False, "batch_size": 16, "learning_rate_init": 0.05},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "momentum": 0.7},
        {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.1, "tol": 0.02, "n_iter_no_change": 2},
        {"early_stopping": True, "n_iter_no_change": 3, "learning_rate_init": 0.05, "max_iter": 200},
        {"alpha": 3.0, "batch_size": 100, "activation": "logistic"},
        {"shuffle": False, "batch_size": 50, "activation": "tanh"},
        {"activation": "identity", "hidden_layer_sizes": 9, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3},
        {"hidden_layer_sizes": ()},
    ],
    ids=str,
)
def test_classifiers(data: Data, given: dict[str, Any]) -> None:
    compare("MLPClassifier", data, **given)


@pytest.mark.parametrize("data", [VALUES, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize(
    "given",
    [
        {"alpha": 0.0},
        {"alpha": 0.0, "solver": "sgd", "learning_rate_init": 0.01},
        {"alpha": 0.0, "solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.3},
        {"alpha": 0.0, "early_stopping": True, "learning_rate_init": 0.05, "batch_size": 30, "max_iter": 200},
        {"alpha": 0.0, "epsilon": 0.1, "activation": "tanh"},
    ],
    ids=str,
)
def test_regressors(data: Data, given: dict[str, Any]) -> None:
    compare("MLPRegressor", data, **given)


def test_a_penalty_on_several_values_is_known_between_epochs_alone() -> None:
    """Their loss weighs it in another way than their gradient: what each step's was, no record says."""
    compare("MLPRegressor", SEVERAL, loss=1e-5, alpha=0.01, batch_size=50)
    compare("MLPRegressor", SEVERAL, alpha=3.0, batch_size=210)
    compare("MLPRegressor", VALUES, alpha=3.0, batch_size=50)


@pytest.mark.parametrize("given", [{}, {"batch_size": 210}, {"alpha": 1.0, "solver": "sgd"}], ids=str)
def test_counts(given: dict[str, Any]) -> None:
    compare("MLPRegressor", COUNTS, loss_of="poisson", **given)


@pytest.mark.parametrize("given", [{"batch_size": 210}, {"alpha": 0.0, "batch_size": 30}], ids=str)
@pytest.mark.parametrize(
    ("kind", "data"), [("MLPClassifier", CLASSES), ("MLPClassifier", LABELS), ("MLPRegressor", VALUES)]
)
def test_weighted_rows(kind: str, data: Data, given: dict[str, Any]) -> None:
    compare(kind, data, WEIGHTS, **given)
    compare(kind, data, WEIGHTS, early_stopping=True, solver="sgd", alpha=0.0)


def test_single_precision() -> None:
    data = CLASSES[0].astype(np.float32), CLASSES[1]
    their, our = (fitted(module, "MLPClassifier", data, None) for module in (theirs, ours))
    assert {array.dtype for array in our.coefs_ + our.intercepts_} == {np.dtype(np.float32)}
    assert our.loss_curve_ == pytest.approx(their.loss_curve_, rel=1e-4)
    assert our.predict_proba(data[0]).dtype == np.float32


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("learning_rate", ["constant", "invscaling"])
def test_one_epoch_at_a_time_and_a_warm_start(solver: str, learning_rate: str) -> None:
    """Rows come in parts of different sizes; an optimizer goes on in partial_fit and begins anew in fit."""
    X, y = CLASSES
    given: dict[str, Any] = {
        "solver": solver,
        "learning_rate": learning_rate,
        "learning_rate_init": 0.05,
        "batch_size": 32,
    }
    pair = []
    for module in (theirs, ours):
        mlp = module.MLPClassifier((8,), random_state=0, warm_start=True, max_iter=3, **given)
        for part in (slice(0, 100), slice(100, 134), slice(134, 210)):
            mlp.partial_fit(X[part], y[part], classes=np.unique(y))
        mlp.fit(X, y)
        pair.append(mlp.fit(X, y))
    their, our = pair
    for expected, found in zip(their.coefs_, our.coefs_, strict=True):
        assert np.abs(found - expected).max() < 1e-8
    assert our.loss_curve_ == pytest.approx(their.loss_curve_)
    assert (our.t_, our.n_iter_) == (their.t_, their.n_iter_)


@pytest.mark.parametrize(("kind", "data"), [("MLPClassifier", CLASSES), ("MLPRegressor", VALUES)])
def test_l_bfgs_comes_as_far(kind: str, data: Data) -> None:
    given: dict[str, Any] = {"solver": "lbfgs", "max_iter": 2_000, "alpha": 1.0, "activation": "tanh"}
    their, our = (fitted(module, kind, data, None, **given) for module in (theirs, ours))
    assert our.loss_ == pytest.approx(their.loss_, rel=0.02)
    assert our.score(*data) == pytest.approx(their.score(*data), abs=0.01)
    assert not hasattr(our, "loss_curve_")


def test_the_first_steps_of_l_bfgs_are_scipys() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        their, our = (
            fitted(module, "MLPClassifier", CLASSES, None, solver="lbfgs", max_iter=5) for module in (theirs, ours)
        )
    for expected, found in zip(their.coefs_, our.coefs_, strict=True):
        assert np.abs(found - expected).max() < 1e-8
