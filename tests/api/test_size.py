"""Data that do not fit in memory are shuffled by blocks, and the spec, the estimate and the limits say so."""

from typing import Any

import pytest

from store.settings import Limits
from tests.api.caller import Caller

WIDTH = 2 + 2
"""Two numbers and two colours."""
INPUTS = 60 * WIDTH * 4


@pytest.fixture
def limits() -> Limits:
    """Room for the inputs of 20 of the 42 training rows."""
    return Limits(memory_bytes=20 * WIDTH * 4, input_bytes=INPUTS)


def asked(call: Caller, dataset: str, **fields: Any) -> dict[str, Any]:
    body = {"dataset": dataset, "target": "species", **fields}
    told: dict[str, Any] = call.json("POST", "/v1/jobs?validate_only=true", json=body)
    return told


def test_rows_that_fit_in_memory_are_shuffled_whole(call: Caller, dataset: str) -> None:
    spec = asked(call, dataset, features=["length"])["resolved_spec"]
    assert spec["shuffle"] == {"method": "rows"}


def test_larger_data_are_shuffled_by_blocks(call: Caller, dataset: str) -> None:
    spec = asked(call, dataset)["resolved_spec"]
    assert spec["shuffle"] == {"method": "blocks", "block_rows": 1, "window_blocks": 2}
    again = asked(call, dataset, shuffle=spec["shuffle"])["resolved_spec"]
    assert again["shuffle"] == spec["shuffle"]


def test_precision_counts(call: Caller, dataset: str) -> None:
    fields = {"features": ["length", "width"]}
    methods = [
        asked(call, dataset, precision=precision, **fields)["resolved_spec"]["shuffle"]["method"]
        for precision in ("float32", "float64")
    ]
    assert methods == ["blocks", "blocks"]
    assert asked(call, dataset, precision="float32", features=["width"])["resolved_spec"]["shuffle"]["method"] == "rows"
    assert asked(call, dataset, precision="float64", features=["width"])["resolved_spec"]["shuffle"]["method"] == (
        "blocks"
    )


@pytest.mark.parametrize("shuffle", [{"method": "rows"}, {"method": "blocks", "block_rows": 7, "window_blocks": 3}])
def test_what_is_asked_for_is_what_is_done(call: Caller, dataset: str, shuffle: dict[str, Any]) -> None:
    job = call.submit(dataset, shuffle=shuffle)
    assert (job["spec"]["shuffle"], job["resolved_spec"]["shuffle"]) == (shuffle, shuffle)


def test_a_shuffle_that_contradicts_itself_is_refused(call: Caller, dataset: str) -> None:
    answer = call.submit(dataset, 422, shuffle={"method": "rows", "block_rows": 3})
    assert [error["pointer"] for error in answer["errors"]] == ["/shuffle"]


def test_the_estimate_knows_that_windows_are_enough(call: Caller, dataset: str) -> None:
    whole, by_blocks = (
        asked(call, dataset, shuffle=shuffle)["memory_bytes"]
        for shuffle in ({"method": "rows"}, {"method": "blocks", "block_rows": 2, "window_blocks": 1})
    )
    assert by_blocks <= whole


def test_more_than_a_worker_may_prepare_is_refused(call: Caller, dataset: str) -> None:
    assert call.submit(dataset, precision="float32")["status"] == "queued"
    answer = call.submit(dataset, 422, precision="float64")
    ((pointer, detail),) = [(error["pointer"], error["detail"]) for error in answer["errors"]]
    assert pointer == "/features"
    assert detail.startswith(f"60 rows of {WIDTH} inputs take {2 * INPUTS:,} bytes; the limit is {INPUTS:,}")


def test_the_limits_are_shown(call: Caller) -> None:
    shown = call.json("GET", "/v1/me")["limits"]
    assert (shown["memory_bytes"], shown["input_bytes"]) == (20 * WIDTH * 4, INPUTS)


def test_a_job_is_trained_as_it_says(call: Caller, dataset: str, workshop: Any) -> None:
    job = call.submit(dataset, epochs=2)
    workshop.train(job["id"])
    done = call.json("GET", f"/v1/jobs/{job['id']}")
    assert (done["status"], done["resolved_spec"]["shuffle"]["method"]) == ("succeeded", "blocks")
