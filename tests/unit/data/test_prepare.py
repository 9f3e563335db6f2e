"""A table and a resolved spec to arrays; facts for the spec's rules; the target's codec."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.utils import class_weight

from steepest.data.facts import target_facts
from steepest.data.ingest import Summary
from steepest.data.prepare import Prepared, prepare
from steepest.data.schema import describe
from steepest.data.table import WEIGHT, CategoricalColumn, Table
from steepest.data.target import Target
from steepest.data.weights import Weights
from steepest.spec.errors import DataUnusable
from steepest.spec.resolve import Resolution, resolve, split_sizes
from steepest.spec.training import TrainSpec

Read = Callable[..., tuple[Summary, Table]]

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))


def ready(
    table: Table, spec: dict[str, Any] | None = None, validation: Table | None = None
) -> tuple[Resolution, Prepared]:
    targets = table.targets or ("y",)
    facts = target_facts([describe(table, name) for name in targets], targets)
    resolution = resolve(TrainSpec.model_validate(spec or {}), facts, None if validation is None else validation.rows)
    weight = resolution.spec.loss.sample_weight or (WEIGHT if WEIGHT in table.index else None)
    features = [name for name in table.names if name not in (*targets, weight)]
    return resolution, prepare(table, resolution.spec, targets, features, resolution.classes, validation, weight)


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (np.arange(200) % 3, "multiclass", ("0", "1", "2")),
        (np.arange(200) % 2 == 0, "binary", ("False", "True")),
        (np.array(["b", "a", "c", "a"] * 50), "multiclass", ("a", "b", "c")),
        (np.array(["10", "9"] * 100), "binary", ("9", "10")),
        (np.array(["b", "a"] * 100, object), "binary", ("a", "b")),
        ((np.arange(200) % 2).reshape(-1, 1).astype(np.float32) + 0.5, "binary", ("0.5", "1.5")),
    ],
)
def test_classes_become_codes_and_come_back_in_their_own_dtype(y: Any, task: str, classes: tuple[str, ...]) -> None:
    resolution, prepared = ready(Table.from_arrays(X, y))
    assert (resolution.spec.task, resolution.classes) == (task, classes)
    assert prepared.outputs == (1 if task == "binary" else len(classes))
    for pair, rows in (
        (prepared.training, prepared.parts.training),
        (prepared.validation, prepared.parts.validation),
        (prepared.test, prepared.parts.test),
    ):
        assert pair is not None
        assert pair[1].dtype == np.intp
        decoded = prepared.target.decode(pair[1])
        assert decoded.dtype == y.dtype
        np.testing.assert_array_equal(decoded, y.reshape(-1)[rows])
    assert Target.from_json(json.loads(json.dumps(prepared.target.to_json()))) == prepared.target


def test_numbers_as_python_objects_come_back_as_numbers() -> None:
    y = np.array([1, 2] * 100, object)
    _, prepared = ready(Table.from_arrays(X, y))
    decoded = prepared.target.decode(prepared.training[1])
    assert decoded.dtype == np.int64
    np.testing.assert_array_equal(decoded, y[prepared.parts.training].astype(int))


def test_values_are_scaled_by_training_rows_and_come_back() -> None:
    y = rng.normal(size=200) * 1e3 + 5e3
    _, prepared = ready(Table.from_arrays(X, y), {"precision": "float64"})
    training = prepared.training[1]
    assert training.shape == (140, 1)
    assert training.dtype == np.float64
    assert (abs(training.mean()) < 1e-12, abs(training.std() - 1) < 1e-12) == (True, True)
    assert prepared.test is not None
    np.testing.assert_allclose(prepared.target.decode(prepared.test[1]), y[prepared.parts.test], rtol=1e-12)
    _, plain = ready(Table.from_arrays(X, y), {"precision": "float64", "preprocess": {"target": "none"}})
    np.testing.assert_array_equal(plain.training[1][:, 0], y[plain.parts.training])
    _, narrow = ready(Table.from_arrays(X, y))
    assert narrow.training[1].dtype == narrow.training[0].dtype == np.float32
    assert narrow.target.decode(narrow.training[1]).dtype == np.float32


def test_several_values_are_scaled_each_on_its_own() -> None:
    y = rng.normal(size=(200, 3)) * [1, 1e3, 0] + [0, 5e3, 7] + np.array([0, 0, 1]) * (np.arange(200) == 0)[:, None]
    resolution, prepared = ready(Table.from_arrays(X, y), {"precision": "float64"})
    assert (resolution.spec.task, resolution.outputs, prepared.outputs) == ("regression", 3, 3)
    assert prepared.training.y.shape == (140, 3)
    np.testing.assert_allclose(prepared.training.y[:, :2].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(prepared.training.y[:, :2].std(axis=0), 1, atol=1e-12)
    for part, rows in ((prepared.training, prepared.parts.training), (prepared.test, prepared.parts.test)):
        assert part is not None
        np.testing.assert_allclose(prepared.target.decode(part.y), y[rows], rtol=1e-12, atol=1e-12)
    assert Target.from_json(json.loads(json.dumps(prepared.target.to_json()))) == prepared.target


@pytest.mark.parametrize("dtype", [bool, np.int16, np.float32])
def test_labels_are_ones_and_zeros(dtype: Any) -> None:
    y = (rng.random((200, 4)) < 0.3).astype(dtype)
    resolution, prepared = ready(Table.from_arrays(X, y))
    assert (resolution.spec.task, resolution.classes, prepared.outputs) == ("multilabel", (), 4)
    assert prepared.training.y.dtype == np.float32
    np.testing.assert_array_equal(prepared.training.y, y[prepared.parts.training])
    decoded = prepared.target.decode(prepared.training.y > 0.5)
    assert decoded.dtype == dtype
    np.testing.assert_array_equal(decoded, y[prepared.parts.training])
    assert Target.from_json(json.loads(json.dumps(prepared.target.to_json()))) == prepared.target


def test_columns_of_a_file_may_be_targets_together(read: Read) -> None:
    rows = "\n".join(f"{row},{row % 2},{'' if row == 5 else row % 3 // 2},{row}" for row in range(60))
    summary, table = read(f"x,a,b,w\n{rows}".encode())
    targets = ("b", "a")
    resolution = resolve(TrainSpec(), target_facts(summary.columns, targets))
    assert (resolution.spec.task, resolution.training_rows) == ("multilabel", split_sizes(59, 0.15, 0.15)[0])
    prepared = prepare(table, resolution.spec, targets, ("x",), resolution.classes, weight="w")
    assert prepared.warnings == ("1 row has not a value of every target: left out",)
    rows_of = prepared.parts.training
    np.testing.assert_array_equal(prepared.training.y, np.stack([rows_of % 3 // 2, rows_of % 2], axis=1))
    np.testing.assert_array_equal(prepared.training.weights, rows_of)
    decoded = prepared.target.decode(prepared.training.y)
    assert (decoded.dtype.kind, decoded.shape) == ("i", (len(rows_of), 2))


def test_a_validation_row_that_has_no_label_is_refused() -> None:
    y = np.arange(400).reshape(200, 2) % 3 // 2
    with pytest.raises(DataUnusable, match='row 1 has a value of "y1" that is neither 0 nor 1'):
        ready(Table.from_arrays(X, y), None, Table.from_arrays(X[:2], np.array([[0, 1], [1, 2]])))


def test_rows_without_weights_have_none() -> None:
    _, prepared = ready(Table.from_arrays(X, np.arange(200) % 2))
    assert prepared.validation is not None
    assert prepared.training.weights is prepared.validation.weights is None


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_sample_weights_follow_their_rows(precision: str) -> None:
    weights = rng.random(200)
    weights[::7] = 0
    _, prepared = ready(Table.from_arrays(X, np.arange(200.0), weights), {"precision": precision})
    assert prepared.preprocessing.names == ("x0", "x1", "x2")
    for part, rows in (
        (prepared.training, prepared.parts.training),
        (prepared.validation, prepared.parts.validation),
        (prepared.test, prepared.parts.test),
    ):
        assert part is not None
        assert part.weights is not None
        assert part.weights.dtype == precision
        np.testing.assert_array_equal(part.weights, weights[rows].astype(precision))


def test_balanced_classes_weigh_the_same_in_the_training_rows() -> None:
    y = np.repeat(["a", "b", "c"], [120, 60, 20])
    _, prepared = ready(Table.from_arrays(X, y), {"precision": "float64", "loss": {"class_weight": "balanced"}})
    training = prepared.training
    assert training.weights is not None
    np.testing.assert_allclose(training.weights, class_weight.compute_sample_weight("balanced", training.y), rtol=1e-15)
    np.testing.assert_allclose(np.bincount(training.y, training.weights), len(training.y) / 3)
    assert prepared.test is not None
    by_class = [training.weights[training.y == code][0] for code in range(3)]
    np.testing.assert_array_equal(prepared.test.weights, np.array(by_class)[prepared.test.y])


def test_weights_by_class_multiply_sample_weights() -> None:
    y, weights = np.arange(200) % 3, rng.random(200)
    spec = {"precision": "float64", "loss": {"class_weight": {"0": 2.0, "2": 0.5}}}
    _, prepared = ready(Table.from_arrays(X, y, weights), spec)
    rows = prepared.parts.training
    assert prepared.training.weights is not None
    np.testing.assert_allclose(prepared.training.weights, weights[rows] * np.array([2, 1, 0.5])[y[rows]], rtol=1e-15)


def test_a_class_without_a_training_row_has_a_weight_all_the_same() -> None:
    weights = Weights.fit(None, "balanced", ("a", "b", "c"), np.array([0, 0, 2]))
    np.testing.assert_array_equal(weights.by_class, [0.5, 1, 1])


def test_validation_rows_given_apart_count_by_class_alone() -> None:
    y, weights = np.arange(200) % 2, rng.random(200)
    spec = {"loss": {"class_weight": {"1": 3.0}}}
    _, prepared = ready(Table.from_arrays(X, y, weights), spec, Table.from_arrays(X[:4], y[:4]))
    assert prepared.validation is not None
    np.testing.assert_array_equal(prepared.validation.weights, [1, 3, 1, 3])
    _, prepared = ready(Table.from_arrays(X, y, weights), None, Table.from_arrays(X[:4], y[:4]))
    assert prepared.validation is not None
    assert prepared.validation.weights is None


def one_of(value: float, row: int = 3) -> NDArray[Any]:
    weights = np.ones(200)
    weights[row] = value
    return weights


@pytest.mark.parametrize(
    ("weights", "pointer", "words"),
    [
        (one_of(-1.0), "/rows/3/sample_weight", "row 3 has the weight -1"),
        (one_of(np.nan), "/rows/3/sample_weight", "row 3 has no weight"),
        (one_of(1e300), "/sample_weight", "1e+300 is beyond the range of float32"),
        (np.zeros(200), "/sample_weight", "no row with a weight above 0"),
        (one_of(1e-300) * 0, "/sample_weight", "no row with a weight above 0"),
        (np.ones(199), "/sample_weight", "199 values, X has 200 rows"),
        (np.ones((200, 1)), "/sample_weight", "shape (200, 1)"),
        (np.ones(200).astype(str), "/sample_weight", "text"),
        (one_of(np.inf), "/rows/3/sample_weight", "sample_weight[3] is infinite"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, pointer: str, words: str) -> None:
    with pytest.raises(DataUnusable) as caught:
        ready(Table.from_arrays(X, np.arange(200.0), weights), {"split": {"validation": 0, "test": 0}})
    assert caught.value.problems[0].pointer == pointer
    assert words in caught.value.detail


def test_a_row_without_a_target_needs_no_weight() -> None:
    y = np.where(np.arange(200) == 3, np.nan, np.arange(200.0))
    _, prepared = ready(Table.from_arrays(X, y, one_of(np.nan)))
    assert prepared.left_out_rows == 1


def test_preprocessing_is_fitted_on_the_training_rows_alone() -> None:
    y = np.arange(200) % 2
    _, prepared = ready(Table.from_arrays(X, y), {"precision": "float64"})
    rows = prepared.parts.training
    np.testing.assert_allclose(prepared.training[0], (X[rows] - X[rows].mean(axis=0)) / X[rows].std(axis=0), atol=1e-12)
    changed = X.copy()
    changed[np.setdiff1d(np.arange(200), rows)] *= 1e6
    _, again = ready(Table.from_arrays(changed, y), {"precision": "float64"})
    assert again.preprocessing == prepared.preprocessing


def test_rows_without_a_target_are_left_out_and_counted(read: Read) -> None:
    lines = [f"{index},{'' if index % 4 == 0 else 'ab'[index % 2]}" for index in range(40)]
    _, table = read("\n".join(["x,y", *lines]).encode())
    resolution, prepared = ready(table)
    assert (prepared.left_out_rows, prepared.warnings) == (10, ('10 rows have no value of the target "y": left out',))
    together = np.concatenate([prepared.parts.training, prepared.parts.validation, prepared.parts.test])
    assert sorted(together.tolist()) == [index for index in range(40) if index % 4]
    assert (resolution.training_rows, len(prepared.parts.training)) == (split_sizes(30, 0.15, 0.15)[0],) * 2


def test_missing_targets_of_arrays_are_left_out() -> None:
    y = np.where(np.arange(200) < 20, np.nan, np.arange(200.0))
    _, prepared = ready(Table.from_arrays(X, y))
    assert (prepared.left_out_rows, int(prepared.parts.training.min()) >= 20) == (20, True)


def test_validation_rows_given_apart_replace_the_split() -> None:
    y = np.array(["a", "b"] * 100)
    apart = Table.from_arrays(X[:30], y[:30])
    resolution, prepared = ready(Table.from_arrays(X, y), {"split": {"validation": 0.5}}, apart)
    assert (len(prepared.training[0]), resolution.training_rows) == (200, 200)
    assert prepared.validation is not None
    assert (len(prepared.validation[0]), prepared.test) == (30, None)
    np.testing.assert_array_equal(prepared.target.decode(prepared.validation[1]), y[:30])


@pytest.mark.parametrize("y", [np.array(["a", "b"] * 100), np.arange(200) % 2])
def test_a_validation_label_that_training_does_not_know_is_refused(y: NDArray[Any]) -> None:
    strange = np.array(["c"] if y.dtype.kind == "U" else [7])
    with pytest.raises(DataUnusable, match='row 0 has a value of "y" that is none of the classes'):
        ready(Table.from_arrays(X, y), None, Table.from_arrays(X[:1], strange))


@pytest.mark.parametrize(
    ("y", "features", "target", "words"),
    [
        (np.array(["a", "b"] * 100), X[:2], np.array([0, 1]), "none of the classes"),
        (np.arange(200.0), X[:2], np.array(["a", "b"]), '"y" holds no numbers'),
        (np.arange(200.0), X[:2, :1], np.arange(2.0), 'lack "x1", "x2"'),
        (np.arange(200.0), np.ones((2, 5)), np.arange(2.0), 'only the validation rows have "x3", "x4"'),
    ],
)
def test_validation_rows_of_another_kind_are_refused(y: Any, features: Any, target: Any, words: str) -> None:
    with pytest.raises(DataUnusable, match=words):
        ready(Table.from_arrays(X, y), None, Table.from_arrays(features, target))


def test_empty_parts_are_none() -> None:
    _, prepared = ready(Table.from_arrays(X, np.arange(200.0)), {"split": {"validation": 0.0, "test": 0.0}})
    assert (prepared.validation, prepared.test, len(prepared.training[0])) == (None, None, 200)


@pytest.mark.parametrize(
    ("features", "target", "words"),
    [
        (X[:, 0], np.arange(200), "shape .200,."),
        (X, np.arange(199), "199 values, X has 200 rows"),
        (X.astype(str), np.arange(200), "text"),
        (X, np.array([{}, 1] * 100, object), "Python objects"),
        (np.where(X[7, 2] == X, np.inf, X), np.arange(200), r"X\[7, 2\] is infinite"),
        (X, np.where(np.arange(200) == 5, -np.inf, 1.0), r"y\[5\] is infinite"),
        (X[:0], np.arange(0), "no rows"),
        (X, np.zeros((200, 2, 2)), r"y has the shape \(200, 2, 2\)"),
        (X, np.full((200, 2), "a"), "several targets must hold numbers or booleans"),
        (X, np.where(np.arange(400).reshape(200, 2) == 11, np.inf, 1.0), r"y\[5, 1\] is infinite"),
    ],
)
def test_arrays_that_cannot_be_used(features: Any, target: Any, words: str) -> None:
    with pytest.raises(DataUnusable, match=words):
        Table.from_arrays(features, target)


def test_as_many_labels_as_rows_are_no_trouble() -> None:
    # Searching the list of labels for each of them would keep this busy for minutes.
    y = np.array([f"row {row}" for row in range(100_000)])
    column = Table.from_arrays(np.zeros((len(y), 1)), y)["y"]
    assert isinstance(column, CategoricalColumn)
    assert column.categories[column.codes[77]] == "row 77"


def test_arrays_are_wrapped_not_copied() -> None:
    table = Table.from_arrays(X, np.arange(200))
    assert table.matrix is X
    assert all(np.shares_memory(column.values, X) for column in table.columns[:3])  # type: ignore[union-attr]  # numeric
