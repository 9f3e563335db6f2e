"""scikit-learn's estimators, trained on the real service in process."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from apiflask import APIFlask
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.model_selection import GridSearchCV

from steepest.client import Client, Retries
from steepest.sklearn import MLPClassifier, MLPRegressor
from steepest.spec.errors import SteepestError
from tests.api.conftest import MakeKey
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop

IRIS = load_iris(return_X_y=True)
IRIS = (IRIS[0] - IRIS[0].mean(0)) / IRIS[0].std(0), np.array(["setosa", "versicolor", "virginica"])[IRIS[1]]
SMALL: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 40, "random_state": 0, "learning_rate_init": 0.05}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def client(app: APIFlask, make_key: MakeKey, workshop: Workshop, queue: RecordingQueue) -> Iterator[Client]:
    """Its workers work while it sleeps."""

    def work(_: float) -> None:
        while queue.announced:
            name = queue.announced.pop(0)
            (workshop.train if name.startswith("job_") else workshop.ingest)(name)

    transport = httpx.WSGITransport(app)
    with Client("http://127.0.0.1", make_key("read", "write"), transport=transport, retries=Retries(sleep=work)) as one:
        yield one


def test_classes_are_learned_on_the_service_and_predicted_here(client: Client) -> None:
    mlp = MLPClassifier(**SMALL, service=client).fit(*IRIS)
    client.close()
    assert mlp.score(*IRIS) > 0.95
    assert mlp.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert mlp.predict_proba(IRIS[0]).shape == (150, 3)
    assert [coef.shape for coef in mlp.coefs_] == [(4, 8), (8, 3)]
    assert mlp.n_iter_ == len(mlp.loss_curve_)
    assert mlp.loss_ == mlp.loss_curve_[-1]
    assert mlp.best_loss_ == min(mlp.loss_curve_)
    assert mlp.loss_curve_[-1] < mlp.loss_curve_[0]


def test_the_job_is_what_the_arguments_say(client: Client) -> None:
    given = {**SMALL, "solver": "sgd", "learning_rate": "adaptive", "alpha": 0.3, "activation": "logistic"}
    mlp = MLPClassifier(**given, early_stopping=True, n_iter_no_change=4, batch_size=30, service=client).fit(*IRIS)
    job = client.jobs.get(mlp.job_)
    spec = job.resolved_spec
    assert (spec.optimizer.name, spec.optimizer.learning_rate, spec.batch_size) == ("nesterov", 0.05, 30)
    assert (spec.regularization.l2, spec.regularization.per_row) == (0.3, True)
    assert (spec.schedule.name, spec.layers[0].activation, spec.precision) == ("plateau", "sigmoid", "float64")
    assert spec.early_stopping is not None
    assert (spec.early_stopping.monitor, spec.split.validation) == ("validation_accuracy", 0.1)
    assert mlp.best_loss_ is None
    assert max(mlp.validation_scores_) == mlp.best_validation_score_


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_values_labels_and_weights(client: Client, solver: str) -> None:
    given = {**SMALL, "solver": solver, "batch_size": 16, "service": client}
    X, Y = make_regression(n_samples=120, n_features=5, n_targets=2, random_state=0)
    weights = np.random.default_rng(0).uniform(0.5, 1.5, 120)
    mlp = MLPRegressor(**{**given, "max_iter": 100}).fit(X, Y / 100, sample_weight=weights)
    assert mlp.predict(X).shape == (120, 2)
    assert mlp.score(X, Y / 100) > 0.8
    assert MLPRegressor(**{**given, "max_iter": 100}).fit(X, Y[:, 0] / 100).predict(X).shape == (120,)
    X, Y = make_multilabel_classification(n_samples=120, random_state=0)
    X = (X - X.mean(0)) / X.std(0)
    assert (MLPClassifier(**given).fit(X, Y).predict(X) == Y).mean() > 0.9
    two = IRIS[0][50:], IRIS[1][50:]
    assert MLPClassifier(**given).fit(*two).score(*two) > 0.9


def test_one_full_step_is_the_same_here_and_there(client: Client) -> None:
    """From equal first weights: with a network without hidden layers and plain steps, by all rows at once."""
    given: dict[str, Any] = {"hidden_layer_sizes": (), "solver": "lbfgs", "alpha": 1.0, "max_iter": 500, "tol": 1e-7}
    here, there = MLPClassifier(**given).fit(*IRIS), MLPClassifier(**given, service=client).fit(*IRIS)
    assert np.abs(here.predict_proba(IRIS[0]) - there.predict_proba(IRIS[0])).max() < 1e-3
    assert here.loss_ == pytest.approx(there.loss_, rel=1e-5)


def test_a_search_trains_on_the_service(client: Client) -> None:
    search = GridSearchCV(MLPClassifier(**SMALL, service=client), {"alpha": [1e-4, 1.0]}, cv=2).fit(*IRIS)
    assert search.best_score_ > 0.8
    assert len(list(client.jobs.list())) == 5
    assert clone(search.best_estimator_).service is client


def test_what_the_service_refuses_is_said(client: Client) -> None:
    with pytest.raises(ValueError, match="one distinct value"):
        MLPClassifier(**SMALL, service=client).fit(IRIS[0], np.full(150, "only"))
    with pytest.raises(ValueError, match="epochs"):
        MLPClassifier(**{**SMALL, "max_iter": 10_000}, service=client).fit(*IRIS)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        MLPRegressor(**{**SMALL, "learning_rate_init": 1e6}, solver="sgd", activation="identity", service=client).fit(
            IRIS[0], IRIS[0][:, 0]
        )
    with pytest.raises(SteepestError):
        MLPClassifier(**SMALL, service=Client("http://127.0.0.1:9", "no", retries=Retries(sleep=lambda _: None))).fit(
            *IRIS
        )


def test_an_interrupted_wait_cancels_the_job(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> Callable[..., Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(client.jobs, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        MLPClassifier(**SMALL, service=client).fit(*IRIS)
    assert [job.status for job in client.jobs.list()] == ["cancelled"]
