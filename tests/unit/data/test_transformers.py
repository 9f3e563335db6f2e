"""Every way to preprocess a column, beside the transformer of scikit-learn that does the same."""

import json
import math
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction import FeatureHasher
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler

from steepest.data.features import DateTimeFeature, HashedFeature, NumericFeature, OrdinalFeature
from steepest.data.preprocessing import Preprocessing
from steepest.data.table import CategoricalColumn, DateTimeColumn, FreeTextColumn, NumericColumn, Table
from steepest.spec.errors import DataUnusable, ValidationFailed
from steepest.spec.training import Preprocess

DAY = 86_400_000.0
rng = np.random.default_rng(3)
X = rng.normal(size=(2_000, 4)) * [1.0, 10.0, 1e-4, 1e6] + [0.0, 5.0, 1.0, -1e7]
X = np.where(rng.random(X.shape) < 0.2, np.nan, X)
X[:, 1] = np.round(X[:, 1])
TRAINING = np.arange(0, 2_000, 2)
SCALERS = {"standardize": StandardScaler, "minmax": MinMaxScaler, "robust": RobustScaler}


def options(**fields: Any) -> Preprocess:
    return Preprocess.model_validate(fields)


def labels(*values: str | None, categories: tuple[str, ...] = tuple("abcdef")) -> Table:
    codes = np.array([-1 if value is None else categories.index(value) for value in values], np.int32)
    return Table(len(values), (CategoricalColumn("c", codes, categories),))


def moments(*values: float) -> Table:
    return Table(len(values), (DateTimeColumn("t", np.array(values)),))


def drawn_labels() -> list[str | None]:
    return [None if rng.random() < 0.1 else "abcdef"[code] for code in rng.integers(0, 6, 300)]


def fit_transform(table: Table, preprocess: Preprocess, training: Any = None) -> tuple[Preprocessing, NDArray[Any]]:
    every = np.arange(table.rows)
    fitted = Preprocessing.fit(table, every if training is None else np.array(training), table.names, preprocess)
    inputs = fitted.transform(table, every, np.float64)
    again = Preprocessing.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    assert again == fitted
    np.testing.assert_array_equal(again.transform(table, every, np.float64), inputs)
    assert inputs.shape == (table.rows, fitted.width)
    return fitted, inputs


@pytest.mark.parametrize("scaling", SCALERS)
@pytest.mark.parametrize("missing", ["mean", "median", "most_frequent", "constant"])
@pytest.mark.parametrize("indicator", [False, True])
def test_numbers_are_imputed_scaled_and_indicated_as_scikit_learn_does(
    scaling: str, missing: str, indicator: bool
) -> None:
    preprocess = options(
        numeric=scaling,
        missing=missing,
        missing_indicator=indicator,
        missing_value=2.5 if missing == "constant" else 0.0,
    )
    _, ours = fit_transform(Table.from_arrays(X), preprocess, TRAINING)
    imputer = SimpleImputer(strategy=missing, fill_value=2.5 if missing == "constant" else None).fit(X[TRAINING])
    theirs = SCALERS[scaling]().fit(X[TRAINING]).transform(imputer.transform(X))
    if indicator:
        told = MissingIndicator().fit(X[TRAINING]).transform(X)
        theirs = np.stack([theirs, told.astype(float)], axis=2).reshape(len(X), -1)
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("missing", ["mean", "median", "most_frequent"])
def test_without_scaling_imputed_numbers_stay_as_they_are(missing: str) -> None:
    _, ours = fit_transform(Table.from_arrays(X), options(numeric="none", missing=missing), TRAINING)
    np.testing.assert_allclose(ours, SimpleImputer(strategy=missing).fit(X[TRAINING]).transform(X), rtol=1e-12)


