"""Files of models: the contract's names, the same bytes for the same model, and the same predictions after loading."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import numpy as tensors
from safetensors import safe_open

from steepest.data.table import Table
from steepest.export import json as exported_json
from steepest.export import npz, safetensors
from steepest.export.formats import FORMATS
from steepest.export.model import Model
from steepest.spec.errors import InvalidRequest, ValidationFailed
from steepest.spec.resolved import ResolvedJobSpec

Make = Callable[..., Model]

X = np.random.default_rng(0).normal(size=(60, 3))
TARGETS = {
    "multiclass": np.array(["a", "b", "c"] * 20),
    "binary": np.arange(60) % 2 == 0,
    "codes": np.arange(60) % 4 + 1,
    "values": np.random.default_rng(1).normal(size=60),
    "several values": np.random.default_rng(2).normal(size=(60, 3)),
    "labels": np.arange(60)[:, None] % [2, 3] == 0,
}
all_that_load = pytest.mark.parametrize("form", [safetensors, npz, exported_json])


@all_that_load
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_loaded_model_predicts_the_same(make: Make, form: ModuleType, data: st.DataObject) -> None:
    units = data.draw(st.lists(st.integers(1, 5), max_size=3))
    model = make(
        X,
        TARGETS[data.draw(st.sampled_from(sorted(TARGETS)))],
        seed=data.draw(st.integers(0, 1_000)),
        layers=[{"units": count, "activation": data.draw(st.sampled_from(["relu", "tanh"]))} for count in units],
        precision=data.draw(st.sampled_from(["float32", "float64"])),
        preprocess={"numeric": data.draw(st.sampled_from(["standardize", "minmax", "none"]))},
    )
    loaded = form.load(form.dump(model))
    assert (loaded.network, loaded.spec) == (model.network, model.spec)
    assert (loaded.preprocessing, loaded.target) == (model.preprocessing, model.target)
    assert loaded.theta.dtype == model.theta.dtype
    np.testing.assert_array_equal(loaded.theta, model.theta)
    predicted, again = model.predict(X), loaded.predict(X)
    assert predicted.dtype == again.dtype
    np.testing.assert_array_equal(predicted, again)
    assert loaded.predict_records(X.tolist()) == model.predict_records(X.tolist())
    assert form.dump(loaded) == form.dump(model)


@all_that_load
def test_labels_travel_too(make: Make, mixed: Table, form: ModuleType, tmp_path: Path) -> None:
    model = make(mixed)
    path = tmp_path / "model"
    path.write_bytes(form.dump(model))
    rows: list[list[Any]] = [["grün", 1.0], [None, None], ["unseen", 2]]
    assert form.load(path).predict_records(rows) == model.predict_records(rows)


def shapes(model: Model) -> dict[str, tuple[int, ...]]:
    return {
        "layers.0.weight": (model.preprocessing.width, 64),
        "layers.0.bias": (64,),
        "layers.1.weight": (64, 3),
        "layers.1.bias": (3,),
    }


def test_safetensors_has_the_names_of_the_contract(make: Make, mixed: Table, tmp_path: Path) -> None:
    model = make(mixed)
    (tmp_path / "model.safetensors").write_bytes(safetensors.dump(model))
    with safe_open(tmp_path / "model.safetensors", "np") as file:
        assert {name: file.get_tensor(name).shape for name in file.keys()} == shapes(model)  # noqa: SIM118  # the file is no mapping
        assert {file.get_tensor(name).dtype.name for name in file.keys()} == {"float32"}  # noqa: SIM118  # the same
        metadata = file.metadata()
    assert set(metadata) == {"version", "spec", "preprocessing", "target"}
    assert json.loads(metadata["spec"])["precision"] == "float32"
    assert [feature["name"] for feature in json.loads(metadata["preprocessing"])["features"]] == ["colour", "size"]
    assert json.loads(metadata["target"])["labels"] == ["a", "b", "c"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "uint8", "uint64", "bool"])
def test_the_library_reads_what_is_written_piece_by_piece(dtype: str) -> None:
    """And it would itself write the same bytes, where there is no metadata."""
    random = np.random.default_rng(3)
    arrays = {
        "wide": random.normal(size=(3, 2)),
        "b": random.normal(size=(5, 7)).astype(dtype),
        "a": np.zeros((0, 4), dtype),
        "turned": np.arange(6).reshape(2, 3).T.astype(dtype),
    }
    content = b"".join(safetensors.written(arrays))
    found = tensors.load(content)
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    assert content == tensors.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})


def test_npz_has_the_names_of_the_contract(make: Make, mixed: Table) -> None:
    model = make(mixed)
    with np.load(io.BytesIO(npz.dump(model)), allow_pickle=False) as archive:
        arrays = dict(archive)
    metadata = arrays.pop("metadata")
    assert (metadata.shape, metadata.dtype.kind) == ((), "U")
    assert {name: array.shape for name, array in arrays.items()} == shapes(model)
    assert all(array.flags.c_contiguous and array.dtype == np.float32 for array in arrays.values())
    document = json.loads(str(metadata))
    assert set(document) == {"version", "spec", "preprocessing", "target"}


def test_the_spec_of_a_job_comes_back_as_one(make: Make) -> None:
    model = make(X, TARGETS["values"])
    job = ResolvedJobSpec(
        **dict(model.spec), dataset="ds_1", target="y", features=("x0", "x1", "x2"), metadata={"a": "b"}
    )
    whole = Model(model.network, model.theta, job, model.preprocessing, model.target)
    assert safetensors.load(safetensors.dump(whole)).spec == job
    assert npz.load(npz.dump(whole)).spec == job


AGAIN = """
import pathlib, sys
from steepest.export.formats import FORMATS
folder = pathlib.Path(sys.argv[1])
model = FORMATS["safetensors"].load(folder / "model")
for name, form in FORMATS.items():
    (folder / name).write_bytes(form.dump(model))
