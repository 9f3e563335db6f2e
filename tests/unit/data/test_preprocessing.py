"""Preprocessing agrees with scikit-learn's transformers, is fitted on training rows only, and survives JSON."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler

from steepest.data.features import CategoricalFeature
from steepest.data.ingest import Summary
from steepest.data.preprocessing import Preprocessing
from steepest.data.table import CategoricalColumn, NumericColumn, Table
from steepest.spec.errors import DataUnusable, ValidationFailed
from steepest.spec.training import Preprocess

Read = Callable[..., tuple[Summary, Table]]


def options(**fields: Any) -> Preprocess:
    return Preprocess.model_validate(fields)


def labels(*values: str | None) -> Table:
    """A table of one column of labels; every label of `abcdef` is in the data set, used or not."""
    categories = tuple("abcdef")
    codes = np.array([-1 if value is None else categories.index(value) for value in values], np.int32)
    return Table(len(values), (CategoricalColumn("c", codes, categories),))


def fit_transform(table: Table, preprocess: Preprocess, training: Any = None) -> tuple[Preprocessing, NDArray[Any]]:
    every = np.arange(table.rows)
    fitted = Preprocessing.fit(table, every if training is None else np.array(training), table.names, preprocess)
    return fitted, fitted.transform(table, every, np.float64)


rng = np.random.default_rng(0)
X = rng.normal(size=(3_000, 5)) * [1.0, 10.0, 1e-4, 1e6, 0.0] + [0.0, 5.0, 1.0, -1e7, 0.1]


@pytest.mark.parametrize(("scaling", "theirs"), [("standardize", StandardScaler), ("minmax", MinMaxScaler)])
def test_numbers_are_scaled_as_scikit_learn_does(scaling: str, theirs: Any) -> None:
    training = np.arange(0, 3_000, 2)
    _, ours = fit_transform(Table.from_arrays(X), options(numeric=scaling), training)
    expected = theirs().fit(X[training]).transform(X)
    np.testing.assert_allclose(ours[:, :4], expected[:, :4], rtol=1e-9, atol=1e-9)
    assert not ours[:, 4].any()


def test_missing_numbers_count_for_nothing_and_are_filled_with_the_mean() -> None:
    holes = np.where(rng.random(X.shape) < 0.2, np.nan, X)
    _, ours = fit_transform(Table.from_arrays(holes), options())
    expected = StandardScaler().fit(holes).transform(holes)
    np.testing.assert_allclose(ours[:, :4], np.nan_to_num(expected, nan=0.0)[:, :4], rtol=1e-9, atol=1e-9)
    _, ranged = fit_transform(Table.from_arrays(holes), options(numeric="minmax"))
    filled = np.where(np.isnan(holes), np.nanmean(holes, axis=0), holes)
    np.testing.assert_allclose(ranged[:, :4], MinMaxScaler().fit(holes).transform(filled)[:, :4], atol=1e-9)
    _, plain = fit_transform(Table.from_arrays(holes), options(numeric="none"))
    np.testing.assert_allclose(plain, filled, rtol=1e-12)


def test_only_training_rows_teach() -> None:
    table = Table.from_arrays(np.array([[1.0], [3.0], [1e9], [np.nan]]))
    fitted, inputs = fit_transform(table, options(), training=[0, 1, 3])
    assert fitted.features[0].center == fitted.features[0].fill == 2.0  # type: ignore[union-attr]  # numeric
    np.testing.assert_array_equal(inputs[:, 0], [-1, 1, 1e9 - 2, 0])


def test_a_constant_or_empty_column_becomes_0_for_every_value() -> None:
    table = Table.from_arrays(np.array([[0.1, np.nan], [0.1, np.nan], [7.0, 5.0]]))
    for scaling in ("standardize", "minmax"):
        _, inputs = fit_transform(table, options(numeric=scaling), training=[0, 1])
        assert not inputs.any()


@pytest.mark.parametrize("scaling", ["standardize", "minmax", "none"])
@settings(max_examples=50, deadline=None)
@given(
    x=nps.arrays(np.float64, st.tuples(st.integers(1, 8), st.integers(1, 3)), elements=st.floats(allow_infinity=False)),
    data=st.data(),
)
def test_any_numbers_become_finite_inputs(scaling: str, x: NDArray[np.float64], data: st.DataObject) -> None:
    training = sorted(data.draw(st.sets(st.integers(0, len(x) - 1), min_size=1)))
    fitted, inputs = fit_transform(Table.from_arrays(x[training]), options(numeric=scaling))
    assert np.isfinite(inputs).all()
    assert Preprocessing.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False))) == fitted
    if scaling == "minmax":
        assert inputs.min() >= -1e-12
        assert inputs.max() <= 1.0 + 1e-12


def test_categories_are_one_hot_as_scikit_learn_does() -> None:
    values = np.array(list("abcdef"))[rng.integers(0, 6, 200)]
    _, ours = fit_transform(labels(*values.tolist()), options())
    theirs = OneHotEncoder(sparse_output=False).fit_transform(values[:, None])
    np.testing.assert_array_equal(ours, theirs)


def test_a_missing_category_and_one_that_training_never_showed_are_all_zero() -> None:
    fitted, inputs = fit_transform(labels("a", "b", None, "c"), options(), training=[0, 1])
    assert inputs.tolist() == [[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0] * 6, [0] * 6]
    assert fitted.transform_records([["zzz"], [None], ["b"]], np.float64).tolist() == [
        [0] * 6,
        [0] * 6,
        [0, 1, 0, 0, 0, 0],
    ]


def test_beyond_the_cap_the_most_frequent_keep_a_unit_and_the_others_share_one() -> None:
    table = labels("a", "c", "c", "e", "e", "e", "b", None)
    fitted, inputs = fit_transform(table, options(max_categories=2))
    assert fitted.features == (CategoricalFeature("c", ("c", "e"), (), other=True),)
    assert inputs.tolist() == [[0, 0, 1], *[[1, 0, 0]] * 2, *[[0, 1, 0]] * 3, [0, 0, 1], [0, 0, 0]]
    assert fitted.transform_records([["zzz"], ["a"], [None]], np.float64).tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_the_cap_counts_training_rows_only() -> None:
    fitted, _ = fit_transform(labels("a", "b", "b", "c", "c", "c"), options(max_categories=1), training=[0, 1, 2])
    assert fitted.features == (CategoricalFeature("c", ("b",), (), other=True),)


def mixed() -> Table:
    codes = np.array([0, 1, -1, 0], np.int32)
    return Table(
        4,
        (
            CategoricalColumn("colour", codes, ("blue", "red")),
            NumericColumn("size", np.array([1.0, 3.0, np.nan, 4.0])),
            CategoricalColumn("flag", codes, ("false", "true")),
            NumericColumn("age", np.array([10.0, 20.0, 30.0, 40.0])),
        ),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inputs_are_contiguous_in_the_precision_asked_for(dtype: Any) -> None:
    fitted, wide = fit_transform(mixed(), options())
    rows = np.array([0, 2, 3])
    inputs = fitted.transform(mixed(), rows, dtype)
    assert (inputs.dtype, inputs.shape, fitted.width) == (dtype, (3, 6), 6)
    assert inputs.flags.c_contiguous
    np.testing.assert_array_equal(inputs, wide[rows].astype(dtype))


def test_a_part_of_the_columns_in_data_set_order() -> None:
    table = Table.from_arrays(X[:50])
    fitted = Preprocessing.fit(table, np.arange(50), ["x1", "x3"], options(numeric="none"))
    np.testing.assert_array_equal(fitted.transform(table, np.arange(50), np.float64), X[:50][:, [1, 3]])


def test_raw_rows_are_what_columns_are() -> None:
    fitted, inputs = fit_transform(mixed(), options())
    rows: list[list[Any]] = [
        ["blue", 1.0, "false", 10],
        ["red", 3, "true", 20.0],
        [None, None, None, 30],
        ["blue", 4, "false", 40],
    ]
    np.testing.assert_array_equal(fitted.transform_records(rows, np.float64), inputs)
    named = [dict(zip(fitted.names, row, strict=True)) for row in rows]
    np.testing.assert_array_equal(fitted.transform_records(named, np.float64), inputs)
    for row in named:
        for name in [name for name, value in row.items() if value is None]:
            del row[name]
    np.testing.assert_array_equal(fitted.transform_records(named, np.float64), inputs)


def test_texts_mean_what_they_mean_in_a_file(read: Read) -> None:
    _, table = read(b"n,c\n1,1\n2,x\n3,2.5\n")
    fitted, inputs = fit_transform(table, options())
    rows: list[list[Any]] = [["1", 1], [" 2.0 ", "x"], ["3e0", 2.5]]
    np.testing.assert_array_equal(fitted.transform_records(rows, np.float64), inputs)
    np.testing.assert_array_equal(
        fitted.transform_records([["NA", "1.0"], ["", "NA"]], np.float64)[:, 1:], [[1, 0, 0], [0, 0, 0]]
    )


def test_booleans_find_their_spelling() -> None:
    fitted, inputs = fit_transform(mixed(), options())
    rows = [["blue", True, False, 10], ["red", 3, True, 20]]
    np.testing.assert_array_equal(fitted.transform_records(rows, np.float64), inputs[:2])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([{"size": "big"}], [("/rows/0/size", '"big" is no number')]),
        ([["red", 1, "true", 2], ["red", "?", "true", "!"]], [("/rows/1/1", '"?"'), ("/rows/1/3", '"!"')]),
        ([{"sise": 1}], [("/rows/0/sise", 'did you mean "size"?')]),
        ([{}, {"a/b": 1}], [("/rows/1/a~1b", 'no feature "a/b"')]),
        ([["red", 1, "true"]], [("/rows/0", "3 values; the model has 4 features")]),
        ([["red", 1, "true", 2, 3]], [("/rows/0", "5 values")]),
        ([{"size": math.inf}], [("/rows/0/size", "not finite")]),
        ([{"size": "-inf"}], [("/rows/0/size", "not finite")]),
        ([{"size": 10**400}], [("/rows/0/size", "not finite")]),
        ([{"size": "007"}], [("/rows/0/size", '"007" is no number')]),
        ([{"size": 1e300}], [("/rows/0/size", "too large")]),
        ([{"size": [1]}, {"colour": [1]}], [("/rows/0/size", "no number"), ("/rows/1/colour", "no label")]),
    ],
)
def test_every_problem_of_raw_rows_has_its_place(rows: list[Any], expected: list[tuple[str, str]]) -> None:
    fitted, _ = fit_transform(mixed(), options())
    with pytest.raises(ValidationFailed) as caught:
        fitted.transform_records(rows, np.float32)
    assert [problem.pointer for problem in caught.value.problems] == [pointer for pointer, _ in expected]
    for problem, (_, words) in zip(caught.value.problems, expected, strict=True):
        assert words in problem.detail


def test_an_answer_lists_the_first_hundred_problems() -> None:
    fitted, _ = fit_transform(mixed(), options())
    with pytest.raises(ValidationFailed) as caught:
        fitted.transform_records([{"size": "x"}] * 500, np.float32)
    assert len(caught.value.problems) == 100


def test_nan_is_a_missing_value() -> None:
    fitted, inputs = fit_transform(mixed(), options())
    np.testing.assert_array_equal(fitted.transform_records([[math.nan, math.nan, None, 30]], np.float64), inputs[2:3])


def test_no_rows_give_no_inputs() -> None:
    fitted, _ = fit_transform(mixed(), options())
    assert fitted.transform_records([], np.float32).shape == (0, 6)
    assert fitted.transform(mixed(), np.empty(0, np.intp), np.float32).shape == (0, 6)


def test_json_keeps_every_bit() -> None:
    fitted, _ = fit_transform(mixed(), options(max_categories=1))
    assert Preprocessing.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_free_text_is_no_feature(read: Read) -> None:
    _, table = read("\n".join(["a,b", *(f"t{index},1" for index in range(10_001))]).encode())
    with pytest.raises(DataUnusable, match="free text"):
        fit_transform(table, options())


def test_numbers_beyond_the_precision_are_refused() -> None:
    table = Table.from_arrays(np.array([[1.0], [1e300]]))
    fitted = Preprocessing.fit(table, np.arange(2), ["x0"], options(numeric="none"))
    assert fitted.transform(table, np.arange(2), np.float64)[1, 0] == 1e300
    with pytest.raises(DataUnusable, match="beyond the range of float32"):
        fitted.transform(table, np.arange(2), np.float32)