def test_many_distinct_numbers_are_scaled_within_the_error_that_is_stated() -> None:
    many = np.random.default_rng(5).lognormal(size=(300_000, 2))
    fitted = Preprocessing.fit(
        Table.from_arrays(many), np.arange(len(many)), ["x0", "x1"], options(numeric="robust", missing="median")
    )
    for column, feature in enumerate(fitted.features):
        assert isinstance(feature, NumericFeature)
        share = np.mean(many[:, column] <= feature.center)
        assert abs(share - 0.5) <= 0.001
        assert feature.fill == feature.center
        assert feature.scale == pytest.approx(np.subtract(*np.quantile(many[:, column], [0.75, 0.25])), rel=0.01)


def test_a_column_whose_quartiles_meet_keeps_its_scale_as_in_scikit_learn() -> None:
    x = np.array([[0.0]] * 8 + [[3.0], [-1.0]])
    _, ours = fit_transform(Table.from_arrays(x), options(numeric="robust"))
    np.testing.assert_array_equal(ours, RobustScaler().fit_transform(x))


def test_an_indicator_is_there_where_the_data_set_lacks_values_and_silent_where_training_does_not() -> None:
    table = Table.from_arrays(np.array([[1.0, 1.0, np.nan], [3.0, 2.0, 4.0], [np.nan, 3.0, 8.0]]))
    fitted, inputs = fit_transform(table, options(numeric="none", missing_indicator=True), training=[0, 1])
    assert [feature.indicator for feature in fitted.features] == [True, False, True]
    assert [feature.untaught for feature in fitted.features] == [True, False, False]
    assert inputs.tolist() == [[1, 0, 1, 4, 1], [3, 0, 2, 4, 0], [2, 0, 3, 8, 0]]
    rows: list[Any] = [[1.0, 1.0, None], {"x0": 3.0, "x1": 2.0, "x2": 4.0}, [None, 3.0, 8.0]]
    np.testing.assert_array_equal(fitted.transform_records(rows, np.float64), inputs)


def test_a_hole_that_no_row_had_is_filled_without_a_word() -> None:
    fitted, _ = fit_transform(Table.from_arrays(np.array([[1.0], [3.0]])), options(missing_indicator=True))
    assert fitted.transform_records([[None]], np.float64).tolist() == [[0.0]]


@pytest.mark.parametrize("categorical", ["one_hot", "hashing", "ordinal"])
def test_missing_labels_are_indicated(categorical: str) -> None:
    table = labels("a", None, "b", "c")
    fitted, inputs = fit_transform(table, options(categorical=categorical, missing_indicator=True, numeric="none"))
    assert inputs[:, -1].tolist() == [0, 1, 0, 0]
    if categorical != "ordinal":
        assert not inputs[1, :-1].any()
    rows: list[Any] = [["a"], [None], ["b"], {"c": "c"}]
    np.testing.assert_array_equal(fitted.transform_records(rows, np.float64), inputs)


def test_ordinal_places_are_those_of_scikit_learn() -> None:
    values = drawn_labels()
    fitted, ours = fit_transform(labels(*values), options(categorical="ordinal", numeric="none", missing="median"))
    encoder = OrdinalEncoder(categories=[list("abcdef")], handle_unknown="use_encoded_value", unknown_value=np.nan)
    theirs = SimpleImputer(strategy="median").fit_transform(encoder.fit_transform(np.array(values, object)[:, None]))
    np.testing.assert_array_equal(ours, theirs)
    median = theirs[values.index(None), 0]
    assert fitted.transform_records([["f"], ["zzz"], [None]], np.float64).tolist() == [[5], [median], [median]]


@pytest.mark.parametrize("scaling", SCALERS)
@pytest.mark.parametrize("missing", ["mean", "median", "most_frequent"])
def test_ordinal_places_are_scaled_as_numbers(scaling: str, missing: str) -> None:
    values = drawn_labels()
    training = np.arange(100, 300)
    _, ours = fit_transform(labels(*values), options(categorical="ordinal", numeric=scaling, missing=missing), training)
    places = np.array([np.nan if value is None else "abcdef".index(value) for value in values])[:, None]
    imputed = SimpleImputer(strategy=missing).fit(places[training]).transform(places)
    theirs = SCALERS[scaling]().fit(places[training]).transform(imputed)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_ordinal_numbers_as_labels_are_in_the_order_of_numbers() -> None:
    fitted, inputs = fit_transform(
        labels("10", "2", "1", categories=("1", "10", "2")), options(categorical="ordinal", numeric="none")
    )
    assert isinstance(fitted.features[0], OrdinalFeature)
    assert fitted.features[0].categories == ("1", "2", "10")
    assert inputs[:, 0].tolist() == [2, 1, 0]


