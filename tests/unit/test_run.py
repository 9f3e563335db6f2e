"""Training in process: arrays in, a run out; nothing loaded that is not needed."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import datasets, metrics
from threadpoolctl import threadpool_info

import steepest
from steepest.run import limited_threads, numeric_environment
from steepest.spec.errors import DataUnusable, Diverged, InvalidRequest, ValidationFailed
from steepest.trainer.engines.choice import KERNELS, Engine, kernels

SMALL: dict[str, Any] = {"epochs": 30, "layers": [{"units": 12}], "optimizer": {"learning_rate": 0.02}}

LIGHT = {
    *("numpy", "pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"),
    *("httpx", "httpcore", "h11", "anyio", "idna", "certifi", "sniffio"),
    *("click", "rich", "markdown-it-py", "mdurl", "pygments", "safetensors", "threadpoolctl", "steepest"),
}
"""What `pip install steepest` brings."""


@pytest.fixture(scope="module")
def iris() -> tuple[np.ndarray, np.ndarray]:
    X, y = datasets.load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


def python(code: str, *arguments: str) -> Any:
    """What a fresh interpreter prints as JSON."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_classes_come_back_in_their_own_dtype(iris: tuple[np.ndarray, np.ndarray]) -> None:
    X, names = iris
    for y in (names, np.unique(names, return_inverse=True)[1].astype(np.int16) + 3):
        run = steepest.train(SMALL, X, y)
        predicted = run.predict(X)
        assert predicted.dtype == y.dtype
        assert predicted.shape == (150,)
        assert metrics.accuracy_score(y, predicted) > 0.9
        probabilities = run.predict_proba(X)
        assert probabilities.shape == (150, 3)
        assert probabilities.dtype == np.float32
        assert np.allclose(probabilities.sum(1), 1, atol=1e-6)


def test_two_classes_have_two_probabilities() -> None:
    X, y = datasets.load_breast_cancer(return_X_y=True)
    run = steepest.train(SMALL, X, y == 1)
    assert run.predict(X).dtype == np.bool_
    assert run.predict_proba(X).shape == (569, 2)
    assert run.result is not None
    assert run.result.test_accuracy is not None
    assert run.result.test_accuracy > 0.9


def test_values_come_back_in_their_own_units() -> None:
    X, y = datasets.load_diabetes(return_X_y=True)
    run = steepest.train(SMALL | {"precision": "float64"}, X, y)
    predicted = run.predict(X)
    assert predicted.shape == y.shape
    assert predicted.dtype == np.float64
    assert metrics.r2_score(y, predicted) > 0.4
    assert list(run.history[0])[3:5] == ["training_r2", "validation_r2"]
    with pytest.raises(ValidationFailed):
        run.predict_proba(X)


@pytest.mark.parametrize(
    "preprocess",
    [
        {"numeric": "robust", "missing": "median", "missing_indicator": True},
        {"numeric": "minmax", "missing": "constant", "missing_value": -1.0},
        {"numeric": "none", "missing": "most_frequent", "missing_indicator": True},
    ],
)
def test_arrays_are_preprocessed_in_every_way(
    preprocess: dict[str, Any], tmp_path: Path, iris: tuple[np.ndarray, np.ndarray]
) -> None:
    X, y = iris
    X = X.copy()
    X[::7, 1] = np.nan
    run, other = steepest.train(
        [SMALL | {"preprocess": preprocess}, SMALL | {"preprocess": preprocess, "seed": 1}], X, y
    )
    assert other.spec.preprocess == run.spec.preprocess
    assert run.model.preprocessing.width == 4 + preprocess.get("missing_indicator", False)
    assert metrics.accuracy_score(y, run.predict(X)) > 0.85
    run.save(tmp_path / "model.npz")
    again = steepest.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict_proba(X), run.predict_proba(X))
    rows = [[None if np.isnan(value) else value for value in row] for row in X.tolist()]
    predictions = run.model.predict_records(rows)
    assert [prediction.label for prediction in predictions] == run.predict(X).tolist()  # type: ignore[union-attr]  # classes


