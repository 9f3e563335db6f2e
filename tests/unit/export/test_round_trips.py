"""Every file of a model predicts what the model predicts, for drawn data, specs, weights and rows."""

from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray

from steepest.data.features import HashedFeature
from steepest.data.labels import MISSING
from steepest.export import json, npz, onnx, python, safetensors
from steepest.export.formats import FORMATS
from steepest.export.model import Model
from tests.unit.export.drawn import EPOCH, Drawn, drawn
from tests.unit.export.runtimes import checked, imported, run_onnx

Rows = list[dict[str, Any]]
CLOSE = 1e-5


def answers(model: Model, rows: Rows) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Labels or values of raw rows, and probabilities."""
    X = np.array([[row.get(name) for name in model.preprocessing.names] for row in rows], object)
    return model.predict(X), None if model.spec.task == "regression" else model.predict_proba(X)


def assert_close(model: Model, found: Any, expected: NDArray[Any]) -> None:
    """Equal but for rounding, measured in units of the target."""
    scale = max(model.target.scales, default=1.0)
    np.testing.assert_allclose(found, expected, rtol=CLOSE, atol=CLOSE * max(scale, 1.0))


def decided(model: Model, probabilities: NDArray[Any]) -> NDArray[np.bool_]:
    """Where rounding does not decide which label a row gets."""
    if model.spec.task == "multilabel":
        return np.asarray(np.abs(probabilities - 0.5) > 10 * CLOSE)
    first, second = np.sort(probabilities, axis=1)[:, :-3:-1].T
    return np.asarray(first - second > 10 * CLOSE)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn())
def test_all_five_predict_the_same(given: Drawn) -> None:
    model, rows = given.model, given.rows
    predicted, probabilities = answers(model, rows)
    files = {name: form.dump(model) for name, form in FORMATS.items()}
    for exact in (safetensors, npz):
        again, shares = answers(exact.load(exact.dump(model)), rows)
        np.testing.assert_array_equal(again, predicted)
        np.testing.assert_array_equal(shares, probabilities)
    loaded = json.load(files["json"])
    program = imported(files["py"])
    graph = run_onnx(checked(files["onnx"]), model.preprocessing, rows)
    assert loaded.network == type(model.network).of(loaded.spec, model.network.inputs, model.network.outputs)
    same = in_tables(model, rows)
    if probabilities is None:
        value = np.where(rowwise(same, predicted), graph["value"].reshape(predicted.shape), predicted)
        for found in (answers(loaded, rows)[0], program.predict(rows), value):
            assert found.dtype == model.theta.dtype
            assert_close(model, found, predicted)
        return
    of_graph = np.where(same[:, None], graph["probabilities"], probabilities)
    for found in (json_probabilities(loaded, rows), program.predict_proba(rows), of_graph):
        assert found.dtype == model.theta.dtype
        assert_close(model, found, probabilities)
    sure = decided(model, probabilities)
    expected = texts(model, predicted, probabilities.shape)
    assert (graph["label"] == expected)[sure & rowwise(same, sure)].all()
    for labels in (answers(loaded, rows)[0], program.predict(rows)):
        assert labels.dtype == predicted.dtype
        assert (texts(model, labels, probabilities.shape) == expected)[sure].all()


def json_probabilities(model: Model, rows: Rows) -> NDArray[Any]:
    """Of a model that has some."""
    found = answers(model, rows)[1]
    assert found is not None
    return found


def in_tables(model: Model, rows: Rows) -> NDArray[np.bool_]:
    """(n,) rows without a label that a graph would have to hash."""
    hashed = [feature for feature in model.preprocessing.features if isinstance(feature, HashedFeature)]
    known = [{*feature.categories, *MISSING, None} for feature in hashed]
    return np.array([all(row[each.name] in labels for each, labels in zip(hashed, known, strict=True)) for row in rows])


def rowwise(which: NDArray[np.bool_], like: NDArray[Any]) -> NDArray[np.bool_]:
    """A choice of rows (n,) that goes with an array (n, ...)."""
    return which.reshape(-1, *[1] * (like.ndim - 1))


def shown(moment: float | None) -> Any:
    """Milliseconds as Python has a moment."""
    return None if moment is None else EPOCH + timedelta(milliseconds=moment)


def texts(model: Model, labels: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Labels as ONNX gives them: of each row one, or of several each that it has, else the empty string."""
    if model.spec.task != "multilabel":
        return labels.astype(object)
    return np.where(labels.reshape(shape) == 1, np.array(model.target.names, object), "")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn())
def test_a_program_takes_rows_in_every_shape(given: Drawn) -> None:
    model, rows = given.model, given.rows
    program = imported(python.dump(model))
    inputs = program.inputs(rows)
    expected = model.preprocessing.transform_records(rows, model.spec.precision)
    np.testing.assert_array_equal(inputs, expected)
    names = model.preprocessing.names
    columns = {name: [row[name] for row in rows] for name in names}
    moments = {feature.name for feature in model.preprocessing.features if feature.kind == "datetime"}
    for same in (
        [[row[name] for name in names] for row in rows],
        np.array([[row[name] for name in names] for row in rows], object),
        [{name: value for name, value in row.items() if value is not None} for row in rows],
        columns,
        {name: np.array(values, object) for name, values in columns.items()},
        [{name: shown(value) if name in moments else value for name, value in row.items()} for row in rows],
        [
            {
                name: shown(value).isoformat() if name in moments and value is not None else value
                for name, value in row.items()
            }
            for row in rows
        ],
        {name: values for name, values in columns.items() if any(value is not None for value in values)} or rows,
    ):
        np.testing.assert_array_equal(program.inputs(same), inputs)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn())
def test_the_same_model_gives_the_same_bytes(given: Drawn) -> None:
    for form in (onnx, json, python):
        assert form.dump(given.model) == form.dump(given.model)
    loaded = json.load(json.dump(given.model))
    assert json.dump(json.load(json.dump(loaded))) == json.dump(loaded)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn())
def test_a_graph_means_the_same_in_another_runtime(given: Drawn) -> None:
    content = onnx.dump(given.model)
    ours, other = (
        run_onnx(content, given.model.preprocessing, given.rows, reference=reference) for reference in (False, True)
    )
    for name, expected in ours.items():
        assert other[name].shape == expected.shape
        if name != "label":
            assert other[name].dtype == expected.dtype
            assert_close(given.model, other[name], expected)
