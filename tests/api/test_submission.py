"""`POST /v1/jobs`: what is resolved, what is refused and where, and what is never lost."""

from datetime import datetime
from typing import Any

import pytest
from safetensors.numpy import load
from sqlalchemy import select

from steepest.spec.fields import names_of
from steepest.spec.optimizers import Optimizer
from steepest.trainer import chunks
from store.database import Database
from store.models import JobRow
from tests.api.caller import Caller
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop


def test_the_least_that_works(call: Caller, dataset: str, queue: RecordingQueue) -> None:
    body = {"dataset": dataset, "target": "species"}
    answer = call("POST", "/v1/jobs", 201, json=body)
    job = answer.get_json()
    assert answer.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert queue.announced[-1] == job["id"]
    assert (job["object"], job["status"], job["is_terminal"], job["attempt"]) == ("job", "queued", False, 0)
    assert (job["dataset"], job["name"], job["metadata"], job["result"]) == (dataset, None, {}, None)
    assert job["spec"]["task"] == "auto"
    resolved = job["resolved_spec"]
    assert (resolved["task"], resolved["output_activation"]) == ("multiclass", "softmax")
    assert resolved["loss"]["name"] == "categorical_crossentropy"
    assert resolved["features"] == ["length", "width", "colour"]
    assert (resolved["batch_size"], resolved["epochs"], resolved["split"]["method"]) == (32, 1000, "stratified")
    assert job["progress"] == {"epoch": 0, "epochs": 1000, "fraction": 0.0, "eta_seconds": None}
    assert [each["status"] for each in job["transitions"]] == ["queued"]
    assert datetime.fromisoformat(job["created_at"]).utcoffset() is not None
    assert call.json("GET", answer.headers["Location"]) == job


def test_features_are_taken_in_the_data_sets_order(call: Caller, dataset: str) -> None:
    assert call.submit(dataset, features=["width", "length"])["resolved_spec"]["features"] == ["length", "width"]


def test_validate_only_says_what_would_be_trained_and_creates_nothing(
    call: Caller, dataset: str, queue: RecordingQueue
) -> None:
    before = list(queue.announced)
    body = {"dataset": dataset, "target": "species", "layers": [{"units": 8}, {"units": 4}]}
    told = call.json("POST", "/v1/jobs?validate_only=true", json=body)
    # Two numbers and two colours in; three classes out.
    assert told["parameters"] == (4 * 8 + 8) + (8 * 4 + 4) + (4 * 3 + 3)
    assert told["rows"] == {"training": 42, "validation": 9, "test": 9}
    assert told["memory_bytes"] > 10 << 20
    assert told["resolved_spec"]["layers"][1]["units"] == 4
    assert told["object"] == "job_validation"
    assert (call.json("GET", "/v1/jobs")["data"], queue.announced) == ([], before)


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"target": None}, ["/target"]),
        ({"target": "specie"}, ["/target"]),
        ({"target": "colour", "features": ["colour", "lenght", "width", "width"]},
         ["/features/0", "/features/1", "/features/3"]),
        ({"epochs": 0, "batch_size": "all", "layer": [], "seed": 1.5},
         ["/batch_size", "/epochs", "/layer", "/seed"]),
        ({"layers": [{"units": "8"}, {"activation": "rleu"}]}, ["/layers/0/units", "/layers/1/activation"]),
        ({"epochs": -1, "target": "specie", "features": ["widht"]}, ["/epochs", "/features/0", "/target"]),
        ({"optimizer": {"name": "adam", "momentum": 0.9}}, ["/optimizer/momentum"]),
        ({"loss": {"name": "binary_crossentropy"}}, ["/target"]),
        ({"task": "regression"}, ["/target"]),
        ({"metadata": {"": "x", "k": 3}}, ["/metadata/", "/metadata/k"]),
        ({"layers": [{"units": 65_536}, {"units": 65_536}]}, ["/layers"]),
        ({"epochs": 1_001}, ["/epochs"]),
        ({"epochs": 1_001, "layers": [{"units": 60_000}, {"units": 60_000}]}, ["/epochs", "/layers"]),
        ({"dataset": "ds_" + "0" * 32, "epochs": 0}, ["/dataset", "/epochs"]),
        ({"dataset": 7}, ["/dataset"]),
        ({"split": {"validation": 0.6, "test": 0.6}}, ["/split"]),
        ({"target": ["species", "specie"], "features": ["species", "width"]}, ["/features/0", "/target/1"]),
        ({"target": ["length", "length"], "epochs": 0}, ["/epochs", "/target/1"]),
        ({"target": ["species", "length"]}, ["/target/0"]),
        ({"target": ["species", "length"], "task": "multiclass"}, ["/task"]),
        ({"task": "multilabel"}, ["/target"]),
        ({"loss": {"sample_weight": "colour", "class_weight": {"setosa": 2, "rosa": 1}}},
         ["/loss/class_weight/rosa", "/loss/sample_weight"]),
        ({"loss": {"sample_weight": "wdith"}, "epochs": 0}, ["/epochs", "/loss/sample_weight"]),
        ({"loss": {"sample_weight": "width"}, "features": ["width"]}, ["/features/0"]),
        ({"loss": {"name": "huber", "delta": 2, "label_smoothing": 0.1}}, ["/loss/label_smoothing", "/target"]),
        ({"loss": {"name": "log_loss", "delta": 2}}, ["/loss/delta"]),
        ({"layers": [{"activation": "elu", "alpha": 2}, {"activation": "tanh", "alpha": 2}]}, ["/layers/1/alpha"]),
        ({"optimizer": {"name": "lbfgs"}, "batch_size": 8, "layers": [{"dropout": 0.1}], "schedule": {"name": "step"}},
         ["/batch_size", "/layers/0/dropout", "/schedule/name"]),
        ({"schedule": {"name": "cosine", "factor": 2}}, ["/schedule/factor"]),
        ({"schedule": {"warmup_epochs": 9}, "epochs": 9}, ["/schedule/warmup_epochs"]),
        ({"early_stopping": {"monitor": "training_r2"}}, ["/early_stopping/monitor"]),
        ({"early_stopping": {"monitor": "validation_accuracy"}, "split": {"validation": 0}},
         ["/early_stopping/monitor"]),
    ],
)  # fmt: skip
def test_every_problem_is_named_at_once(
    call: Caller, dataset: str, fields: dict[str, Any], pointers: list[str]
) -> None:
    body = {"dataset": dataset, "target": "species", **fields}
    assert sorted(call.pointers("POST", "/v1/jobs", json=body)) == pointers
    assert sorted(call.pointers("POST", "/v1/jobs?validate_only=true", json=body)) == pointers


