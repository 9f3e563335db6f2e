"""Weights: formats, checkpoints, ranges, ETags; and predictions from them."""

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_safetensors
from sqlalchemy import select, update

import steepest
from steepest.export import onnx, python, safetensors
from store.database import Database
from store.models import CheckpointRow, ChunkRow
from tests.api.caller import Caller
from tests.api.workshop import Workshop
from tests.unit.export.runtimes import checked, imported, run_onnx


def test_safetensors_and_npz_hold_the_same_arrays(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}/weights"
    answer = call("GET", path)
    arrays = load_safetensors(answer.data)
    assert {name: array.shape for name, array in arrays.items()} == {
        "layers.0.weight": (4, 8),
        "layers.0.bias": (8,),
        "layers.1.weight": (8, 3),
        "layers.1.bias": (3,),
    }
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.data).hexdigest()}"'
    assert answer.headers["Content-Disposition"].endswith(f"{job['id']}.safetensors")
    other = call("GET", f"{path}?format=npz")
    assert other.headers["ETag"] == f'"{hashlib.sha256(other.data).hexdigest()}"'
    with np.load(io.BytesIO(other.data)) as archive:
        assert set(archive.files) == {*arrays, "metadata"}
        for name, array in arrays.items():
            np.testing.assert_array_equal(archive[name], array)
    assert call("GET", f"{path}?format=npz").data == other.data


MIMETYPES = {
    "safetensors": "application/octet-stream",
    "npz": "application/x-npz",
    "onnx": "application/octet-stream",
    "json": "application/json",
    "py": "text/x-python",
}


def test_every_format_predicts_as_the_service_does(call: Caller, job: dict[str, Any], tmp_path: Path) -> None:
    path = f"/v1/jobs/{job['id']}"
    rows: list[dict[str, Any]] = [
        {"length": 4.25, "width": None, "colour": "red"},
        {"length": 6.5, "width": 3.0, "colour": None},
    ]
    answer = call.json("POST", f"{path}/predictions", json={"rows": rows})["data"]
    expected = [list(each["probabilities"].values()) for each in answer]
    files = {}
    for form, mimetype in MIMETYPES.items():
        found = call("GET", f"{path}/weights?format={form}")
        assert found.mimetype == mimetype
        assert found.headers["Content-Disposition"] == f"attachment; filename={job['id']}.{form}"
        assert found.headers["ETag"] == f'"{hashlib.sha256(found.data).hexdigest()}"'
        files[form] = found.data
    values = [list(row.values()) for row in rows]
    for form in ("safetensors", "npz", "json"):
        (tmp_path / f"model.{form}").write_bytes(files[form])
        model = steepest.load(tmp_path / f"model.{form}")
        np.testing.assert_allclose(model.predict_proba(np.array(values, object)), expected, atol=1e-5)
    program = imported(files["py"])
    np.testing.assert_allclose(program.predict_proba(rows), expected, atol=1e-5)
    assert program.predict(rows).tolist() == [each["label"] for each in answer]
    graph = run_onnx(checked(files["onnx"]), safetensors.load(files["safetensors"]).preprocessing, rows)
    np.testing.assert_allclose(graph["probabilities"], expected, atol=1e-5)
    assert graph["label"].tolist() == [each["label"] for each in answer]


TRIPS = "hours,wheels,colour,left,wet,fare\n" + "".join(
    f"{index % 5}.25,{index % 3 + 2},{('red', 'blue', '')[index % 3]},2026-0{index % 9 + 1}-1{index % 7}"
    f" 0{index % 8}:30,{('true', 'false')[index % 2]},{index % 7 * 3 + index % 5}\n"
    for index in range(60)
)


@pytest.mark.parametrize("categorical", ["one_hot", "ordinal", "hashing"])
def test_every_kind_of_column_goes_along(call: Caller, workshop: Workshop, categorical: str) -> None:
    dataset = call.upload(TRIPS.encode())
    workshop.ingest(dataset)
    kinds = [column["kind"] for column in call.json("GET", f"/v1/datasets/{dataset}")["columns"]]
    assert kinds == ["numeric", "integer", "categorical", "datetime", "boolean", "integer"]
    fields: dict[str, Any] = {
        "preprocess": {"categorical": categorical, "missing_indicator": True},
        "task": "regression",
        "epochs": 3,
    }
    made = call.submit(dataset, target="fare", layers=[{"units": 4, "batch_norm": True}], **fields)
    workshop.train(made["id"])
    path = f"/v1/jobs/{made['id']}"
    moment = "2026-03-04T05:06:07Z"
    rows: list[dict[str, Any]] = [
        {"hours": 2.25, "wheels": 3, "colour": "red", "left": moment, "wet": "true"},
        {"hours": None, "wheels": None, "colour": None, "left": None, "wet": "false"},
    ]
    answer = call.json("POST", f"{path}/predictions", json={"rows": rows})["data"]
    expected = [each["value"] for each in answer]
    files = {form: call("GET", f"{path}/weights?format={form}").data for form in MIMETYPES}
    np.testing.assert_allclose(imported(files["py"]).predict(rows), expected, rtol=1e-5)
    model = safetensors.load(files["safetensors"])
    assert [each.model_dump() for each in model.predict_records(rows)] == answer
    milliseconds = [row | {"left": row["left"] and 1_772_600_767_000} for row in rows]
    graph = run_onnx(checked(files["onnx"]), model.preprocessing, milliseconds)
    np.testing.assert_allclose(graph["value"][:, 0], expected, rtol=1e-5)


