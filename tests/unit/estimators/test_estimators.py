"""What else people do with estimators: frames, pipelines, searches, pickles, sparse rows, and our own arguments."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from steepest.client import Client
from steepest.sklearn import MLPClassifier, MLPRegressor, descent
from steepest.sklearn import sample as rows
from steepest.sklearn import sparse as few
from steepest.sklearn.sparse import SparseRows
from steepest.trainer.arrays import Array
from steepest.trainer.engines import choice
from steepest.trainer.engines.choice import Engine
from steepest.trainer.stack import Stack

X, Y = load_digits(n_class=3, return_X_y=True)
X, Y = X[:150] / 16, Y[:150]
VALUES = make_regression(n_samples=150, n_features=4, random_state=0)
VALUES = VALUES[0], VALUES[1] / 100
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 60, "random_state": 0, "learning_rate_init": 0.01}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_keep_the_names_of_their_columns(frame: Any) -> None:
    names = ["a", "b", "c", "d"]
    table = frame(dict(zip(names, VALUES[0].T, strict=True)))
    series = pd.Series(VALUES[1], name="y") if frame is pd.DataFrame else pl.Series("y", VALUES[1])
    mlp = MLPRegressor(**SMALL).fit(table, series)
    assert mlp.feature_names_in_.tolist() == names
    assert np.array_equal(mlp.predict(table), MLPRegressor(**SMALL).fit(*VALUES).predict(VALUES[0]))
    with pytest.raises(ValueError, match="feature names"):
        mlp.predict(frame(dict(zip(["a", "b", "c", "e"], VALUES[0].T, strict=True))))
    with pytest.warns(UserWarning, match="valid feature names"):
        mlp.predict(VALUES[0])


def test_labels_keep_their_dtype() -> None:
    for labels in (np.array(["no", "perhaps", "yes"]), np.array([1.0, 2.0, 4.0]), np.array([-1, 0, 7], np.int8)):
        mlp = MLPClassifier(**SMALL).fit(X, labels[Y])
        assert mlp.predict(X).dtype == labels.dtype
        assert np.array_equal(mlp.classes_, labels)
        assert mlp.score(X, labels[Y]) > 0.95


def test_in_a_pipeline_and_a_search() -> None:
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**SMALL))
    grid = {"mlpclassifier__alpha": [1e-4, 1.0], "mlpclassifier__layers": [None, [{"units": 5, "activation": "gelu"}]]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)
    assert search.best_score_ > 0.9
    assert cross_val_score(MLPRegressor(**SMALL), *VALUES, cv=2).shape == (2,)
    assert permutation_importance(search, X[:30], Y[:30], n_repeats=1).importances.shape == (64, 1)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_pickle_goes_on_where_it_was(solver: str) -> None:
    mlp = MLPClassifier(**SMALL, solver=solver).fit(X, Y)
    again = pickle.loads(pickle.dumps(mlp))
    assert np.array_equal(again.predict_proba(X), mlp.predict_proba(X))
    if solver != "lbfgs":
        assert np.array_equal(again.partial_fit(X, Y).coefs_[0], mlp.partial_fit(X, Y).coefs_[0])
        assert again.loss_curve_ == mlp.loss_curve_
    fresh = clone(mlp)
    assert not hasattr(fresh, "coefs_")
    with pytest.raises(NotFittedError):
        fresh.predict(X)
    assert fresh.get_params() == mlp.get_params()


def test_equal_seeds_are_equal_networks_and_others_are_not() -> None:
    def weights(seed: Any) -> Array:
        array: Array = MLPClassifier(**{**SMALL, "random_state": seed}).fit(X, Y).coefs_[0]
        return array

    assert np.array_equal(weights(1), weights(1))
    assert np.array_equal(weights(1), weights(np.random.RandomState(1)))
    assert not np.array_equal(weights(1), weights(2))
    assert not np.array_equal(weights(None), weights(None))


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_sparse_rows_are_as_good_as_dense_ones(
    form: Callable[[Array], Any], at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PIECE_BYTES", 64 * 8 * 40)  # four pieces
    monkeypatch.setattr(few, "DENSE_BYTES", few.DENSE_BYTES if at_once else 0)
    for given in ({"batch_size": 20}, {"early_stopping": True}, {"solver": "lbfgs", "max_iter": 8}):
        thin, thick = (MLPClassifier(**{**SMALL, **given}).fit(each, Y) for each in (form(X), X))
        assert np.allclose(thin.coefs_[0], thick.coefs_[0], atol=1e-9)
        assert np.allclose(thin.predict_proba(form(X)), thick.predict_proba(X))
        assert thin.n_iter_ == thick.n_iter_


def test_rows_too_many_to_be_dense_are_trained_on_all_the_same() -> None:
    """Most of a gigabyte, if they were."""
    random, y = np.random.default_rng(0), np.arange(500) % 2
    places = random.integers(2, 200_000, (500, 5))
    places[:, 0] = y
    words = sparse.csr_array((np.ones(2_500), places.ravel(), np.arange(0, 2_501, 5)), shape=(500, 200_000))
    kept: list[Any] = []

    def choose(*given: Any, **options: Any) -> Engine:
        kept.append(options["kept"])
        return choice.choose(*given, **options)

    mlp = MLPClassifier((1,), "tanh", solver="sgd", learning_rate_init=0.5, max_iter=4, random_state=0, batch_size=20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SparseRows, "__array__", None)
        patch.setattr(descent, "choose", choose)
        mlp.fit(words, y)
    assert mlp.score(words, y) > 0.95
    assert kept == ["numpy"]  # kernels would want all rows in one piece


def test_weights_that_someone_sets_are_those_that_predict() -> None:
    mlp = MLPRegressor(**SMALL).fit(*VALUES)
    mlp.coefs_ = [np.zeros_like(coef) for coef in mlp.coefs_]
    mlp.intercepts_[-1] = np.array([2.5])
    assert set(mlp.predict(VALUES[0])) == {2.5}
    mlp.coefs_[0] = np.zeros((3, 8))
    with pytest.raises(ValueError, match="shape"):
        mlp.predict(VALUES[0])


def test_training_changes_no_weights_that_someone_has_kept() -> None:
    mlp = MLPClassifier(**SMALL, warm_start=True).fit(X, Y)
    kept = mlp.coefs_[0]
    before = kept.copy()
    mlp.fit(X, Y)
    assert np.array_equal(kept, before)
    assert not np.array_equal(mlp.coefs_[0], before)


OURS: list[dict[str, Any]] = [
    {"layers": [{"units": 16, "activation": "gelu", "dropout": 0.1, "batch_norm": True}, {"units": 8}]},
    {"optimizer": "rmsprop"},
    {"optimizer": {"name": "adamw", "weight_decay": 0.1, "learning_rate": 0.01}, "schedule": "cosine"},
    {"optimizer": {"name": "lbfgs", "history_size": 5}},
    {"initializer": "he_normal", "regularization": {"l1": 1e-4, "max_norm": 3.0}},
    {"gradient_clip": {"by": "norm", "limit": 0.5}, "solver": "sgd"},
    {"activation": "silu", "precision": "float32"},
    {"solver": "sgd", "schedule": {"name": "exponential", "factor": 0.99}, "momentum": 0.5},
]


@pytest.mark.parametrize("given", OURS, ids=str)
def test_our_arguments(given: dict[str, Any]) -> None:
    settings = {**SMALL, "batch_size": 16, **given}
    mlp = MLPClassifier(**settings).fit(X, Y)
    assert mlp.score(X, Y) > 0.95
    assert np.array_equal(pickle.loads(pickle.dumps(mlp)).predict_proba(X), mlp.predict_proba(X))
    assert np.array_equal(MLPClassifier(**settings).fit(X, Y).coefs_[0], mlp.coefs_[0])
    assert MLPRegressor(**settings).fit(*VALUES).score(*VALUES) > 0.5
    if given.get("precision"):
        assert mlp.coefs_[0].dtype == np.float32
    if "batch_norm" in str(given):
        assert mlp.partial_fit(X, Y).score(X, Y) > 0.95


def test_classes_may_weigh_more_and_labels_be_less_certain() -> None:
    few = np.r_[np.arange(50), np.flatnonzero(Y == 1)[:3]]
    rare = np.where(Y[few] == 1, "rare", "common")
    plain = MLPClassifier(**{**SMALL, "max_iter": 5}).fit(X[few], rare)
    fair = clone(plain).set_params(class_weight="balanced").fit(X[few], rare)
    said = clone(plain).set_params(class_weight={"rare": 20.0}).fit(X[few], rare)
    column = plain.classes_.tolist().index("rare")
    rates = [mlp.predict_proba(X[few])[:, column].mean() for mlp in (plain, fair, said)]
    assert rates[0] < min(rates[1:])
    sure = MLPClassifier(**SMALL).fit(X, Y).predict_proba(X).max(1).mean()
    assert MLPClassifier(**SMALL, label_smoothing=0.3).fit(X, Y).predict_proba(X).max(1).mean() < sure - 0.1


@pytest.mark.parametrize("loss", ["mean_absolute_error", "huber", {"name": "huber", "delta": 0.3}])
def test_our_losses_of_values(loss: Any) -> None:
    mlp = MLPRegressor(loss, **{**SMALL, "max_iter": 200}).fit(*VALUES)
    assert mlp.score(*VALUES) > 0.9
    assert mlp.loss_curve_[-1] < mlp.loss_curve_[0]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"activation": "step"}, 'activation of MLPClassifier must be one of "identity"'),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes"),
        ({"hidden_layer_sizes": "ten"}, "hidden_layer_sizes"),
        ({"alpha": -1}, "alpha of MLPClassifier must be a number of at least 0, got -1"),
        ({"batch_size": 0}, 'batch_size of MLPClassifier must be a whole number of at least 1, or "auto", got 0'),
        ({"max_iter": 10.5}, "max_iter"),
        ({"shuffle": "yes"}, "shuffle"),
        ({"solver": "newton"}, "solver"),
        ({"n_iter_no_change": 0}, "n_iter_no_change"),
        ({"layers": [{"unit": 3}]}, 'did you mean "units"'),
        ({"optimizer": {"name": "adamm"}}, 'did you mean "adam"'),
        ({"optimizer": "lbfgs", "gradient_clip": {"limit": 1.0}}, "lbfgs needs the gradient as it is"),
        ({"device": "tpu"}, "device"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_when_it_is_fitted(given: dict[str, Any], words: str) -> None:
    mlp = MLPClassifier(**given)
    with pytest.raises(ValueError, match=words):
        mlp.fit(X, Y)


def test_counts_below_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="poisson"):
        MLPRegressor(loss="poisson").fit(*VALUES)


@pytest.mark.parametrize("weights", [np.full(150, -1.0), np.zeros(150), np.ones(149), np.ones((150, 2)), np.nan])
def test_weights_that_are_none_are_refused(weights: Any) -> None:
    with pytest.raises(ValueError, match=r"[Ww]eight|inconsistent|NaN"):
        MLPRegressor(**SMALL).fit(VALUES[0], VALUES[1], sample_weight=weights)


def test_time_may_be_limited() -> None:
    mlp = MLPClassifier(**{**SMALL, "max_iter": 10**6, "tol": 0.0, "n_iter_no_change": np.inf}, max_seconds=0.3)
    mlp.fit(X, Y)
    assert 0 < mlp.n_iter_ < 10**6
    assert mlp.score(X, Y) > 0.9
    mlp.partial_fit(X, Y)
    with pytest.warns(ConvergenceWarning, match="TIME LIMIT"):
        clone(mlp).set_params(solver="lbfgs", alpha=0.0, tol=0.0, max_seconds=1e-6).fit(X, Y)


def test_a_training_that_is_interrupted_keeps_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Stack.run

    def interrupted(stack: Stack) -> Any:
        for number, item in enumerate(run(stack)):
            if number == 40:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr(Stack, "run", interrupted)
    with pytest.warns(UserWarning, match="interrupted"):
        mlp = MLPClassifier(**SMALL).fit(X, Y)
    assert mlp.n_iter_ <= 40
    assert mlp.score(X, Y) > 0.8
    monkeypatch.setattr(Stack, "run", lambda stack: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        MLPClassifier(**SMALL).fit(X, Y)


def test_an_estimator_takes_no_key_with_it() -> None:
    mlp = MLPClassifier(service=Client("http://127.0.0.1:1", "stp_secret"))
    assert clone(mlp).service is mlp.service
    packed = pickle.dumps(mlp)
    assert b"stp_secret" not in packed
    assert pickle.loads(packed).service.url == "http://127.0.0.1:1"


def test_figures_of_another_way_to_stop_begin_anew() -> None:
    mlp = MLPClassifier(**{**SMALL, "max_iter": 5}, solver="lbfgs", warm_start=True).fit(X, Y)
    mlp.set_params(solver="adam").fit(X, Y)
    assert len(mlp.loss_curve_) == 5
    mlp.set_params(early_stopping=True).fit(X, Y)
    assert (len(mlp.loss_curve_), len(mlp.validation_scores_)) == (5, 5)
    assert mlp.set_params(early_stopping=False).partial_fit(X, Y).best_loss_ is not None


def test_rows_that_come_in_parts_cannot_balance_classes() -> None:
    with pytest.raises(ValueError, match="balanced"):
        MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=[0, 1, 2])
    mlp = MLPClassifier(**SMALL, class_weight={1: 3.0}).partial_fit(X, Y, classes=[0, 1, 2])
    assert mlp.loss_curve_ != MLPClassifier(**SMALL).partial_fit(X, Y, classes=[0, 1, 2]).loss_curve_


def test_a_warning_points_at_who_fits() -> None:
    for solver in ("adam", "lbfgs"):
        with pytest.warns(ConvergenceWarning) as caught:
            MLPClassifier(**{**SMALL, "max_iter": 1}, solver=solver).fit(X, Y)
        assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("given", [{"warm_start": True}, {"shuffle": False}])
def test_what_a_service_cannot_do_is_said(given: dict[str, Any]) -> None:
    client = Client("http://127.0.0.1:1", "key")
    with pytest.raises(ValueError, match="in process"):
        MLPClassifier(service=client, **given).fit(X, Y)
    with pytest.raises(ValueError, match="in process"):
        MLPClassifier(service=client).partial_fit(X, Y, classes=[0, 1, 2])


def test_importing_the_estimators_loads_neither_a_client_nor_kernels() -> None:
    code = (
        "import sys, steepest.sklearn\n"
        "assert not {'httpx', 'numba', 'cupy'} & set(sys.modules)\n"
        "import steepest; assert 'sklearn' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    subprocess.run([sys.executable, "-c", "import sys, steepest; assert 'sklearn' not in sys.modules"], check=True)


def test_without_scikit_learn_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['sklearn'] = None; import steepest.sklearn"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'steepest[sklearn]'" in done.stderr