def test_a_job_may_start_from_another_ones_weights(
    call: Caller, workshop: Workshop, dataset: str, job: dict[str, Any]
) -> None:
    fields: dict[str, Any] = {"layers": [{"units": 8}], "epochs": 3, "warm_start": {"job": job["id"]}}
    warm = call.submit(dataset, **fields)
    assert warm["resolved_spec"]["warm_start"] == {"job": job["id"], "checkpoint": "best"}
    path = f"/v1/jobs/{warm['id']}"
    (waiting,) = call.json("GET", f"{path}/checkpoints")["data"]
    assert (waiting["epoch"], waiting["kinds"]) == (0, ["initial"])
    workshop.train(warm["id"])
    assert call.json("GET", path)["status"] == "succeeded"
    begun, best = (
        load(call("GET", f"{name}/weights?checkpoint={which}").data)
        for name, which in ((path, "initial"), (f"/v1/jobs/{job['id']}", "best"))
    )
    assert {name: array.tolist() for name, array in begun.items()} == {
        name: array.tolist() for name, array in best.items()
    }
    again = call.submit(dataset, 200, **fields, reuse=True)
    assert again["id"] == warm["id"]


@pytest.mark.parametrize(
    ("wanted", "fields", "pointer", "says"),
    [
        ({"job": "job_x"}, {}, "/warm_start/job", "there is no job job_x"),
        ({"checkpoint": "5"}, {}, "/warm_start/checkpoint", "keeps no checkpoint"),
        ({}, {"layers": [{"units": 9}]}, "/warm_start", "layers.0 has 4 inputs and 9 units"),
        ({}, {"layers": [{"units": 8}, {"units": 8}]}, "/warm_start", "3 layers, that of the weights 2"),
    ],
)
def test_a_start_that_is_not_there_or_does_not_fit(
    call: Caller,
    dataset: str,
    job: dict[str, Any],
    wanted: dict[str, str],
    fields: dict[str, Any],
    pointer: str,
    says: str,
) -> None:
    body = {"dataset": dataset, "target": "species", "layers": [{"units": 8}], **fields}
    body["warm_start"] = {"job": job["id"], **wanted}
    for query in ("", "?validate_only=true"):
        told = call.json("POST", f"/v1/jobs{query}", 422, json=body)
        assert [each["pointer"] for each in told["errors"]] == [pointer]
        assert says in told["errors"][0]["detail"]


@pytest.mark.parametrize("name", names_of(Optimizer))
def test_every_optimizer_has_its_memory(call: Caller, dataset: str, name: str) -> None:
    body = {"dataset": dataset, "target": "species", "layers": [{"units": 1_000}], "optimizer": {"name": name}}
    told = call.json("POST", "/v1/jobs?validate_only=true", json=body)
    assert told["resolved_spec"]["optimizer"]["name"] == name
    assert told["memory_bytes"] > (80 << 20) + 4 * 4 * told["parameters"]


