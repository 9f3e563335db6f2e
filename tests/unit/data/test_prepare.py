"""A table and a resolved spec to arrays; facts for the spec's rules; the target's codec."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steepest.data.facts import check_columns, input_width, target_facts
from steepest.data.ingest import Summary
from steepest.data.prepare import Prepared, prepare
from steepest.data.schema import describe
from steepest.data.table import CategoricalColumn, Table
from steepest.data.target import Target
from steepest.spec.errors import DataUnusable, ValidationFailed
from steepest.spec.resolve import Resolution, resolve, split_sizes
from steepest.spec.training import Preprocess, TrainSpec

Read = Callable[..., tuple[Summary, Table]]

rng = np.random.default_rng(0)
X = rng.normal(size=(200, 3))


def ready(
    table: Table, spec: dict[str, Any] | None = None, validation: Table | None = None
) -> tuple[Resolution, Prepared]:
    facts = target_facts([describe(table, "y")], "y")
    resolution = resolve(TrainSpec.model_validate(spec or {}), facts, None if validation is None else validation.rows)
    features = [name for name in table.names if name != "y"]
    return resolution, prepare(table, resolution.spec, "y", features, resolution.classes, validation)


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


FILE = b"id,size,colour,y\n" + b"".join(
    f"t{index},{index % 7},{'red' if index % 3 else 'blue'},{'yes' if index % 2 else 'no'}\n".encode()
    for index in range(10_050)
)


def test_a_schema_gives_the_facts_that_arrays_give(read: Read) -> None:
    summary, table = read(FILE)
    for name in ("size", "colour", "y"):
        (column,) = [column for column in summary.columns if column.name == name]
        assert describe(table, name) == column
    assert target_facts(summary.columns, "y").counts == (5_025, 5_025)
    with pytest.raises(TypeError, match="free text"):
        describe(table, "id")


@pytest.mark.parametrize(
    ("target", "features", "expected"),
    [
        ("y", None, [("/features", 'free text cannot be a feature: name the features without "id"')]),
        ("id", ["size"], [("/target", "more than 10,000 distinct texts")]),
        ("why", ["size"], [("/target", 'no column "why"; it has "id", "size", "colour", "y"')]),
        ("y", ["sise", "y", "size", "size", "id"], [
            ("/features/0", 'no column "sise"; did you mean "size"?'),
            ("/features/1", "is the target"),
            ("/features/3", "named twice"),
            ("/features/4", "free text"),
        ]),
        ("yy", ["nope"], [("/target", "yy"), ("/features/0", "nope")]),
    ],
)  # fmt: skip
def test_every_wrong_name_is_told(read: Read, target: str, features: list[str] | None, expected: Any) -> None:
    summary, _ = read(FILE)
    with pytest.raises(ValidationFailed) as caught:
        check_columns(summary.columns, target, features)
    assert [problem.pointer for problem in caught.value.problems] == [pointer for pointer, _ in expected]
    for problem, (_, words) in zip(caught.value.problems, expected, strict=True):
        assert words in problem.detail


def test_features_come_in_data_set_order(read: Read) -> None:
    summary, _ = read(FILE)
    assert check_columns(summary.columns, "y", ["colour", "size"]) == ("size", "colour")
    assert check_columns(summary.columns[1:], "y", None) == ("size", "colour")
    with pytest.raises(ValidationFailed, match="no column but the target"):
        check_columns(summary.columns[3:], "y", None)


@pytest.mark.parametrize("cap", [1, 2, 100])
def test_the_width_is_known_before_a_row_is_read(read: Read, cap: int) -> None:
    summary, table = read(FILE)
    preprocess = Preprocess(max_categories=cap)
    resolution = resolve(TrainSpec(preprocess=preprocess), target_facts(summary.columns, "y"))
    prepared = prepare(table, resolution.spec, "y", ("size", "colour"), resolution.classes)
    assert prepared.preprocessing.width == input_width(summary.columns, ("size", "colour"), preprocess)
    assert prepared.preprocessing.width == prepared.training[0].shape[1]