def test_a_network_that_is_too_large_for_a_format_says_so(
    call: Caller, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, form in ((onnx, "onnx"), (python, "py")):
        monkeypatch.setattr(module, "MOST_BYTES", 100)
        problem = call.json("GET", f"/v1/jobs/{job['id']}/weights?format={form}", 422)
        assert problem["errors"][0]["pointer"] == "/query/format"
        assert "take safetensors" in problem["errors"][0]["detail"]


@pytest.mark.parametrize("form", sorted(MIMETYPES))
def test_ranges(call: Caller, job: dict[str, Any], form: str) -> None:
    path = f"/v1/jobs/{job['id']}/weights?format={form}"
    whole = call("GET", path)
    size = len(whole.data)
    for asked, start, stop in [
        ("0-0", 0, 1),
        ("5-24", 5, 25),
        (f"{size - 3}-", size - 3, size),
        ("-7", size - 7, size),
    ]:
        part = call("GET", path, 206, headers={"Range": f"bytes={asked}"})
        assert part.data == whole.data[start:stop]
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert part.headers["ETag"] == whole.headers["ETag"]
    for ignored in ("bytes=0-1,4-5", "bytes=x", "lines=1-2", ""):
        assert call("GET", path, headers={"Range": ignored}).data == whole.data
    refused = call("GET", path, 416, headers={"Range": f"bytes={size}-"})
    assert refused.headers["Content-Range"] == f"bytes */{size}"
    # A range of other bytes than those that are here now is no range.
    assert call("GET", path, 200, headers={"Range": "bytes=0-9", "If-Range": '"other"'}).data == whole.data
    call("GET", path, 206, headers={"Range": "bytes=0-9", "If-Range": whole.headers["ETag"]})
    assert call("GET", path, 304, headers={"If-None-Match": whole.headers["ETag"]}).data == b""
    assert call("GET", path, headers={"If-Match": whole.headers["ETag"]}).data == whole.data
    assert call.json("GET", path, 412, headers={"If-Match": '"other"'})["code"] == "precondition_failed"
    assert "Expires" not in whole.headers
    head = call("HEAD", path)
    assert (head.content_length, head.headers["Accept-Ranges"], head.data) == (size, "bytes", b"")


def test_every_checkpoint_can_be_downloaded(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}"
    best = call("GET", f"{path}/weights").data
    assert call("GET", f"{path}/weights?checkpoint=best").data == best
    for checkpoint in call.json("GET", f"{path}/checkpoints")["data"]:
        for which in (*checkpoint["kinds"], str(checkpoint["epoch"])):
            found = call("GET", f"{path}/weights?checkpoint={which}")
            assert hashlib.sha256(found.data).hexdigest() == checkpoint["sha256"]
            assert len(found.data) == checkpoint["bytes"]
            model = safetensors.load(found.data)
            program = imported(call("GET", f"{path}/weights?checkpoint={which}&format=py").data)
            np.testing.assert_array_equal(program.LAYERS[0][1], model.network.arrays(model.theta)["layers.0.weight"])
    call("GET", f"{path}/weights?checkpoint=999", 404)
    assert call.pointers("GET", f"{path}/weights?checkpoint=worst&format=pickle") == [
        "/query/format",
        "/query/checkpoint",
    ]


def test_a_job_without_weights_yet_is_409(call: Caller, dataset: str) -> None:
    path = f"/v1/jobs/{call.submit(dataset)['id']}"
    assert "queued" in call.json("GET", f"{path}/weights", 409)["detail"]
    call("GET", f"{path}/weights?checkpoint=last&format=npz", 409)
    call("POST", f"{path}/predictions", 409, json={"rows": [{"length": 5.0}]})
    call("POST", f"{path}/cancel")
    assert "cancelled" in call.json("GET", f"{path}/weights", 409)["detail"]


def test_a_job_whose_best_weights_are_still_to_come_is_409(
    call: Caller, database: Database, job: dict[str, Any]
) -> None:
    """A checkpoint in the middle of the first epoch has last weights, but no best ones."""
    with database.write() as session:
        session.execute(update(CheckpointRow).where(CheckpointRow.is_best).values(is_best=False))
    path = f"/v1/jobs/{job['id']}"
    for asked in ("", "?checkpoint=best"):
        assert "has no weights" in call.json("GET", f"{path}/weights{asked}", 409)["detail"]
    call("POST", f"{path}/predictions", 409, json={"rows": [{}]})
    call("GET", f"{path}/weights?checkpoint=last")


def test_predictions_of_named_and_of_ordered_rows(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}/predictions"
    named = [{"length": 4.2, "width": 3.1, "colour": "red"}, {"width": 5.0}, {"colour": "never seen"}, {}]
    ordered = [[4.2, 3.1, "red"], [None, 5.0, None], [None, None, "never seen"], [None, None, None]]
    answer = call.json("POST", path, json={"rows": named})
    assert (answer["object"], answer["has_more"], len(answer["data"])) == ("list", False, 4)
    for prediction in answer["data"]:
        assert list(prediction["probabilities"]) == ["setosa", "versicolor", "virginica"]
        assert sum(prediction["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
        assert prediction["label"] == max(prediction["probabilities"], key=prediction["probabilities"].__getitem__)
    assert call.json("POST", path, json={"rows": ordered}) == answer


def test_predictions_are_those_of_the_downloaded_weights(call: Caller, job: dict[str, Any]) -> None:
    rows = [{"length": 4.0 + step / 10, "width": 3.0, "colour": "blue"} for step in range(20)]
    answer = call.json("POST", f"/v1/jobs/{job['id']}/predictions", json={"rows": rows})
    model = safetensors.load(call("GET", f"/v1/jobs/{job['id']}/weights").data)
    assert [each.model_dump() for each in model.predict_records(rows)] == answer["data"]


def test_predictions_of_a_regression_are_in_the_targets_units(call: Caller, workshop: Workshop, dataset: str) -> None:
    made = call.submit(dataset, target="length", epochs=30)
    workshop.train(made["id"])
    answer = call.json("POST", f"/v1/jobs/{made['id']}/predictions", json={"rows": [{"species": "setosa"}]})
    assert list(answer["data"][0]) == ["value"]
    assert 3.0 < answer["data"][0]["value"] < 8.0


def test_rows_that_cannot_be_predicted(call: Caller, job: dict[str, Any]) -> None:
    refused: list[tuple[Any, list[str]]] = [
        ([], ["/rows"]),
        ("all", ["/rows"]),
        ([{"length": 1.0}, 7], ["/rows/1"]),
        ([{"lenght": 1.0}, {"length": "long"}], ["/rows/0/lenght", "/rows/1/length"]),
        ([[1.0, 2.0]], ["/rows/0"]),
        ([[1.0, 2.0, "red", 4.0]], ["/rows/0"]),
        ([[1.0, "wide", "red"]], ["/rows/0/1"]),
        ([{"length": [1.0]}], ["/rows/0/length"]),
        ([{}] * 51, ["/rows"]),
    ]
    for rows, pointers in refused:
        path = f"/v1/jobs/{job['id']}/predictions"
        assert call.pointers("POST", path, json={"rows": rows}) == pointers, rows


def test_a_model_is_loaded_once(call: Caller, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[int] = []

    def load(content: bytes) -> Any:
        loads.append(len(content))
        return original(content)

    original = safetensors.load
    monkeypatch.setattr(safetensors, "load", load)
    for _ in range(3):
        call("POST", f"/v1/jobs/{job['id']}/predictions", json={"rows": [{"length": 5.0}]})
    assert len(loads) == 1


def damage(database: Database, number: int = 0) -> None:
    """Flip a bit in a part of each stored file."""
    with database.write() as session:
        for row in session.scalars(select(ChunkRow).where(ChunkRow.number == number)):
            row.data = bytes([row.data[0] ^ 1]) + row.data[1:]


@pytest.mark.parametrize("form", MIMETYPES)
def test_damaged_weights_are_never_served(form: str, call: Caller, job: dict[str, Any], database: Database) -> None:
    damage(database)
    told = call.json("GET", f"/v1/jobs/{job['id']}/weights?format={form}", 500)
    assert told["code"] == "blob_damaged"
    assert "make fsck" in told["detail"]


def test_what_is_damaged_predicts_nothing(call: Caller, job: dict[str, Any], database: Database) -> None:
    damage(database)
    path = f"/v1/jobs/{job['id']}"
    row = {"length": 4.25, "width": None, "colour": "red"}
    assert call.json("POST", f"{path}/predictions", 500, json={"rows": [row]})["code"] == "blob_damaged"
    assert call.json("GET", f"{path}/split", 500)["code"] == "blob_damaged"
