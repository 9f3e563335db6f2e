"""The graph of a model: its inputs and outputs as the contract names them, and what it says that it cannot do."""

import json
import sys
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from steepest.data.features import CategoricalFeature, DateTimeFeature, Feature, HashedFeature, OrdinalFeature
from steepest.data.preprocessing import Preprocessing
from steepest.data.table import NumericColumn, Table
from steepest.export import onnx as exports
from steepest.export.model import Model
from steepest.export.onnx.features import NO_MOMENT
from steepest.export.onnx.write import proto
from steepest.spec.errors import ValidationFailed
from steepest.trainer.network import Network
from tests.unit.export.conftest import Make
from tests.unit.export.runtimes import checked, run_onnx

X = np.random.default_rng(0).normal(size=(60, 3))
Signature = dict[str, tuple[int, list[str | int]]]


def signature(values: Any) -> Signature:
    """Types and shapes by name, in order."""
    return {
        value.name: (
            value.type.tensor_type.elem_type,
            [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim],
        )
        for value in values
    }


def of_features(make: Make, *features: Feature) -> Model:
    """A linear model whose values are the sums of random shares of its units."""
    model = make(X, X[:, 0], layers=[], precision="float64", preprocess={"target": "none"})
    preprocessing = Preprocessing(features)
    network = Network.of(model.spec, preprocessing.width, 1)
    theta = np.random.default_rng(5).normal(size=network.size)
    return Model(network, theta, model.spec, preprocessing, model.target)


def test_inputs_and_outputs_of_classes(make: Make, mixed: Table) -> None:
    graph = proto(make(mixed)).graph
    assert signature(graph.input) == {"colour": (TensorProto.STRING, ["N", 1]), "size": (TensorProto.FLOAT, ["N", 1])}
    assert signature(graph.output) == {
        "label": (TensorProto.STRING, ["N"]),
        "probabilities": (TensorProto.FLOAT, ["N", 3]),
    }
    assert all(value.doc_string for value in (*graph.input, *graph.output))


@pytest.mark.parametrize(("columns", "precision"), [(1, "float32"), (2, "float64")])
def test_outputs_of_values(make: Make, columns: int, precision: str) -> None:
    graph = proto(make(X, X[:, :columns], precision=precision)).graph
    kind = TensorProto.FLOAT if precision == "float32" else TensorProto.DOUBLE
    assert signature(graph.output) == {"value": (kind, ["N", columns])}


def test_outputs_of_labels(make: Make) -> None:
    model = make(X, X[:, :2] > 0)
    content = checked(exports.dump(model))
    assert signature(proto(model).graph.output) == {
        "label": (TensorProto.STRING, ["N", 2]),
        "probabilities": (TensorProto.FLOAT, ["N", 2]),
    }
    rows = [dict(zip(("x0", "x1", "x2"), row, strict=True)) for row in X.astype(np.float32).tolist()]
    found = run_onnx(content, model.preprocessing, rows)
    for label, record in zip(found["label"].tolist(), model.predict_records(rows), strict=True):
        assert [name for name in label if name] == record.labels  # type: ignore[union-attr]  # labels


def test_the_graph_says_what_it_is(make: Make, mixed: Table) -> None:
    model = onnx.load_from_string(exports.dump(make(mixed)))
    said = {each.key: each.value for each in model.metadata_props}
    assert set(said) == {"version", "spec", "target"}
    assert json.loads(said["target"])["labels"] == ["a", "b", "c"]
    assert (model.producer_name, model.ir_version) == ("steepest", 8)
    assert {each.domain: each.version for each in model.opset_import} == {"": 17, "ai.onnx.ml": 3}
    assert "missing" in model.graph.doc_string


def test_a_feature_named_like_an_output(make: Make) -> None:
    names = ("label", "value", "input_label", "cast", "layers.0.weight")
    columns = [NumericColumn(name, X[:, place % 3]) for place, name in enumerate(names)]
    classes = Table(60, (*columns, NumericColumn("y", np.arange(60) % 3.0)))
    values = Table(60, (*columns, NumericColumn("y", X[:, 0])))
    for table, given in (
        (classes, ["input_input_label", "value", "input_label", "cast", "layers.0.weight"]),
        (values, ["label", "input_value", "input_label", "cast", "layers.0.weight"]),
    ):
        model = make(table)
        checked(exports.dump(model))
        assert list(signature(proto(model).graph.input)) == given


