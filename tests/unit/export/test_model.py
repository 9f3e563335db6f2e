"""Predictions of raw rows, computed here once more by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from steepest.data.features import NumericFeature
from steepest.data.table import Table
from steepest.export.model import Model
from steepest.spec.errors import ValidationFailed
from steepest.spec.predictions import ClassPrediction, LabelsPrediction, ValuePrediction, ValuesPrediction

Make = Callable[..., Model]

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 3)) * [1, 10, 0.1] + [0, 5, 1]
y3 = np.arange(90) % 3
y2 = np.array(["no", "yes"] * 45)


def weighted_sums(model: Model, rows: NDArray[Any]) -> NDArray[Any]:
    """The linear output of a network with one hidden relu layer."""
    arrays = model.network.arrays(model.theta)
    features = [feature for feature in model.preprocessing.features if isinstance(feature, NumericFeature)]
    center, scale = (np.array([getattr(feature, name) for feature in features]) for name in ("center", "scale"))
    scaled = (rows - center) / scale
    hidden = np.maximum(scaled @ arrays["layers.0.weight"] + arrays["layers.0.bias"], 0)
    sums: NDArray[Any] = hidden @ arrays["layers.1.weight"] + arrays["layers.1.bias"]
    return sums


def test_multiclass(make: Make) -> None:
    model = make(X, y3, precision="float64")
    exponentials = np.exp(weighted_sums(model, X))
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-12)
    predicted = model.predict(X)
    assert predicted.dtype == y3.dtype
    np.testing.assert_array_equal(predicted, expected.argmax(axis=1))


def test_binary(make: Make) -> None:
    model = make(X, y2, precision="float64")
    positive = 1 / (1 + np.exp(-weighted_sums(model, X)[:, 0]))
    np.testing.assert_allclose(model.predict_proba(X), np.stack([1 - positive, positive], axis=1), atol=1e-12)
    predicted = model.predict(X)
    assert predicted.dtype == y2.dtype
    np.testing.assert_array_equal(predicted, np.where(positive > 0.5, "yes", "no"))


def test_squared_error_on_classes_divides_by_the_sum(make: Make) -> None:
    model = make(X, y3, loss={"name": "mean_squared_error"}, task="multiclass", precision="float64")
    outputs = 1 / (1 + np.exp(-weighted_sums(model, X)))
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities, outputs / outputs.sum(axis=1, keepdims=True), atol=1e-12)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_outputs_that_are_all_zero_say_nothing(make: Make) -> None:
    model = make(X, y3, loss={"name": "mean_squared_error"}, task="multiclass")
    model.theta[-3:] = -1e4
    np.testing.assert_allclose(model.predict_proba(X), 1 / 3, rtol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_values_come_in_the_units_of_the_target(make: Make, precision: str) -> None:
    y = rng.normal(size=90) * 1e3 + 1e4
    model = make(X, y, precision=precision)
    predicted = model.predict(X)
    assert predicted.dtype == precision
    assert predicted.shape == (90,)
    expected = weighted_sums(model, X)[:, 0] * model.target.scales[0] + model.target.means[0]
    np.testing.assert_allclose(predicted, expected, rtol=1e-4 if precision == "float32" else 1e-12)
    with pytest.raises(ValidationFailed, match="no probabilities"):
        model.predict_proba(X)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_several_values_come_each_in_their_own_units(make: Make, precision: str) -> None:
    y = rng.normal(size=(90, 3)) * [1, 1e3, 1e-3] + [0, 1e4, 1]
    model = make(X, y, precision=precision)
    predicted = model.predict(X)
    assert predicted.dtype == precision
    assert predicted.shape == (90, 3)
    expected = weighted_sums(model, X) * model.target.scales + model.target.means
    np.testing.assert_allclose(predicted, expected, rtol=1e-4 if precision == "float32" else 1e-12)
    assert model.predict_records(X[:2].tolist()) == [
        ValuesPrediction(values=dict(zip(("y0", "y1", "y2"), row, strict=True))) for row in predicted[:2].tolist()
    ]
    with pytest.raises(ValidationFailed, match="no probabilities"):
        model.predict_proba(X)


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float64])
def test_labels_are_those_above_one_half(make: Make, dtype: Any) -> None:
    y = (np.arange(90)[:, None] % [2, 3, 5] == 0).astype(dtype)
    model = make(X, y, precision="float64")
    assert model.spec.task == "multilabel"
    probabilities = 1 / (1 + np.exp(-weighted_sums(model, X)))
    np.testing.assert_allclose(model.predict_proba(X), probabilities, atol=1e-12)
    predicted = model.predict(X)
    assert predicted.dtype == dtype
    np.testing.assert_array_equal(predicted, probabilities > 0.5)
    for record, row, flags in zip(
        model.predict_records(X.tolist()), model.predict_proba(X).tolist(), predicted, strict=True
    ):
        assert record == LabelsPrediction(
            labels=[name for name, flag in zip(("y0", "y1", "y2"), flags, strict=True) if flag],
            probabilities=dict(zip(("y0", "y1", "y2"), row, strict=True)),
        )


def test_one_label_is_a_task_of_its_own(make: Make) -> None:
    model = make(X, (np.arange(90) % 2).astype(np.uint8), task="multilabel")
    assert model.predict(X).shape == (90,)
    (record,) = model.predict_records(X[:1].tolist())
    assert isinstance(record, LabelsPrediction)
    assert list(record.probabilities) == ["y"]


def test_records_and_arrays_agree(make: Make) -> None:
    classes, values = make(X, y3), make(X, rng.normal(size=90))
    named = [dict(zip(("x0", "x1", "x2"), row, strict=True)) for row in X.tolist()]
    probabilities = classes.predict_proba(X)
    for records in (X.tolist(), named):
        expected = [
            ClassPrediction(label=str(label), probabilities=dict(zip("012", row, strict=True)))
            for label, row in zip(classes.predict(X), probabilities.tolist(), strict=True)
        ]
        assert classes.predict_records(records) == expected
        assert values.predict_records(records) == [ValuePrediction(value=value) for value in values.predict(X).tolist()]


def test_columns_of_labels(make: Make, mixed: Table) -> None:
    model = make(mixed)
    rows: list[list[Any]] = [["red", 1.0], ["grün", None], [None, 2.5], ["never seen", -1]]
    expected = [prediction.label for prediction in model.predict_records(rows)]  # type: ignore[union-attr]  # classes
    assert model.predict(np.array(rows, object)).tolist() == expected
    assert set(expected) <= {"a", "b", "c"}


@pytest.mark.parametrize(
    ("rows", "pointer"),
    [
        (X[:, :2], "/X"),
        (X[0], "/X"),
        (np.array([["x", "y", "z"]]), "/rows/0/0"),
        (np.array([[1.0, np.inf, 2.0]]), "/rows/0/1"),
        (np.array([[1.0, 2.0, 1e300]]), "/rows/0/2"),
    ],
)
def test_rows_that_cannot_be_read(make: Make, rows: NDArray[Any], pointer: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        make(X, y3).predict(rows)
    assert caught.value.problems[0].pointer == pointer


def test_no_rows_give_no_predictions(make: Make) -> None:
    model = make(X, y3)
    assert model.predict(X[:0]).shape == (0,)
    assert model.predict_proba(X[:0]).shape == (0, 3)
    assert model.predict_records([]) == []
