"""Splits: what POST says of them, and the row numbers of a job."""

import hashlib
import io
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete

from store import orphans
from store.database import Database
from store.models import SplitRow
from tests.api.caller import Caller
from tests.api.workshop import Workshop

VISITS = "who,when,day,part,x,y\n" + "".join(
    f"p{index % 12},{2_000 - index},{date(2026, 6, 1) - timedelta(index)},"
    f"{('train', 'train', 'val', 'test')[index % 4]},{index % 7},"
    f"{'' if index == 5 else index % 3}\n"
    for index in range(120)
)


@pytest.fixture
def visits(call: Caller, workshop: Workshop) -> str:
    made = call.upload(VISITS.encode())
    workshop.ingest(made)
    return made


def trained(call: Caller, workshop: Workshop, dataset: str, **split: Any) -> dict[str, Any]:
    job = call.submit(dataset, target="y", features=["x"], epochs=2, layers=[], split=split)
    workshop.train(job["id"])
    finished: dict[str, Any] = call.json("GET", f"/v1/jobs/{job['id']}")
    assert finished["status"] == "succeeded", finished
    return finished


@pytest.mark.parametrize(
    "split",
    [
        {"method": "random"},
        {"method": "stratified", "test": 0.3},
        {"method": "group", "column": "who"},
        {"method": "time", "column": "when"},
        {"method": "time", "column": "day", "validation": 0.2},
        {"method": "column", "column": "part"},
    ],
)
def test_the_rows_of_each_part_can_be_downloaded(
    call: Caller, workshop: Workshop, visits: str, split: dict[str, Any]
) -> None:
    job = trained(call, workshop, visits, **split)
    path = f"/v1/jobs/{job['id']}/split"
    answer = call("GET", path)
    told = answer.get_json()
    assert list(told) == ["object", "sha256", "training", "validation", "test"]
    parts = {name: told[name] for name in ("training", "validation", "test")}
    together = sorted(row for rows in parts.values() for row in rows)
    assert together == [row for row in range(120) if row != 5]
    assert job["warnings"] == ['1 row has no value of the target "y": left out']
    numbers = [number for rows in parts.values() for number in (len(rows), *rows)]
    assert told["sha256"] == hashlib.sha256(np.array(numbers, "<i8").tobytes()).hexdigest()
    with np.load(io.BytesIO(call("GET", f"{path}?format=npz").data)) as archive:
        assert {name: archive[name].tolist() for name in archive.files} == parts
    assert answer.headers["ETag"] == f'"{told["sha256"]}"'
    assert call("GET", path, 304, headers={"If-None-Match": answer.headers["ETag"]}).data == b""
    check(parts, split["method"])
    again = trained(call, workshop, visits, **split)
    assert call.json("GET", f"/v1/jobs/{again['id']}/split") == told


def check(parts: dict[str, list[int]], method: str) -> None:
    if method == "group":
        groups = [{row % 12 for row in rows} for rows in parts.values()]
        assert sum(map(len, groups)) == 12
    elif method == "time":  # the first row is the newest
        assert min(parts["training"]) > max(parts["validation"]) > min(parts["validation"]) > max(parts["test"])
    elif method == "column":
        assert {row % 4 for row in parts["training"]} == {0, 1}
        assert {row % 4 for row in parts["validation"]} == {2}
    else:
        assert [len(rows) for rows in parts.values()][2] == (18 if method == "random" else 36)


def test_before_a_job_has_started_its_rows_are_not_divided(call: Caller, workshop: Workshop, visits: str) -> None:
    job = call.submit(visits, target="y", features=["x"])
    path = f"/v1/jobs/{job['id']}/split"
    refused = call.json("GET", path, 409)
    assert "queued" in refused["detail"]
    assert "when it has started" in refused["detail"]
    call("POST", f"/v1/jobs/{job['id']}/cancel")
    assert "cancelled" in call.json("GET", f"{path}?format=npz", 409)["detail"]
    call("GET", f"/v1/jobs/job_{'0' * 32}/split", 404)
    assert call.pointers("GET", f"{path}?format=csv") == ["/query/format"]


def test_a_split_is_ones_own(call: Caller, stranger: Caller, job: dict[str, Any]) -> None:
    call("GET", f"/v1/jobs/{job['id']}/split")
    stranger("GET", f"/v1/jobs/{job['id']}/split", 404)


def test_a_split_goes_with_its_job(call: Caller, workshop: Workshop, visits: str, database: Database) -> None:
    first, second = (trained(call, workshop, visits, method="random") for _ in range(2))
    call("DELETE", f"/v1/jobs/{first['id']}", 204)
    orphans.remove(database)
    call("GET", f"/v1/jobs/{second['id']}/split?format=npz")  # the same bytes, still there
    call("DELETE", f"/v1/jobs/{second['id']}", 204)
    with database.read() as session:
        assert session.query(SplitRow).count() == 0
    assert orphans.remove(database) > 0


