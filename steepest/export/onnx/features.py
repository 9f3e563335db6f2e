"""Raw inputs, one for each feature, to the units of the first layer: what `steepest.data.features` says, in ONNX."""

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

import numpy as np
from onnx import TensorProto

from steepest.data.features import (
    PERIODS,
    CategoricalFeature,
    DateTimeFeature,
    Feature,
    HashedFeature,
    NumericFeature,
    OrdinalFeature,
)
from steepest.data.labels import MISSING
from steepest.export.onnx.graph import LABELS, Graph, Name

NO_MOMENT: Final = -(1 << 63)
"""Stands for a missing date-time."""

_MISSING: Final = -1
_UNKNOWN: Final = -2
"""Codes of labels that switch no unit on."""

_NUMBER: Final = "a number; NaN is missing"
_LABEL: Final = "a category, as text; the empty string is missing"
_HASHED: Final = f"{_LABEL}; one that the data set has not switches no bucket on, for ONNX cannot hash a text"
_MOMENT: Final = f"a date-time in milliseconds since 1970-01-01T00:00Z; {NO_MOMENT} is missing"

Numbers = NumericFeature | OrdinalFeature
Scaled = NumericFeature | OrdinalFeature | DateTimeFeature


def input_names(features: Iterable[Feature], outputs: Iterable[str]) -> dict[str, Name]:
    """The input of each feature: its own name, but for features that are named like an output."""
    names = [feature.name for feature in features]
    inputs: dict[str, Name] = {}
    for name in names:
        given = name
        while given in outputs or (given != name and given in {*names, *inputs.values()}):
            given = f"input_{given}"
        inputs[name] = given
    return inputs


def units(graph: Graph, features: Sequence[Feature], names: Mapping[str, Name]) -> Name:
    """(N, width) in the network's precision. Numbers that stand side by side are worked out together."""
    blocks = []
    for (together, _), group in groupby(features, lambda feature: (isinstance(feature, Numbers), feature.indicator)):
        if together:
            run = [feature for feature in group if isinstance(feature, Numbers)]
            blocks.append(_numbers(graph, run, [_number(graph, feature, names[feature.name]) for feature in run]))
        else:
            blocks += [block for feature in group for block in _block(graph, feature, names[feature.name])]
    return graph.joined(blocks)


def _number(graph: Graph, feature: Numbers, name: Name) -> Name:
    """(N, 1) float32, NaN where there is none: a number as it comes, or the place of a category."""
    if isinstance(feature, NumericFeature):
        return graph.input(name, TensorProto.FLOAT, _NUMBER)
    given = graph.input(name, TensorProto.STRING, _LABEL)
    places = {**feature.places, "": math.nan}
    return graph.add(
        "LabelEncoder",
        given,
        domain=LABELS,
        keys_strings=list(places),
        values_floats=[float(place) for place in places.values()],
        default_float=math.nan,
    )


def _numbers(graph: Graph, features: Sequence[Numbers], given: Sequence[Name]) -> Name:
    """The units of numbers (N, 1) each."""
    x = graph.joined(given)
    missing = graph.add("IsNaN", x)
    x = _scaled(graph, features, graph.cast(x, np.float64), missing)
    if not features[0].indicator:
        return x
    return graph.interleaved([x, _indicator(graph, features, missing)], len(features))


def _block(graph: Graph, feature: Feature, name: Name) -> list[Name]:
    """The units of one feature that is no number."""
    if isinstance(feature, DateTimeFeature):
        blocks, missing = _moment(graph, feature, graph.input(name, TensorProto.INT64, _MOMENT))
    elif isinstance(feature, HashedFeature):
        table = {label: feature.unit(label) for label in feature.categories}
        given = graph.input(name, TensorProto.STRING, _HASHED)
        blocks, missing = _switched_on(graph, given, table, _UNKNOWN, feature.buckets)
    elif isinstance(feature, CategoricalFeature):
        depth = len(feature.categories) + feature.other
        given = graph.input(name, TensorProto.STRING, _LABEL)
        rest = len(feature.categories) if feature.other else _UNKNOWN
        blocks, missing = _switched_on(graph, given, feature.units, rest, depth)
    else:
        raise TypeError(f'"{feature.name}" is a number')
    return [*blocks, _indicator(graph, [feature], missing)] if feature.indicator else blocks


def _moment(graph: Graph, feature: DateTimeFeature, given: Name) -> tuple[list[Name], Name]:
    """The seven units, in float64 to the end; and where there is no moment.

    The remainder may be negative, as the turn then is: its sine and cosine are the same.
    """
    missing = graph.add("Equal", given, graph.constant("no_moment", [NO_MOMENT], np.int64))
    moment = graph.cast(given, np.float64)
    moment = graph.add("Where", missing, graph.constant("fill", [feature.fill], np.float64), moment)
    turns = graph.add("Mod", moment, graph.constant("periods", [PERIODS], np.float64), fmod=1)
    angles = graph.add("Mul", turns, graph.constant("radians", [[2 * math.pi / each for each in PERIODS]], np.float64))
    circles = graph.interleaved([graph.add("Sin", angles), graph.add("Cos", angles)], len(PERIODS))
    return [_scaled(graph, [feature], moment, None), _in_precision(graph, circles)], missing


def _switched_on(graph: Graph, given: Name, table: Mapping[str, int], rest: int, depth: int) -> tuple[list[Name], Name]:
    """(N, depth) zeros, but for a 1 at the unit that the table has for the label; and where there is no label."""
    codes = {**dict.fromkeys(sorted(MISSING), _MISSING), **table, "": _MISSING}
    code = graph.add(
        "LabelEncoder",
        given,
        domain=LABELS,
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=rest,
    )
    missing = graph.add("Equal", code, graph.constant("missing", [_MISSING], np.int64))
    if not depth:
        return [], missing
    on = graph.add("Equal", code, graph.constant("units", [range(depth)], np.int64))
    return [graph.cast(on, graph.dtype)], missing


def _scaled(graph: Graph, features: Sequence[Scaled], x: Name, missing: Name | None) -> Name:
    """(x - center) / scale in float64, of x (N, features); 0 where the scale is 0: the divisor is infinite there."""
    if missing is not None:
        x = graph.add("Where", missing, graph.constant("fill", [[each.fill for each in features]], np.float64), x)
    x = graph.add("Sub", x, graph.constant("center", [[each.center for each in features]], np.float64))
    scales = [[each.scale or math.inf for each in features]]
    return _in_precision(graph, graph.add("Div", x, graph.constant("scale", scales, np.float64)))


def _indicator(graph: Graph, features: Sequence[Feature], missing: Name) -> Name:
    """(N, features) 1 where a value is missing; always 0 for a feature whose indicator has learned nothing."""
    x = graph.cast(missing, graph.dtype)
    if not any(feature.untaught for feature in features):
        return x
    return graph.add("Mul", x, graph.constant("taught", [[not each.untaught for each in features]], graph.dtype))


def _in_precision(graph: Graph, x: Name) -> Name:
    return x if graph.dtype == np.float64 else graph.cast(x, graph.dtype)
