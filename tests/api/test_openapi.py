"""The OpenAPI document, the page made of it, and health."""

import re
from typing import Any, get_args

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from steepest.spec.fields import names_of
from steepest.spec.names import ActivationName, LossName
from steepest.spec.optimizers import Optimizer
from steepest.spec.schedules import Schedule
from steepest.spec.states import JobState
from store import workers
from store.database import Database
from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue

OPERATIONS = {
    "createDataset", "listDatasets", "getDataset", "updateDataset", "deleteDataset", "listRows", "getDatasetContent",
    "createJob", "listJobs", "getJob", "updateJob", "pauseJob", "resumeJob", "retryJob", "cancelJob",
    "deleteJob", "listEvents", "listEpochs",
    "listCheckpoints", "getSplit", "getWeights", "createPredictions", "listPredictions", "getPrediction",
    "deletePrediction", "getPredictionContent", "createEvaluation", "listEvaluations", "getEvaluation",
    "deleteEvaluation", "getCard", "getAccount",
    "getHealth", "getReadiness",
}  # fmt: skip
ERRORS = {"400", "401", "403", "404", "405", "409", "413", "415", "422", "429", "500", "503"}


@pytest.fixture
def document(call: Caller) -> dict[str, Any]:
    found: dict[str, Any] = call.json("GET", "/openapi.json")
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["operationId"]: each for path in document["paths"].values() for each in path.values()}


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_operation_ids_are_stable(document: dict[str, Any]) -> None:
    assert set(operations(document)) == OPERATIONS


def test_every_operation_lists_every_error_as_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document).items():
        assert set(operation["responses"]) >= ERRORS, name
        assert operation["summary"], name
        for status in ERRORS:
            response = document["components"]["responses"][operation["responses"][status]["$ref"].rsplit("/", 1)[1]]
            assert list(response["content"]) == ["application/problem+json"]
    assert set(operations(document)["getWeights"]["responses"]) == ERRORS | {"200", "206", "304", "412", "416"}


def test_what_needs_a_key_says_so(document: dict[str, Any]) -> None:
    free = {name for name, operation in operations(document).items() if "security" not in operation}
    assert free == {"getHealth", "getReadiness"}
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_schemas_tell_the_contract(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["JobState"]["enum"] == [state.value for state in JobState]
    assert set(schemas["JobSpec"]["required"]) == {"dataset", "target"}
    assert schemas["JobSpec"]["additionalProperties"] is False
    loss = schemas["Epoch"]["properties"]["training_loss"]
    assert {"enum": ["NaN", "Infinity", "-Infinity"]} in loss["anyOf"]
    names = [each["name"] for each in operations(document)["listJobs"]["parameters"] if "name" in each]
    assert names == ["limit", "after", "status", "dataset", "name", "metadata", "created_after"]


@pytest.mark.parametrize(("field", "union"), [("optimizer", Optimizer), ("schedule", Schedule)])
def test_every_name_of_the_spec_is_in_the_document(document: dict[str, Any], field: str, union: Any) -> None:
    schemas = document["components"]["schemas"]
    places = [each["$ref"].rsplit("/", 1)[1] for each in schemas["JobSpec"]["properties"][field]["oneOf"]]
    assert tuple(schemas[place]["properties"]["name"]["const"] for place in places) == names_of(union)
    assert set(schemas["Layer"]["properties"]["activation"]["enum"]) == set(get_args(ActivationName))
    assert set(schemas["Loss"]["properties"]["name"]["anyOf"][0]["enum"]) == set(get_args(LossName))


def test_every_kind_of_prediction_is_in_the_document(document: dict[str, Any]) -> None:
    data = document["components"]["schemas"]["Predictions"]["properties"]["data"]
    kinds = [each["$ref"].rsplit("/", 1)[1] for each in data["items"]["anyOf"]]
    assert kinds == ["ClassPrediction", "LabelsPrediction", "ValuePrediction", "ValuesPrediction"]


def test_the_page_shows_every_operation_and_asks_nobody_else(call: Caller, document: dict[str, Any]) -> None:
    answer = call("GET", "/docs")
    page = answer.get_data(as_text=True)
    for name in OPERATIONS:
        assert f'id="{name}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="schema-{name}"' in page
    assert set(re.findall(r'(?:src|href)="([^"#]+)"', page)) == {"data:,", "/static/docs.css", "/openapi.json"}
    assert "<script" not in page
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert call("GET", "/static/docs.css").content_type.startswith("text/css")
    call("GET", "/static/nothing.css", 404)


def test_health_needs_nobody(call: Caller) -> None:
    assert call.json("GET", "/healthz") == {"ok": True, "version": "0.1.0"}


def test_ready_is_when_database_broker_and_a_worker_answer(
    call: Caller, queue: RecordingQueue, database: Database
) -> None:
    missing = call.json("GET", "/readyz", 503)
    assert "no worker" in missing["detail"]
    assert missing["components"]["database"] == {"ok": True, "detail": "answers"}
    with database.write() as session:
        workers.beat(session, "worker@here", ["cpu"], 1)
    assert "reads data sets" in call.json("GET", "/readyz", 503)["detail"]
    with database.write() as session:
        workers.beat(session, "worker@here", ["cpu", "short"], 1)
    assert "computes" in call.json("GET", "/readyz", 503)["detail"]
    with database.write() as session:
        workers.beat(session, "worker@here", ["cpu", "short", "computations"], 1)
    ready = call.json("GET", "/readyz")
    assert (ready["ok"], ready["components"]["worker"]) == (True, {"ok": True, "detail": "1 answers"})
    queue.away = True
    missing = call.json("GET", "/readyz", 503)
    assert (missing["ok"], "broker" in missing["detail"]) == (False, True)


def test_the_limits_are_shown(call: Caller) -> None:
    account = call.json("GET", "/v1/me")
    assert (account["limits"]["prediction_rows"], account["limits"]["json_bytes"]) == (50, 65536)
    assert account["scopes"] == ["read", "write"]