@given(st.lists(st.text(max_size=8), min_size=1, max_size=12, unique=True), st.integers(1, 64))
def test_hashed_labels_fall_into_the_buckets_of_scikit_learn(categories: list[str], buckets: int) -> None:
    table = labels(*categories, None, categories=tuple(categories))
    fitted, ours = fit_transform(table, options(categorical="hashing", max_categories=buckets))
    hasher = FeatureHasher(buckets, input_type="string", alternate_sign=False)
    theirs = hasher.transform([*([label] for label in categories), []]).toarray()
    np.testing.assert_array_equal(ours, theirs)
    unseen = hasher.transform([["never seen"]]).toarray()
    np.testing.assert_array_equal(fitted.transform_records([["never seen"]], np.float64), unseen)


def test_hashed_numbers_are_labels() -> None:
    table = labels("1", "2.5", categories=("1", "2.5"))
    fitted, inputs = fit_transform(table, options(categorical="hashing", max_categories=32))
    assert isinstance(fitted.features[0], HashedFeature)
    np.testing.assert_array_equal(fitted.transform_records([[1], ["2.50"]], np.float64), inputs)


def test_one_hot_with_an_other_bucket_is_that_of_scikit_learn() -> None:
    values = np.array(list("aabbbbccccccdde"))[:, None]
    _, ours = fit_transform(labels(*values[:, 0].tolist(), categories=tuple("abcde")), options(max_categories=2))
    theirs = OneHotEncoder(max_categories=3, handle_unknown="infrequent_if_exist", sparse_output=False)
    np.testing.assert_array_equal(ours, theirs.fit_transform(values))


def test_moments_are_scaled_and_turned_into_cycles() -> None:
    days = [0.0, 1.0, 3.5, 365.2425]
    fitted, inputs = fit_transform(moments(*(day * DAY for day in days), math.nan), options(missing="median"))
    scaled = StandardScaler().fit_transform(np.array([*days])[:, None])[:, 0]
    np.testing.assert_allclose(inputs[:4, 0], scaled, rtol=1e-12)
    np.testing.assert_allclose(inputs[0, 1:], [0, 1] * 3, atol=1e-12)
    np.testing.assert_allclose(inputs[2, 1:5], [0, -1, 0, -1], atol=1e-12)
    np.testing.assert_allclose(inputs[3, 5:], [0, 1], atol=1e-9)
    filled = fitted.transform(moments(2.25 * DAY), np.arange(1), np.float64)
    np.testing.assert_array_equal(inputs[4:], filled)
    assert isinstance(fitted.features[0], DateTimeFeature)


def test_moments_are_standardized_where_numbers_stay_as_they_are() -> None:
    table = moments(1.7e12, 1.7e12 + DAY)
    np.testing.assert_array_equal(fit_transform(table, options(numeric="none"))[1], fit_transform(table, options())[1])


def test_a_single_moment_keeps_its_cycles() -> None:
    _, inputs = fit_transform(moments(DAY / 4, DAY / 4), options())
    np.testing.assert_allclose(inputs[:, :3], [[0, 1, 0]] * 2, atol=1e-12)


