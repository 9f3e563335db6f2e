"""The graph of a model, from its raw inputs to labels and probabilities, or values."""

from importlib.metadata import version
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto

from steepest.export import onnx as exports
from steepest.export.document import document_of, encode
from steepest.export.folded import folded
from steepest.export.model import Model
from steepest.export.onnx.features import input_names, units
from steepest.export.onnx.graph import Graph, Name
from steepest.export.onnx.layers import layer
from steepest.spec.tasks import HALF

OF_CLASSES: Final = ("label", "probabilities")
OF_VALUES: Final = ("value",)


def proto(model: Model) -> onnx.ModelProto:
    """The graph with everything in it, as ONNX's own object."""
    features = model.preprocessing.features
    outputs = OF_VALUES if model.spec.task == "regression" else OF_CLASSES
    names = input_names(features, outputs)
    graph = Graph({*names.values(), *outputs}, model.theta.dtype)
    x = units(graph, features, names)
    for number, weights in enumerate(folded(model)):
        x = layer(graph, x, number, weights)
    if model.spec.task == "regression":
        _values(graph, x, model)
    elif model.spec.task == "multilabel":
        _labels(graph, x, model)
    else:
        _classes(graph, x, model)
    document = document_of(model)
    metadata = {name: encode(document[name]) for name in ("version", "spec", "target")}
    return graph.model("steepest", ("steepest", version("steepest")), exports.__doc__ or "", metadata)


def _classes(graph: Graph, outputs: Name, model: Model) -> None:
    labels = model.target.labels
    probabilities = graph.add("Identity", _probabilities(graph, outputs, model), output="probabilities")
    place = graph.add("ArgMax", probabilities, axis=1, keepdims=0)
    graph.add("Gather", graph.constant("labels", labels, object), place, output="label")
    graph.output("label", TensorProto.STRING, ["N"], "the likeliest class")
    graph.output("probabilities", graph.floating, ["N", len(labels)], f"of the classes {encode(labels)}")


def _probabilities(graph: Graph, outputs: Name, model: Model) -> Name:
    """As `Model` has them: one unit is the second class's; several are divided by their sum, if it is not 0."""
    if model.spec.output_activation == "softmax":
        return outputs
    one = graph.constant("one", 1, graph.dtype)
    if model.spec.task == "binary":
        return graph.joined([graph.add("Sub", one, outputs), outputs])
    total = graph.add("ReduceSum", outputs, graph.constant("axes", [1], np.int64), keepdims=1)
    there = graph.add("Greater", total, graph.constant("none", 0, graph.dtype))
    shares = graph.add("Div", outputs, graph.add("Where", there, total, one))
    even = graph.constant("even", [[1 / len(model.target.labels)] * len(model.target.labels)], graph.dtype)
    return graph.add("Where", there, shares, even)


def _labels(graph: Graph, outputs: Name, model: Model) -> None:
    names = model.target.names
    graph.add("Identity", outputs, output="probabilities")
    has = graph.add("Greater", outputs, graph.constant("half", HALF, graph.dtype))
    named, nothing = graph.constant("labels", [names], object), graph.constant("no_label", [""], object)
    graph.add("Where", has, named, nothing, output="label")
    graph.output("label", TensorProto.STRING, ["N", len(names)], "a label where the row has it, else the empty string")
    graph.output("probabilities", graph.floating, ["N", len(names)], f"of the labels {encode(names)}")


def _values(graph: Graph, outputs: Name, model: Model) -> None:
    target = model.target
    y = graph.cast(outputs, np.float64)
    y = graph.add("Mul", y, graph.constant("scales", [target.scales], np.float64))
    y = graph.add("Add", y, graph.constant("means", [target.means], np.float64))
    graph.add("Cast", y, to=graph.floating, output="value")
    graph.output("value", graph.floating, ["N", len(target.names)], f"of the targets {encode(target.names)}")