def test_test_rows_are_those_of_the_split_or_divided_anew(
    call: Caller, workshop: Workshop, visits: str, database: Database
) -> None:
    job = trained(call, workshop, visits, method="group", column="who")
    path = f"/v1/jobs/{job['id']}/evaluations"
    results = []
    for _ in range(2):
        asked = call.json("POST", path, 201, json={})
        workshop.compute(asked["id"])
        results.append(call.json("GET", f"{path}/{asked['id']}")["result"])
        with database.write() as session:  # as an earlier release left it
            session.execute(delete(SplitRow))
    assert results[0] == results[1]
    assert results[0]["figures"]["accuracy"] == job["result"]["test_accuracy"]


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"split": {"method": "group"}}, ["/split/column"]),
        ({"split": {"method": "group", "column": "nobody"}}, ["/split/column"]),
        ({"split": {"method": "group", "column": "who"}, "features": ["x", "who"]}, ["/features/1"]),
        ({"split": {"method": "time", "column": "who"}}, ["/split/column"]),
        ({"split": {"method": "time", "column": "y"}}, ["/split/column"]),
        ({"split": {"method": "column", "column": "who"}, "epochs": 0}, ["/epochs", "/split/column"]),
        ({"split": {"method": "column", "column": "part", "validation": 0.5}}, ["/split/validation"]),
        ({"split": {"method": "column", "column": "part", "test": 0.5}}, ["/split/test"]),
        (
            {"split": {"column": "who"}, "preprocess": {"missing_value": 1}},
            ["/preprocess/missing_value", "/split/column"],
        ),
    ],
)
def test_what_is_wrong_with_a_split_is_told_at_once(
    call: Caller, visits: str, fields: dict[str, Any], pointers: list[str]
) -> None:
    body = {"dataset": visits, "target": "y", **fields}
    assert sorted(call.pointers("POST", "/v1/jobs", json=body)) == pointers


def test_a_marked_split_is_validated_with_its_sizes(call: Caller, visits: str) -> None:
    body = {"dataset": visits, "target": "y", "split": {"method": "column", "column": "part"}}
    told = call.json("POST", "/v1/jobs?validate_only=true", json=body)
    assert told["rows"] == {"training": 60, "validation": 30, "test": 30}
    assert told["resolved_spec"]["features"] == ["who", "when", "day", "x"]


def test_every_way_to_preprocess_trains_and_predicts(call: Caller, workshop: Workshop, dataset: str) -> None:
    for preprocess in (
        {"numeric": "robust", "categorical": "hashing", "max_categories": 8, "missing_indicator": True},
        {"categorical": "ordinal", "missing": "most_frequent"},
        {"numeric": "minmax", "missing": "constant", "missing_value": -1.0, "max_categories": 1},
    ):
        job = call.submit(dataset, layers=[], epochs=2, preprocess=preprocess)
        workshop.train(job["id"])
        rows = [{"length": 5.0, "colour": "never seen"}, {"width": None}, [5.0, 3.0, "red"]]
        answer = call.json("POST", f"/v1/jobs/{job['id']}/predictions", json={"rows": rows})
        assert len(answer["data"]) == 3
        told = call.json("POST", "/v1/jobs?validate_only=true", json=call_body(dataset, preprocess))
        units = told["parameters"] // 3 - 1
        assert units == {"hashing": 11, "ordinal": 3}.get(str(preprocess.get("categorical")), 4)


def test_date_times_are_features(call: Caller, workshop: Workshop, visits: str) -> None:
    job = call.submit(visits, target="y", features=["day", "x"], epochs=2, layers=[])
    workshop.train(job["id"])
    path = f"/v1/jobs/{job['id']}/predictions"
    moment = date(2026, 6, 1)
    rows: list[Any] = [{"day": str(moment)}, {"day": f"{moment}T00:00:00Z"}, {"day": 1780272000000}, [None, None]]
    answers = call.json("POST", path, json={"rows": rows})["data"]
    assert answers[0] == answers[1] == answers[2] != answers[3]
    assert call.pointers("POST", path, json={"rows": [{"day": "1.6.2026"}]}) == ["/rows/0/day"]
    refused = call.json("POST", "/v1/jobs", 422, json={"dataset": visits, "target": "day"})
    assert [problem["pointer"] for problem in refused["errors"]] == ["/target"]


def call_body(dataset: str, preprocess: dict[str, Any]) -> dict[str, Any]:
    return {"dataset": dataset, "target": "species", "layers": [], "preprocess": preprocess}