def memory(call: Caller, dataset: str, **fields: Any) -> int:
    """Estimated bytes."""
    body = {"dataset": dataset, "target": "species", **fields}
    told: int = call.json("POST", "/v1/jobs?validate_only=true", json=body)["memory_bytes"]
    return told


def test_what_an_optimizer_keeps_needs_memory(call: Caller, dataset: str) -> None:
    layers = [{"units": 1_000}]
    parameters = 8 * 1_000 + 3
    plain = memory(call, dataset, layers=layers, optimizer={"name": "gradient_descent"})
    for optimizer, slots in (
        ({"name": "gradient_descent"}, 0),
        ({"name": "momentum"}, 1),
        ({"name": "rmsprop"}, 1),
        ({"name": "adam"}, 2),
        ({"name": "lbfgs", "history_size": 7}, 14),
    ):
        batch = {"batch_size": 32} if optimizer["name"] != "lbfgs" else {}
        assert memory(call, dataset, layers=layers, optimizer=optimizer, **batch) - plain == 3 * slots * 4 * parameters


def test_a_full_batch_is_as_many_rows_as_are_trained_on(call: Caller, dataset: str) -> None:
    fields: dict[str, Any] = {"layers": [{"units": 1_000}]}
    by_number = memory(call, dataset, **fields, batch_size=20, split={"validation": 0.33, "test": 0.33})
    assert memory(call, dataset, **fields, batch_size="full", split={"validation": 0.33, "test": 0.33}) == by_number