"""


def test_another_process_writes_the_same_bytes(make: Make, mixed: Table, tmp_path: Path) -> None:
    model = make(mixed)
    (tmp_path / "model").write_bytes(safetensors.dump(model))
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", AGAIN, tmp_path], check=True, env=environment)
    for name, form in FORMATS.items():
        assert (tmp_path / name).read_bytes() == form.dump(model)


def test_json_has_layers_that_a_person_can_follow(make: Make, mixed: Table) -> None:
    model = make(mixed, layers=[{"units": 3, "activation": "elu", "batch_norm": True}])
    document = json.loads(exported_json.dump(model))
    assert list(document) == ["version", "spec", "preprocessing", "target", "layers"]
    hidden, output = document["layers"]
    assert np.isfinite(hidden["weight"]).all()
    assert (hidden["activation"], hidden["alpha"]) == ("elu", 1.0)
    assert (output["activation"], output["alpha"]) == ("softmax", None)
    assert np.shape(hidden["weight"]) == (model.preprocessing.width, 3)
    assert np.shape(output["bias"]) == (3,)
    arrays = model.network.arrays(model.theta)
    np.testing.assert_array_equal(np.array(output["weight"], np.float32), arrays["layers.1.weight"])
    assert document["spec"]["layers"][0]["batch_norm"] is True


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_json_keeps_every_bit_and_what_is_no_number(make: Make, precision: str) -> None:
    model = make(X, TARGETS["values"], layers=[{"units": 50}], precision=precision)
    bits = np.random.default_rng(8).integers(0, 256, model.theta.nbytes, dtype=np.uint8)
    model.theta[:] = bits.view(precision)
    model.theta[:5] = 0.0, np.nextafter(np.array(0, precision), 1), np.nan, np.inf, -np.inf
    again = exported_json.load(exported_json.dump(model)).theta
    np.testing.assert_array_equal(again, model.theta)
    model.theta[~np.isfinite(model.theta)] = 1 / 3
    np.testing.assert_array_equal(exported_json.load(exported_json.dump(model)).theta, model.theta)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"rubbish", b"[]", b"3", b"{}", b"\xff", b"[" * 100_000),
        b'{"spec": {"precision": "float32"}, "layers": [3]}',
        b'{"spec": {"precision": "float32", "layers": []}, "layers": [{"weight": [["x"]], "bias": [1]}]}',
        b'{"version": 2, "spec": {"precision": "text", "layers": []}, "layers": []}',
        b'{"version": 1, "spec": {"precision": "float32", "layers": []}, "layers": []}',
    ],
)
def test_what_is_no_json_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        exported_json.load(content)


def test_a_network_that_is_too_large_for_json_is_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exported_json, "MOST_BYTES", 100)
    with pytest.raises(ValidationFailed, match="take safetensors"):
        exported_json.dump(make(X, TARGETS["values"]))


def with_metadata(**changes: Any) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        with np.load(io.BytesIO(content)) as archive:
            arrays = dict(archive)
        document = json.loads(str(arrays["metadata"])) | changes
        arrays["metadata"] = np.array(json.dumps({key: value for key, value in document.items() if value is not None}))
        file = io.BytesIO()
        np.savez(file, **arrays)
        return file.getvalue()

    return change


def with_arrays(**changes: Any) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        with np.load(io.BytesIO(content)) as archive:
            arrays = dict(archive) | {name.replace("_", "."): value for name, value in changes.items()}
        file = io.BytesIO()
        np.savez(file, **{name: value for name, value in arrays.items() if value is not None})
        return file.getvalue()

    return change


def single_array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def damaged() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, metadata=np.array("x" * 1_000))
    content = bytearray(file.getvalue())
    content[60:80] = b"\xff" * 20
    return bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: b"",
        lambda content: b"rubbish",
        lambda content: content[:200],
        with_metadata(version=1),
        with_metadata(version=None),
        with_metadata(spec=None),
        with_metadata(spec={}),
        with_metadata(spec=[1]),
        with_metadata(preprocessing={"version": 1, "features": [{"kind": "numeric"}]}),
        with_metadata(preprocessing={"version": 1, "features": [3]}),
        with_metadata(
            preprocessing={"features": [{"kind": "numeric", "name": "x", "center": "?", "scale": 1, "fill": 0}]}
        ),
        with_metadata(target={"name": "y"}),
        with_metadata(target={"names": [], "task": "regression"}),
        with_metadata(target={"names": ["y"], "task": "regression", "means": [0.0], "scales": [1.0, 2.0]}),
        with_metadata(target={"names": ["y"], "task": "multiclass", "labels": ["1", "2", "3", "4"], "means": [0.0]}),
        with_metadata(target=3),
        with_arrays(metadata=np.array("{")),
        with_arrays(metadata=np.array("[]")),
        lambda content: single_array(),
        lambda content: damaged(),
        with_arrays(metadata=None),
        with_arrays(layers_0_bias=None),
        with_arrays(layers_0_bias=np.zeros(3, np.float32)),
        with_arrays(layers_0_bias=np.zeros(64, np.float64)),
    ],
)
def test_what_is_no_model_is_refused(make: Make, change: Callable[[bytes], bytes]) -> None:
    content = change(npz.dump(make(X, TARGETS["codes"])))
    with pytest.raises(InvalidRequest):
        npz.load(content)


@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(100), b"\xff" * 100, b"\x02\0\0\0\0\0\0\0{}"])
def test_what_is_no_safetensors_file_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        safetensors.load(content)


def test_a_pickle_is_never_loaded() -> None:
    file = io.BytesIO()
    np.savez(file, metadata=np.array([{}], object))
    with pytest.raises(InvalidRequest):
        npz.load(file.getvalue())
