"""Weights: formats, checkpoints, ranges, ETags; and predictions from them."""

import hashlib
import io
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_safetensors
from sqlalchemy import update

from steepest.export import safetensors
from store.database import Database
from store.models import CheckpointRow
from tests.api.caller import Caller
from tests.api.workshop import Workshop


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


@pytest.mark.parametrize("form", ["safetensors", "npz"])
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