def test_no_rows_give_no_predictions(make: Make, mixed: Table) -> None:
    content = exports.dump(make(mixed))
    found = onnxruntime.InferenceSession(content).run(
        None, {"colour": np.empty((0, 1), object), "size": np.empty((0, 1), np.float32)}
    )
    assert [each.shape for each in found] == [(0,), (0, 3)]


def test_texts_for_no_value_are_missing_and_strangers_are_other(make: Make) -> None:
    feature = CategoricalFeature("x", ("a", "b", "c"), ("b",), other=True, indicator=True)
    labels = ["a", "b", "stranger", "", "NA", "null", None]
    assert sums(make, feature, labels) == pytest.approx(reference(make, feature, labels))
    units = dict(zip(labels, sums(make, feature, labels), strict=True))
    assert units["b"] == units["stranger"]
    assert units[""] == units["NA"] == units[None] != units["b"]


def test_a_place_that_is_unknown_is_missing(make: Make) -> None:
    feature = OrdinalFeature("x", ("low", "middle", "high"), 1.0, 0.8, 2.0, indicator=True)
    labels = ["low", "middle", "high", "stranger", "NA", "", None]
    assert sums(make, feature, labels) == pytest.approx(reference(make, feature, labels))
    empty = OrdinalFeature("x", (), 0.0, 0.0, 0.0, indicator=True)
    assert sums(make, empty, labels) == pytest.approx(reference(make, empty, labels))


def test_a_hashed_label_that_the_data_set_has_not_switches_nothing_on(make: Make) -> None:
    feature = HashedFeature("x", ("a", "b", "c"), 4, indicator=True)
    assert sums(make, feature, ["a", "b", "c", "", None]) == pytest.approx(
        reference(make, feature, ["a", "b", "c", "", None])
    )
    model = of_features(make, feature)
    arrays = model.network.arrays(model.theta)
    (stranger, missing) = sums(make, feature, ["stranger", None])
    assert stranger == pytest.approx(arrays["layers.0.bias"][0])
    assert missing == pytest.approx(arrays["layers.0.bias"][0] + arrays["layers.0.weight"][-1, 0])
    (given,) = proto(model).graph.input
    assert "ONNX cannot hash" in given.doc_string


@pytest.mark.parametrize("scale", [3.1e10, 0.0])
def test_moments_before_and_after_1970(make: Make, scale: float) -> None:
    feature = DateTimeFeature("x", 1.7e12, scale, 1.6e12 + 0.5, indicator=True)
    moments = [0, -1, 1, -86_400_000 * 10_000, 1_769_860_800_123, 253_402_300_799_999, None]
    assert sums(make, feature, moments) == pytest.approx(reference(make, feature, moments), abs=1e-7)
    model = of_features(make, feature)
    given = np.array([[NO_MOMENT]], np.int64)
    (found,) = onnxruntime.InferenceSession(exports.dump(model)).run(None, {"x": given})
    assert found[0, 0] == pytest.approx(reference(make, feature, [None])[0])


@pytest.mark.parametrize("untaught", [False, True])
def test_an_indicator_that_learned_nothing_stays_0(make: Make, untaught: bool) -> None:
    for feature in (
        CategoricalFeature("x", ("a",), (), other=False, indicator=True, untaught=untaught),
        OrdinalFeature("x", ("a", "b"), 0.5, 0.5, 1.0, indicator=True, untaught=untaught),
    ):
        assert sums(make, feature, ["a", None]) == pytest.approx(reference(make, feature, ["a", None]))


def sums(make: Make, feature: Feature, values: list[Any]) -> list[float]:
    """What a graph makes of a column."""
    model = of_features(make, feature)
    rows = [{"x": value} for value in values]
    found: list[float] = run_onnx(checked(exports.dump(model)), model.preprocessing, rows)["value"][:, 0].tolist()
    return found


def reference(make: Make, feature: Feature, values: list[Any]) -> list[float]:
    """What the service makes of it."""
    return [each.value for each in of_features(make, feature).predict_records([[value] for value in values])]  # type: ignore[union-attr]  # values


def test_without_onnx_the_way_out_is_named(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(X, X[:, 0])
    for name in [name for name in sys.modules if name.partition(".")[0] == "onnx"]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("write", "graph", "features", "layers"):
        monkeypatch.delitem(sys.modules, f"steepest.export.onnx.{name}")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValidationFailed, match=r"pip install 'steepest\[onnx\]'"):
        exports.dump(model)


@pytest.mark.parametrize("most", [100, 2_000])
def test_a_file_beyond_the_limit_of_onnx_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(exports, "MOST_BYTES", most)
    with pytest.raises(ValidationFailed, match="at most 2 GiB"):
        exports.dump(make(X, X[:, 0]))
