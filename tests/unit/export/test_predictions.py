"""Predictions as columns say what predictions as JSON say, in every format."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from steepest.export.model import Model
from steepest.export.predictions import batch, to_arrow, to_csv, to_parquet

Make = Callable[..., Model]
rng = np.random.default_rng(0)
X = rng.normal(size=(90, 3))
TARGETS: dict[str, Any] = {
    "binary": np.array(["no", "yes"] * 45),
    "multiclass": np.arange(90) % 3,
    "multilabel": (X[:, :2] > 0).astype(int),
    "value": X[:, 0] * 7,
    "values": X[:, :2] * 7,
}


def as_json(model: Model) -> list[dict[str, Any]]:
    """The predictions of the API, under the names of columns."""
    rows = []
    for told in (each.model_dump() for each in model.predict_records(X.tolist())):
        row = {f"probability_{name}": value for name, value in told.get("probabilities", {}).items()}
        if "labels" in told:
            row |= {f"label_{name}": int(name in told["labels"]) for name in told["probabilities"]}
        rows.append(row | told.get("values", {}) | {name: told[name] for name in ("label", "value") if name in told})
    return rows


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_every_format_says_the_same(make: Make, target: str, precision: str) -> None:
    model = make(X, TARGETS[target], precision=precision)
    found = batch(model, model.outputs_of(model.preprocessing.transform_records(X.tolist(), precision)))
    expected = as_json(model)
    assert found.to_pylist() == expected
    assert ipc.open_stream(to_arrow(found)).read_all().to_pylist() == expected
    options = pa.csv.ConvertOptions(column_types=found.schema)
    again = pa.csv.read_csv(io.BytesIO(to_csv(found)), convert_options=options)
    assert again.to_pylist() == expected
    assert set(found.schema.types) <= {pa.string(), pa.int8(), pa.float32() if precision == "float32" else pa.float64()}


def test_a_parquet_file_comes_in_pieces(make: Make) -> None:
    model = make(X, TARGETS["multiclass"])
    one = batch(model, model.outputs_of(model.preprocessing.transform_records(X.tolist(), "float32")))
    many = pa.Table.from_batches([one] * 3_000)
    pieces = list(to_parquet(one.schema, many.to_batches()))
    assert sum(1 for piece in pieces if piece) >= 3
    assert pq.read_table(io.BytesIO(b"".join(pieces))) == many


def test_a_data_set_without_rows_is_a_file_without_rows(make: Make) -> None:
    model = make(X, TARGETS["binary"])
    none = batch(model, np.zeros((0, 2), np.float32))
    assert pq.read_table(io.BytesIO(b"".join(to_parquet(none.schema, [])))).num_rows == 0
