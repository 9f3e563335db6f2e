"""What people say of a data set's columns, and what they are told of them."""

from typing import Any

import pytest

from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop


def kinds(dataset: Any) -> dict[str, str]:
    return {column["name"]: column["kind"] for column in dataset["columns"]}


def patch(call: Caller, dataset: str, columns: dict[str, Any], status: int = 200) -> Any:
    return call.json("PATCH", f"/v1/datasets/{dataset}", status, json={"columns": columns})


def test_a_column_says_all_that_is_known_of_it(call: Caller, dataset: str) -> None:
    length, _, colour, _ = call.json("GET", f"/v1/datasets/{dataset}")["columns"]
    assert length["kind"] == "numeric"
    assert length["role"] == "feature"
    assert 0 < length["deviation"] < 2
    assert length["quantiles"]["0.5"] == pytest.approx(5.3, abs=0.2)
    assert length["quantile_error"] == 0
    assert sum(length["histogram"]["counts"]) == 60
    assert len(length["histogram"]["edges"]) == len(length["histogram"]["counts"]) + 1
    assert colour["top"] == [{"value": "blue", "count": 30}, {"value": "red", "count": 29}]
    assert colour["deviation"] is colour["quantiles"] is colour["histogram"] is None


def test_a_kind_asked_for_has_the_file_read_again(
    call: Caller, workshop: Workshop, queue: RecordingQueue, dataset: str
) -> None:
    queue.announced.clear()
    changed = patch(call, dataset, {"length": {"kind": "categorical"}, "width": {"role": "ignored"}})
    assert (changed["status"], queue.announced) == ("validating", [dataset])
    call.json("GET", f"/v1/datasets/{dataset}/rows", 409)
    patch(call, dataset, {"length": {"role": "ignored"}}, 409)
    workshop.ingest(dataset)
    ready = call.json("GET", f"/v1/datasets/{dataset}")
    assert (ready["status"], kinds(ready)["length"]) == ("ready", "categorical")
    assert ready["columns"][1]["role"] == "ignored"
    job = call.submit(dataset, layers=[], epochs=1)
    assert job["resolved_spec"]["features"] == ["length", "colour"]
    workshop.train(job["id"])
    assert call.json("GET", f"/v1/jobs/{job['id']}")["status"] == "succeeded"
    patch(call, dataset, {"length": {"kind": None}})
    workshop.ingest(dataset)
    assert kinds(call.json("GET", f"/v1/datasets/{dataset}"))["length"] == "numeric"


def test_a_kind_that_does_not_fit_fails_with_its_lines_and_may_be_taken_back(
    call: Caller, workshop: Workshop, dataset: str
) -> None:
    patch(call, dataset, {"colour": {"kind": "numeric"}})
    workshop.ingest(dataset)
    failed = call.json("GET", f"/v1/datasets/{dataset}")
    assert failed["status"] == "failed"
    assert failed["error"]["errors"][0]["pointer"] == "/rows/2/colour"
    patch(call, dataset, {"colour": {"kind": None}})
    workshop.ingest(dataset)
    assert call.json("GET", f"/v1/datasets/{dataset}")["status"] == "ready"


def test_roles_choose_the_default_features_and_a_job_may_name_others(call: Caller, dataset: str) -> None:
    roles = {"length": {"role": "identifier"}, "width": {"role": "target"}, "colour": {"role": "feature"}}
    assert patch(call, dataset, roles)["status"] == "ready"
    assert call.submit(dataset)["resolved_spec"]["features"] == ["colour"]
    named = call.submit(dataset, features=["length", "width"])
    assert named["resolved_spec"]["features"] == ["length", "width"]
    patch(call, dataset, {"colour": {"role": "ignored"}})
    refused = call.submit(dataset, 422)
    assert refused["errors"][0]["pointer"] == "/features"


def test_a_job_that_is_not_over_keeps_its_kinds(call: Caller, dataset: str) -> None:
    job = call.submit(dataset)
    assert job["id"] in patch(call, dataset, {"length": {"kind": "text"}}, 409)["detail"]
    assert patch(call, dataset, {"length": {"role": "ignored"}})["status"] == "ready"


@pytest.mark.parametrize(
    ("columns", "pointer"),
    [
        ({"lenght": {"role": "ignored"}}, "/columns/lenght"),
        ({"length": {"role": "boss"}}, "/columns/length/role"),
        ({"length": {"kind": "number"}}, "/columns/length/kind"),
        ({"length": {"type": "numeric"}}, "/columns/length/type"),
        ({"length": "numeric"}, "/columns/length"),
        ([], "/columns"),
    ],
)
def test_what_makes_no_sense_is_named(call: Caller, dataset: str, columns: Any, pointer: str) -> None:
    assert call.pointers("PATCH", f"/v1/datasets/{dataset}", json={"columns": columns}) == [pointer]


def test_anothers_data_set_is_not_there(stranger: Caller, dataset: str) -> None:
    patch(stranger, dataset, {"length": {"role": "ignored"}}, 404)


SUSPECT = "id,same,copy,one,rare,species\n" + "".join(
    f"{index},{index % 7}.5,{index % 7}.50,3,{'yes' if index == 99 else 'no'},{index % 7}.5\n" for index in range(200)
)


@pytest.fixture
def suspect(call: Caller, workshop: Workshop) -> str:
    made = call.upload(SUSPECT.encode() + b"0,0.5,0.5,3,no,0.5\n")
    workshop.ingest(made)
    return made


def test_a_careful_colleague_speaks_of_the_data(call: Caller, suspect: str) -> None:
    found = call.json("GET", f"/v1/datasets/{suspect}")
    assert [column["same_as"] for column in found["columns"]] == [None, None, "same", None, None, "same"]
    repeated, constant, equal, likely = found["warnings"]
    assert repeated.startswith("1 of 201 rows is equal to an earlier row")
    assert constant == 'column "one" holds the same value in every row'
    assert equal == 'columns "same", "copy" and "species" are equal in every row'
    assert '"id" looks like an identifier' in likely
    patch(call, suspect, {name: {"role": "ignored"} for name in ("id", "copy", "same", "one")})
    assert call.json("GET", f"/v1/datasets/{suspect}")["warnings"] == [repeated]


def test_a_careful_colleague_speaks_of_the_job(call: Caller, suspect: str) -> None:
    job = {"dataset": suspect, "target": "rare", "task": "auto", "layers": [], "split": {"validation": 0, "test": 0}}
    seen = call.json("POST", "/v1/jobs?validate_only=true", 200, json=job)
    assert any("very unequal" in warning and '"yes"' in warning for warning in seen["warnings"])
    job["target"] = "species"
    seen = call.json("POST", "/v1/jobs?validate_only=true", 200, json=job)
    made = call.json("POST", "/v1/jobs", 201, json=job)
    assert made["warnings"] == seen["warnings"]
    assert 'columns "same" and "copy" equal the target "species" in every row' in seen["warnings"][0]
    assert '"id" looks like an identifier' in seen["warnings"][1]