def test_raw_moments_are_texts_or_milliseconds() -> None:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp() * 1e3
    fitted, inputs = fit_transform(moments(at, at + DAY, math.nan), options(missing_indicator=True))
    texts = ["2026-01-31T12:00:00Z", "2026-01-31 12:00", "2026-01-31T13:00:00.000+01:00", at, int(at)]
    texts += [datetime(2026, 1, 31, 12, tzinfo=UTC)]
    rows = fitted.transform_records([[text] for text in texts], np.float64)
    np.testing.assert_array_equal(rows, np.repeat(inputs[:1], len(texts), axis=0))
    missing = fitted.transform_records([[None], ["NA"], {}, [math.nan]], np.float64)
    np.testing.assert_array_equal(missing, np.repeat(inputs[2:], 4, axis=0))
    midnight = fitted.transform_records([[date(2026, 1, 31)], ["2026-01-31"]], np.float64)
    np.testing.assert_array_equal(midnight[0], midnight[1])


@pytest.mark.parametrize("value", ["yesterday", "31.1.2026", "1769860800000", True, [1], {}, math.inf])
def test_what_is_no_moment_is_refused_in_its_place(value: Any) -> None:
    fitted, _ = fit_transform(moments(0.0, 1.0), options())
    with pytest.raises(ValidationFailed, match=r"no date-time|not finite") as caught:
        fitted.transform_records([[0], [value]], np.float64)
    assert [problem.pointer for problem in caught.value.problems] == ["/rows/1/0"]


def test_labels_may_be_numbers_in_another_table() -> None:
    fitted, inputs = fit_transform(labels("1", "2.5", None, "1", categories=("1", "2.5")), options())
    other = Table(4, (NumericColumn("c", np.array([1.0, 2.5, np.nan, 1.0])),))
    np.testing.assert_array_equal(fitted.transform(other, np.arange(4), np.float64), inputs)


@pytest.mark.parametrize(
    ("fitted_on", "given", "words"),
    [
        (Table(1, (NumericColumn("x", np.ones(1)),)), CategoricalColumn("x", np.zeros(1, np.int32), ("a",)), "labels"),
        (Table(1, (DateTimeColumn("x", np.ones(1)),)), NumericColumn("x", np.ones(1)), "numbers, not date-times"),
        (Table(1, (NumericColumn("x", np.ones(1)),)), DateTimeColumn("x", np.ones(1)), "date-times, not numbers"),
        (
            Table(1, (CategoricalColumn("x", np.zeros(1, np.int32), ("a",)),)),
            FreeTextColumn("x"),
            "free text, not labels",
        ),
    ],
)
def test_a_column_of_another_kind_is_refused_by_name(fitted_on: Table, given: Any, words: str) -> None:
    fitted, _ = fit_transform(fitted_on, options())
    with pytest.raises(DataUnusable, match=words) as caught:
        fitted.transform(Table(1, (given,)), np.arange(1), np.float64)
    assert caught.value.problems[0].pointer == "/x"


@settings(deadline=None)
@given(
    categorical=st.sampled_from(["one_hot", "ordinal", "hashing"]),
    numeric=st.sampled_from(["standardize", "minmax", "robust", "none"]),
    missing=st.sampled_from(["mean", "median", "most_frequent", "constant"]),
    indicator=st.booleans(),
    data=st.data(),
)
def test_any_rows_become_finite_inputs_as_a_table_and_as_json(
    categorical: str, numeric: str, missing: str, indicator: bool, data: st.DataObject
) -> None:
    numbers = st.none() | st.floats(-1e100, 1e100)
    row = st.tuples(numbers, st.none() | st.sampled_from("abc"), st.none() | st.floats(-1e13, 1e13))
    rows = data.draw(st.lists(row, min_size=1, max_size=12))
    training = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1)))
    codes = np.array([-1 if label is None else "abc".index(label) for _, label, _ in rows], np.int32)
    table = Table(
        len(rows),
        (
            NumericColumn("x", np.array([number for number, _, _ in rows], np.float64)),
            CategoricalColumn("c", codes, tuple("abc")),
            DateTimeColumn("t", np.array([moment for _, _, moment in rows], np.float64)),
        ),
    )
    preprocess = options(categorical=categorical, numeric=numeric, missing=missing, missing_indicator=indicator)
    fitted, inputs = fit_transform(table, preprocess, training)
    assert np.isfinite(inputs).all()
    np.testing.assert_array_equal(fitted.transform_records(rows, np.float64), inputs)