def test_arrays_are_split_by_one_of_their_columns(iris: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = iris
    people = np.arange(150) % 30
    test = (people < 6).astype(float)
    for column, split in ((people, {"method": "group"}), (test, {"method": "column"}), (people, {"method": "time"})):
        wide = np.column_stack([X[:, :2], column, X[:, 2:]])
        run = steepest.train(SMALL | {"split": {"column": "x2", **split}}, wide, y)
        assert run.model.preprocessing.names == ("x0", "x1", "x3", "x4")
        assert run.result is not None
        assert None not in (run.result.validation_loss, run.result.test_loss)
        assert run.predict(X).shape == (150,)
    with pytest.raises(ValidationFailed, match='X has no column "x9"; its columns are "x0" to "x4"'):
        steepest.train(SMALL | {"split": {"column": "x9", "method": "group"}}, wide, y)
    with pytest.raises(ValidationFailed, match="is none of"):
        steepest.train(SMALL | {"split": {"column": "x2", "method": "column"}}, wide, y)
    apart = steepest.train(SMALL | {"split": {"column": "x2", "method": "column"}}, wide, y, validation=(wide, y))
    assert apart.predict(wide).shape == (150,)


@pytest.mark.parametrize("name", ["model.safetensors", "model.npz", "model.json"])
def test_a_saved_network_predicts_the_same(name: str, tmp_path: Path, iris: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = iris
    run = steepest.train(SMALL, X, y)
    run.save(tmp_path / name)
    loaded = steepest.load(str(tmp_path / name))
    assert np.array_equal(loaded.predict_proba(X), run.predict_proba(X))
    assert np.array_equal(loaded.predict(X), run.predict(X))
    assert loaded.spec == run.spec
    assert loaded.history == []


def test_other_files_are_refused(tmp_path: Path, iris: tuple[np.ndarray, np.ndarray]) -> None:
    run = steepest.train({"epochs": 1}, *iris)
    with pytest.raises(ValueError, match=r"in \.safetensors, \.npz, \.onnx, \.json, \.py"):
        run.save(tmp_path / "model.pickle")
    with pytest.raises(ValueError, match=r"in \.safetensors, \.npz, \.onnx, \.json, \.py"):
        steepest.load(tmp_path / "model")
    for name in ("model.onnx", "model.py"):
        run.save(tmp_path / name)
        with pytest.raises(ValueError, match=r"loaded from \.safetensors, \.npz or \.json"):
            steepest.load(tmp_path / name)
    (tmp_path / "rubbish.npz").write_bytes(b"rubbish")
    with pytest.raises(InvalidRequest):
        steepest.load(tmp_path / "rubbish.npz")


def test_the_history_is_plain_dicts_and_the_figures_add_up(iris: tuple[np.ndarray, np.ndarray]) -> None:
    run = steepest.train(SMALL | {"early_stopping": {"patience": 3}}, *iris)
    assert [record["epoch"] for record in run.history] == list(range(1, len(run.history) + 1))
    assert json.loads(json.dumps(run.history)) == run.history
    assert run.result is not None
    assert run.result.epochs == len(run.history)
    best = min(run.history, key=lambda record: record["validation_loss"] or 0)
    assert run.result.best_epoch == best["epoch"]
    assert run.result.validation_loss == best["validation_loss"]
    assert run.result.validation_accuracy == best["validation_accuracy"]


@pytest.mark.parametrize("no", [False, np.False_])
def test_on_epoch_sees_each_record_and_may_end_the_run(no: Any, iris: tuple[np.ndarray, np.ndarray]) -> None:
    seen: list[Any] = []

    def three(record: Any) -> Any:
        seen.append(record)
        return no if record["epoch"] == 3 else None

    run = steepest.train(SMALL | {"early_stopping": None}, *iris, on_epoch=three)
    assert seen == run.history
    assert run.stopped_by == "on_epoch"
    whole = steepest.train(SMALL | {"early_stopping": None, "epochs": 3}, *iris)
    assert np.array_equal(run.model.theta, whole.model.theta)


def test_a_list_of_specs_gives_a_list_of_runs(iris: tuple[np.ndarray, np.ndarray]) -> None:
    specs: list[Any] = [SMALL, steepest.TrainSpec(epochs=2, seed=5)]
    runs = steepest.train(specs, *iris)
    alone = steepest.train(specs[1], *iris)
    assert len(runs) == 2
    assert np.array_equal(runs[1].model.theta, alone.model.theta)


def test_validation_rows_of_ones_own_replace_the_split(iris: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = iris
    run = steepest.train(SMALL | {"early_stopping": None}, X[::2], y[::2], validation=(X[1::2], y[1::2]))
    assert run.result is not None
    assert run.result.test_loss is None
    assert run.history[-1]["validation_accuracy"] == metrics.accuracy_score(y[1::2], run.predict(X[1::2]))
    assert run.result.training_accuracy == metrics.accuracy_score(y[::2], run.predict(X[::2]))


@pytest.mark.parametrize(("dtype", "label"), [(np.int64, "1"), (np.float64, "1"), (np.bool_, "True")])
def test_classes_are_weighed_by_what_y_holds(iris: tuple[np.ndarray, np.ndarray], dtype: Any, label: str) -> None:
    X, names = iris
    y = (names == "setosa").astype(dtype)
    by_label, *others = (
        steepest.train(SMALL | {"loss": {"class_weight": {key: 3.0}}}, X, y)
        for key in (label, dtype(1), dtype(1).item())
    )
    assert not np.array_equal(by_label.model.theta, steepest.train(SMALL, X, y).model.theta)
    assert all(np.array_equal(run.model.theta, by_label.model.theta) for run in others)


def test_what_is_wrong_is_said_at_once(iris: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = iris
    with pytest.raises(DataUnusable, match="149 values"):
        steepest.train(SMALL, X, y, sample_weight=np.ones(149))
    with pytest.raises(ValidationFailed, match="as the argument sample_weight"):
        steepest.train(SMALL | {"loss": {"sample_weight": "w"}}, X, y)
    with pytest.raises(ValidationFailed) as wrong:
        steepest.train({"epochs": 0, "optimiser": {}}, X, y)
    assert {problem.pointer for problem in wrong.value.problems} == {"/epochs", "/optimiser"}
    with pytest.raises(DataUnusable):
        steepest.train(SMALL, X[:10], y)
    with pytest.raises(Diverged, match="learning_rate"):
        steepest.train({"optimizer": {"name": "gradient_descent", "learning_rate": 1e9}}, X, X[:, 0] ** 2)


def test_a_progress_bar_is_shown_when_asked_for(
    capsys: pytest.CaptureFixture[str], iris: tuple[np.ndarray, np.ndarray]
) -> None:
    steepest.train(SMALL, *iris)
    assert capsys.readouterr().out == ""
    steepest.train(SMALL, *iris, progress=True)
    assert "30/30" in capsys.readouterr().out


def test_threads_are_limited_and_given_back() -> None:
    def now() -> int:
        return int(max(pool["num_threads"] for pool in _numpy_pools()))

    before = now()
    with limited_threads(Engine("numpy", 1)) as engine:
        assert engine.threads == now() == 1
    with limited_threads(Engine("numpy", 10_000)) as engine:
        assert engine.threads == now() == before
    assert now() == before


def test_kernels_call_blas_from_threads_of_their_own() -> None:
    kernels()
    with limited_threads(Engine("numba", 2)) as engine:
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    with limited_threads(Engine("numpy", 2)) as alike:
        assert engine.threads == alike.threads


def _numpy_pools() -> list[dict[str, Any]]:
    return [pool for pool in threadpool_info() if "numpy" in pool["filepath"]]


def test_the_environment_names_what_bits_depend_on() -> None:
    environment = numeric_environment(Engine("numpy", 2))
    assert environment.numpy == np.__version__
    assert environment.threads == 2
    assert environment.steepest == steepest.__version__
    assert "blas" in environment.blas
    assert environment == numeric_environment(Engine("numpy", 2))
    assert environment != numeric_environment(Engine("numpy", 1))
    assert (environment.engine, environment.numba) == ("numpy", None)
    kernels()
    assert numeric_environment(Engine("numba", 2)).numba == version("numba")


def test_importing_steepest_loads_nothing_heavy() -> None:
    heavy = python(
        "import sys, json, steepest, steepest as s\n"
        "assert {'train', 'load', 'warm_up', 'TrainSpec', 'JobSpec', 'Client'} <= set(dir(s))\n"
        "print(json.dumps([name for name in ('numpy', 'pydantic', 'httpx', 'rich', 'click') if name in sys.modules]))"
    )
    assert heavy == []
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = steepest.nonsense


def test_the_light_dependencies_suffice(tmp_path: Path) -> None:
    """An import hook refuses every distribution but those that `pip install steepest` brings."""
    code = """
import json, sys
from importlib.metadata import packages_distributions

light = set(json.loads(sys.argv[1]))
owners = {
    module: {name.lower().replace("_", "-") for name in names} for module, names in packages_distributions().items()
}

class Light:
    def find_spec(self, name, path=None, target=None):
        owner = owners.get(name.partition(".")[0], set())
        if owner and not owner & light:
            raise ImportError(f"{name} is not among the light dependencies")

sys.meta_path.insert(0, Light())
import numpy as np
import steepest

X = np.random.default_rng(0).normal(size=(60, 3))
steepest.warm_up()
equal = []
for y in (X[:, 0] > 0, X @ [1, 2, 3], np.where(X[:, 1] > 0, "a", "b")):
    run = steepest.train({"epochs": 2}, X, y, progress=True)
    for name in ("model.npz", "model.safetensors"):
        run.save(f"{sys.argv[2]}/{name}")
        equal.append(bool((steepest.load(f"{sys.argv[2]}/{name}").predict(X) == run.predict(X)).all()))
steepest.Client
for refused in ("pyarrow", "sklearn"):
    try:
        __import__(refused)
    except ImportError:
        equal.append(True)
print()
print(json.dumps(equal))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(sorted(LIGHT)), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [True] * 8


def test_kernels_that_do_not_work_are_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = kernels()
    assert loaded is not None
    monkeypatch.setitem(sys.modules, KERNELS, loaded)  # what was there comes back after the test

    def fail() -> None:
        raise OSError("no compiler")

    monkeypatch.setattr(loaded, "warm_up", fail)
    with pytest.warns(UserWarning, match="the compiled kernels do not work here.*no compiler"):
        steepest.warm_up()
    assert kernels() is None
    run = steepest.train({"epochs": 2}, np.arange(40.0).reshape(20, 2), np.arange(20) % 2)
    assert run.result is not None
