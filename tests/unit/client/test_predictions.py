import json
from typing import Any

import numpy as np
import pytest

from steepest.spec.predictions import ClassPrediction, LabelsPrediction, ValuePrediction, ValuesPrediction
from tests.unit.client.fake import JOB, FakeService


def rows_sent(service: FakeService) -> Any:
    return json.loads(service.requests[-1].content)["rows"]


def test_classes_come_with_probabilities_and_regression_with_values() -> None:
    assert FakeService().client().predictions.create(JOB, [[1.0, 2.0, 3.0]]) == [
        ClassPrediction(label="setosa", probabilities={"setosa": 0.9, "virginica": 0.1})
    ]
    assert FakeService(regression=True).client().predictions.create(JOB, [{"x0": 1}]) == [ValuePrediction(value=1.5)]


@pytest.mark.parametrize(
    "expected",
    [
        LabelsPrediction(labels=["new"], probabilities={"new": 0.75, "used": 0.25}),
        LabelsPrediction(labels=[], probabilities={"new": 0.25}),
        ValuesPrediction(values={"width": 1.5, "length": -2.0}),
    ],
)
def test_several_targets_come_with_labels_or_with_values(expected: LabelsPrediction | ValuesPrediction) -> None:
    service = FakeService()
    service.prediction = expected.model_dump()
    assert service.client().predictions.create(JOB, [[1.0]]) == [expected]


def test_named_rows_and_lists_and_generators_are_rows() -> None:
    service = FakeService()
    client = service.client()
    client.predictions.create(JOB, [{"x0": 1, "x1": "red", "x2": None}])
    assert rows_sent(service) == [{"x0": 1, "x1": "red", "x2": None}]
    client.predictions.create(JOB, ((value, True) for value in (1, 2)))
    assert rows_sent(service) == [[1, True], [2, True]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_array_is_rows_and_nan_is_missing(dtype: type[np.floating[Any]]) -> None:
    service = FakeService()
    service.client().predictions.create(JOB, np.array([[1.5, np.nan], [0.25, 2.0]], dtype=dtype))
    assert rows_sent(service) == [[1.5, None], [0.25, 2.0]]


def test_numpys_scalars_in_named_rows_are_numbers() -> None:
    service = FakeService()
    service.client().predictions.create(JOB, [{"a": np.float32("nan"), "b": np.int64(3), "c": float("nan")}])
    assert rows_sent(service) == [{"a": None, "b": 3, "c": None}]


def test_infinity_is_not_taken_for_missing() -> None:
    service = FakeService()
    service.client().predictions.create(JOB, [[float("inf")]])
    assert rows_sent(service) == [["Infinity"]]


@pytest.mark.parametrize("rows", [[1.0, 2.0], {"x0": 1.0}, ["abc"]])
def test_one_row_in_place_of_rows_is_named(rows: Any) -> None:
    service = FakeService()
    with pytest.raises(TypeError, match="a row is"):
        service.client().predictions.create(JOB, rows)
    assert service.requests == []
