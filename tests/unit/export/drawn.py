"""Models of drawn data, specs and weights, and raw rows for them as each kind of file takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, get_args

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from steepest.data.facts import target_facts
from steepest.data.prepare import prepare
from steepest.data.schema import describe
from steepest.data.table import CategoricalColumn, Column, DateTimeColumn, NumericColumn, Table
from steepest.export.model import Model
from steepest.spec.names import ALPHAS, ActivationName
from steepest.spec.resolve import resolve
from steepest.spec.training import TrainSpec
from steepest.trainer.network import Network

ROWS: Final = 40
NAMES: Final = (
    "label",
    "value",
    "probabilities",
    "input_label",
    'a"b',
    "c'\n\\d",
    '"""',
    "größe",
    "layers.0.weight",
    "x",
)
CATEGORIES: Final = ("blue", "grün", "a'\"\n", "1", "true", "007", "2.5")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
TASKS: Final[dict[str, dict[str, Any]]] = {
    "binary": {},
    "binary by squared error": {"loss": {"name": "mean_squared_error"}, "task": "binary"},
    "multiclass": {},
    "multiclass by squared error": {"loss": {"name": "mean_squared_error"}, "task": "multiclass"},
    "multilabel": {"task": "multilabel"},
    "one label": {"task": "multilabel"},
    "regression": {"task": "regression"},
    "several values": {"task": "regression"},
    "poisson": {"task": "regression", "loss": {"name": "poisson"}},
}
KINDS: Final = ("number", "whole", "constant", "empty", "text", "boolean", "moment")


@dataclass(frozen=True)
class Drawn:
    """A model, and rows of its features: by name, numbers rounded to float32, moments whole milliseconds."""

    model: Model
    rows: list[dict[str, Any]]


@st.composite
def preprocess(draw: st.DrawFn) -> dict[str, Any]:
    """Every option, whatever the others are."""
    categorical = draw(st.sampled_from(["one_hot", "ordinal", "hashing"]))
    missing = draw(st.sampled_from(["mean", "median", "most_frequent", "constant"]))
    return {
        "numeric": draw(st.sampled_from(["standardize", "minmax", "robust", "none"])),
        "categorical": categorical,
        "missing": missing,
        "missing_indicator": draw(st.booleans()),
        **({} if categorical == "ordinal" else {"max_categories": draw(st.sampled_from([2, 100]))}),
        **({"missing_value": draw(st.sampled_from([-1.5, 0.0]))} if missing == "constant" else {}),
    }


@st.composite
def layers(draw: st.DrawFn) -> dict[str, Any]:
    """A hidden layer."""
    activation = draw(st.sampled_from(get_args(ActivationName)))
    layer = {"units": draw(st.integers(1, 5)), "activation": activation, "batch_norm": draw(st.booleans())}
    return layer | ({"alpha": draw(st.sampled_from([0.2, 1.5]))} if activation in ALPHAS else {})


@st.composite
def drawn(draw: st.DrawFn) -> Drawn:
    """A model and rows for it."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    kinds = [draw(st.sampled_from(KINDS)) for _ in names]
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    columns = [_column(name, kind, random) for name, kind in zip(names, kinds, strict=True)]
    task = draw(st.sampled_from(sorted(TASKS)))
    targets = _targets(task, random)
    table = Table(ROWS, (*columns, *targets))
    fields = TASKS[task] | {
        "layers": draw(st.lists(layers(), max_size=2)),
        "precision": draw(st.sampled_from(["float32", "float64"])),
        "preprocess": draw(preprocess()),
    }
    model = model_of(table, names, [column.name for column in targets], fields, random)
    places = [draw(st.integers(0, ROWS - 1)) for _ in range(draw(st.integers(1, 4)))]
    rows = [{column.name: _cell(column, place) for column in columns} for place in places]
    for name, kind in zip(names, kinds, strict=True):
        rows[0][name] = draw(st.sampled_from([rows[0][name], None, *(["never seen", "NA"] if kind == "text" else [])]))
    return Drawn(model, rows)


def model_of(
    table: Table, features: Sequence[str], targets: Sequence[str], fields: dict[str, Any], random: np.random.Generator
) -> Model:
    """A model with random weights."""
    facts = target_facts([describe(table, name) for name in targets], targets)
    resolution = resolve(TrainSpec.model_validate(fields), facts)
    prepared = prepare(table, resolution.spec, targets, features, resolution.classes)
    network = Network.of(resolution.spec, prepared.preprocessing.width, prepared.outputs)
    theta = random.normal(size=network.size).astype(resolution.spec.precision) / max(network.widths) ** 0.5
    for norm in network.norms(theta[None]):
        if norm is not None:
            norm.variance[:] = random.uniform(0.2, 2, norm.variance.shape)
    return Model(network, theta, resolution.spec, prepared.preprocessing, prepared.target)


def _column(name: str, kind: str, random: np.random.Generator) -> Column:
    there = random.random(ROWS) < 0.8
    if kind in ("text", "boolean"):
        categories = CATEGORIES if kind == "text" else ("False", "True")
        codes = np.where(there, random.integers(0, len(categories), ROWS), -1)
        return CategoricalColumn(name, codes.astype(np.int32), categories)
    values: dict[str, NDArray[Any]] = {
        "number": random.normal(2, 3, ROWS),
        "whole": random.integers(-5, 5, ROWS).astype(np.float64),
        "constant": np.full(ROWS, 7.25),
        "empty": np.full(ROWS, np.nan),
    }
    values["moment"] = np.round(random.uniform(-1e12, 2e12, ROWS))
    kept = DateTimeColumn if kind == "moment" else NumericColumn
    return kept(name, np.where(there, values[kind], np.nan))


def _targets(task: str, random: np.random.Generator) -> list[Column]:
    if task.startswith(("binary", "multiclass")):
        classes = ("no", "yes") if task.startswith("binary") else ("a", "b", '"c"\n')
        return [CategoricalColumn("target", (np.arange(ROWS) % len(classes)).astype(np.int32), classes)]
    if task in ("multilabel", "one label"):
        names = ("first", "second")[: 1 + (task == "multilabel")]
        return [NumericColumn(name, (np.arange(ROWS) % (2 + place) == 0) * 1.0) for place, name in enumerate(names)]
    values = random.poisson(3, (3, ROWS)) * 1.0 if task == "poisson" else random.normal(50, 20, (3, ROWS))
    return [NumericColumn(f"y{place}", values[place]) for place in range(3 if task == "several values" else 1)]


def _cell(column: Column, row: int) -> Any:
    if isinstance(column, CategoricalColumn):
        return column.categories[column.codes[row]] if column.codes[row] >= 0 else None
    assert isinstance(column, NumericColumn | DateTimeColumn)
    if np.isnan(column.values[row]):
        return None
    return int(column.values[row]) if isinstance(column, DateTimeColumn) else float(np.float32(column.values[row]))