def test_a_gpu_works_on_more_rows_at_a_time(call: Caller, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ACTIVATION_BYTES", 4 * 2 * 65)
    fields: dict[str, Any] = {"layers": [{"units": 64}], "batch_size": "full"}
    assert memory(call, dataset, **fields, device="cpu") < memory(call, dataset, **fields, device="gpu")


def test_the_time_is_estimated(call: Caller, dataset: str) -> None:
    def seconds(**fields: Any) -> Any:
        body = {"dataset": dataset, "target": "species", "epochs": 100, **fields}
        return call.json("POST", "/v1/jobs?validate_only=true", json=body)["seconds"]

    told = seconds()
    assert 0 < told < 1
    assert seconds(epochs=1_000) == pytest.approx(10 * told)
    assert seconds(layers=[{"units": 10_000}]) > told > seconds(batch_size="full")
    assert seconds(max_seconds=told / 2) == told / 2
    assert seconds(max_seconds=60) == told
    assert seconds(device="gpu") is None


def test_what_layers_keep_for_the_way_back_needs_memory(call: Caller, dataset: str) -> None:
    plain, normalized, silenced, both = (
        memory(call, dataset, layers=[{"units": 100, **layer}], batch_size=8)
        for layer in ({}, {"batch_norm": True}, {"dropout": 0.5}, {"batch_norm": True, "dropout": 0.5})
    )
    assert plain < normalized < both
    assert plain < silenced < both
    assert both - silenced == normalized - plain


def test_batch_norm_refuses_more_rows_than_fit_at_once(
    call: Caller, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "ACTIVATION_BYTES", 4 * 30 * 65)
    fields: dict[str, Any] = {"layers": [{"units": 64, "batch_norm": True}, {"units": 8}]}
    for batch_size in (31, "full"):
        refused = call.submit(dataset, 422, **fields, batch_size=batch_size, epochs=1_001)
        assert [problem["pointer"] for problem in refused["errors"]] == ["/batch_size", "/epochs"]
        assert "at most 30 fit" in refused["errors"][0]["detail"]
    call.submit(dataset, 201, **fields, batch_size=30)
    call.submit(dataset, 201, **fields, batch_size=31, device="gpu")
    call.submit(dataset, 201, layers=[{"units": 64}], batch_size="full")
    call.submit(dataset, 422, **fields, batch_size=16, precision="float64")


def test_a_column_of_weights_is_no_feature(call: Caller, dataset: str) -> None:
    job = call.submit(dataset, loss={"sample_weight": "width", "class_weight": {"setosa": 2}})
    assert job["resolved_spec"]["features"] == ["length", "colour"]
    assert job["resolved_spec"]["loss"] == {
        "name": "categorical_crossentropy",
        "label_smoothing": 0.0,
        "class_weight": {"setosa": 2.0},
        "sample_weight": "width",
    }


def test_several_columns_are_several_outputs(call: Caller, dataset: str) -> None:
    body = {"dataset": dataset, "target": ["width", "length"], "layers": [{"units": 8}]}
    told = call.json("POST", "/v1/jobs?validate_only=true", json=body)
    resolved = told["resolved_spec"]
    assert (resolved["task"], resolved["target"]) == ("regression", ["width", "length"])
    assert resolved["features"] == ["colour", "species"]
    # Two colours and three species in; two values out.
    assert told["parameters"] == (5 * 8 + 8) + (8 * 2 + 2)


def test_labels_of_several_columns(call: Caller, workshop: Workshop) -> None:
    made = call.upload(b"x,a,b\n" + b"".join(f"{row},{row % 2},{row % 3 // 2}\n".encode() for row in range(30)))
    workshop.ingest(made)
    body = {"dataset": made, "target": ["a", "b"], "layers": []}
    told = call.json("POST", "/v1/jobs?validate_only=true", json=body)
    resolved = told["resolved_spec"]
    assert (resolved["task"], resolved["loss"]["name"], resolved["output_activation"]) == (
        "multilabel",
        "binary_crossentropy",
        "sigmoid",
    )
    assert told["parameters"] == 4


def test_what_was_left_out_is_shown_where_it_belongs(call: Caller, dataset: str) -> None:
    fields: dict[str, Any] = {"layers": [{"activation": "elu"}, {}], "schedule": {"name": "plateau"}, "max_seconds": 60}
    job = call.submit(dataset, **fields, gradient_clip={}, target="width", loss={"name": "huber"})
    shown, resolved = job["spec"], job["resolved_spec"]
    assert [layer.get("alpha") for layer in shown["layers"]] == [None, None]
    assert [layer.get("alpha") for layer in resolved["layers"]] == [1.0, None]
    assert (resolved["loss"]["delta"], "delta" in shown["loss"]) == (1.0, False)
    assert resolved["schedule"] == {"name": "plateau", "warmup_epochs": 0, "factor": 0.1, "patience": 5}
    assert (resolved["gradient_clip"], resolved["max_seconds"]) == ({"by": "global_norm", "limit": 1.0}, 60.0)


def test_the_nearest_name_is_suggested(call: Caller, dataset: str) -> None:
    refused = call.submit(dataset, 422, optimiser={"name": "adam"})
    assert 'did you mean "optimizer"' in refused["errors"][0]["detail"]
    refused = call.submit(dataset, 422, schedule={"name": "cosin"})
    assert 'did you mean "cosine"' in refused["errors"][0]["detail"]
    assert 'did you mean "species"' in call.submit(dataset, 422, target="specie")["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("rows", "says"),
    [(b"a,b\n1,x\n2,x\n", "one distinct value"), (b"a,b\n1,\n2,\n", "no values"), (b"a,b\n", None)],
)
def test_a_target_that_cannot_be_learned(call: Caller, workshop: Workshop, rows: bytes, says: str | None) -> None:
    made = call.upload(rows)
    workshop.ingest(made)
    if says is None:  # a file without rows
        assert call.json("GET", f"/v1/datasets/{made}")["status"] == "failed"
        call.submit(made, 409, target="b")
        return
    refused = call.submit(made, 422, target="b")
    assert refused["errors"][0]["pointer"] == "/target"
    assert says in refused["detail"]


def test_a_data_set_that_is_still_being_read_is_409(call: Caller, flowers: bytes) -> None:
    assert "wait" in call.submit(call.upload(flowers), 409)["detail"]


def test_a_broker_that_is_away_does_not_fail_the_create(
    call: Caller, dataset: str, database: Database, queue: RecordingQueue
) -> None:
    queue.away = True
    made = call.submit(dataset)
    with database.read() as session:
        row = session.scalars(select(JobRow).where(JobRow.id == made["id"])).one()
        assert row.announce_at is not None, "the reconciler will announce it"


def test_a_job_is_announced_only_once_it_is_committed(
    call: Caller, dataset: str, database: Database, queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def announce(job_id: str, device: str) -> None:
        with database.read() as session:
            seen.append(session.get(JobRow, job_id) is not None)

    monkeypatch.setattr(queue, "announce_job", announce)
    call.submit(dataset)
    assert seen == [True]


@pytest.mark.parametrize("shuffle", [{}, {"shuffle": {"method": "blocks"}}])
def test_features_without_any_input_are_refused(call: Caller, workshop: Workshop, shuffle: dict[str, Any]) -> None:
    made = call.upload(b"x,y\n" + b"".join(b",%d\n" % (row % 2) for row in range(40)))
    workshop.ingest(made)
    call("PATCH", f"/v1/datasets/{made}", json={"columns": {"x": {"kind": "categorical"}}})
    workshop.ingest(made)
    refused = call.submit(made, 422, target="y", **shuffle)
    assert [error["pointer"] for error in refused["errors"]] == ["/features"]
