"""Model cards of real jobs."""

import hashlib
import io
import json
import re
from typing import Any, cast

import numpy as np
import pytest
from sqlalchemy import ColumnElement, CursorResult, delete, update

from steepest.spec.figures import (
    Calibration,
    ClassFigure,
    ClassFigures,
    Curves,
    EvaluationResult,
    LabelFigure,
    LabelFigures,
    RocCurve,
    ValueFigure,
    ValueFigures,
    WorstRow,
)
from steepest.spec.names import HELD_OUT
from store.database import Database
from store.models import ComputationRow
from tests.api.caller import Caller
from tests.api.workshop import Workshop

STRANGE = '<script>alert(1)</script> | `a` _b_ & "c"'
CALIBRATION = Calibration(predicted=[0.6, 0.9], observed=[0.5, 1.0], rows=[4, 6])
ROC = RocCurve(false_positive_rate=[0, 0, 1], true_positive_rate=[0, 1, 1], thresholds=[1, 0.5, 0])


def evaluate(database: Database, job: dict[str, Any], result: EvaluationResult) -> None:
    """Have other figures of the held-out rows than the worker found."""
    with database.write() as session:
        found = session.execute(update(ComputationRow).where(*held_out(job)).values(result=result))
        assert cast(CursorResult[Any], found).rowcount == 1


def held_out(job: dict[str, Any]) -> tuple[ColumnElement[bool], ...]:
    return ComputationRow.job_id == job["id"], ComputationRow.name == HELD_OUT


def classes(*labels: str) -> EvaluationResult:
    each = [
        ClassFigure(label=label, support=3, precision=None, recall=1.0, f1=0.5, roc_auc=1.0, pr_auc=0.9)
        for label in labels
    ]
    figures = ClassFigures(
        task="multiclass", accuracy=0.9, balanced_accuracy=0.875, log_loss=0.25, brier=0.1, f1=None, roc_auc=1.0,
        pr_auc=0.9, classes=each, confusion_matrix=[[2, 1, 0], [0, 3, 0], [0, 0, 3]], calibration=CALIBRATION,
        curves=[Curves(label=label, roc=ROC, precision_recall=None) for label in labels], curve_rows=9,
    )  # fmt: skip
    worst = WorstRow(row=1_234, loss=2.5, target=labels[0], predicted=labels[1], probability=0.08)
    return EvaluationResult(rows=9, figures=figures, worst_rows=[worst])


def page(call: Caller, job: dict[str, Any], form: str = "html") -> str:
    return call("GET", f"/v1/jobs/{job['id']}/card?format={form}").get_data(as_text=True)


@pytest.fixture
def evaluated(database: Database, job: dict[str, Any]) -> dict[str, Any]:
    evaluate(database, job, classes("setosa", "versicolor", "virginica"))
    return job


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_card_has_everything_that_a_stranger_asks_for(call: Caller, evaluated: dict[str, Any], form: str) -> None:
    job, dataset = evaluated, call.json("GET", f"/v1/datasets/{evaluated['dataset']}")
    written = page(call, job, form)
    told = [
        *("first", job["id"], "species", "setosa, versicolor, virginica"),
        *("flowers", dataset["sha256"], "colour", "stratified", job["lineage"]["split_sha256"]),
        *("8 relu", "adam, learning rate 0.001", "6 of 6 at most"),
        *("90.0 %", "87.5 %", "1,234", "held-out test rows"),
        *("Limits", "Wilson", "one split", "fairness"),
        *(job["environment"]["numpy"], job["environment"]["blas"].split()[0], job["environment"]["device"].split()[0]),
        *(job["lineage"]["spec_sha256"], job["lineage"]["code_sha256"]),
        *("steepest datasets upload data.csv", "--spec job.json --follow", "sha256sum --check"),
    ]
    assert [words for words in told if words not in written] == []


def test_the_pictures_are_in_the_page(call: Caller, evaluated: dict[str, Any]) -> None:
    written = page(call, evaluated)
    assert re.findall(r'<svg [^>]*class="picture ([\w-]+)"', written) == [
        "confusion",
        "roc",
        "reliability",
        "loss-curve",
    ]
    assert "<script" not in written
    assert not re.search(r'(src|href)="', written)
    assert page(call, evaluated, "md").count("data:image/svg+xml;base64,") == 4


def test_a_worker_leaves_all_that_a_card_shows(call: Caller, job: dict[str, Any]) -> None:
    figures = call.json("GET", f"/v1/jobs/{job['id']}/evaluations/held_out")["result"]["figures"]
    written = page(call, job)
    drawn = re.findall(r'class="picture ([\w-]+)"', written)
    assert drawn == ["confusion", "roc", "reliability", "loss-curve"]
    assert f"{100 * figures['balanced_accuracy']:.1f} %" in written


def test_a_card_without_an_evaluation_has_the_jobs_own_figures(
    call: Caller, database: Database, job: dict[str, Any]
) -> None:
    with database.write() as session:
        session.execute(delete(ComputationRow).where(*held_out(job)))
    written = page(call, job)
    assert re.findall(r'class="picture ([\w-]+)"', written) == ["loss-curve"]
    assert "held-out" not in written


def test_regression(call: Caller, workshop: Workshop, database: Database, dataset: str) -> None:
    job = call.submit(dataset, target="length", epochs=2)
    workshop.train(job["id"])
    quantiles = {"0": -3.0, "0.05": -2.0, "0.25": -1.0, "0.5": 0.25, "0.75": 1.0, "0.95": 2.0, "1": 3.0}
    column = ValueFigure(
        column="length", mean_squared_error=4.0, root_mean_squared_error=2.0, mean_absolute_error=1.5, r2=0.125,
        residual_quantiles=quantiles,
    )  # fmt: skip
    figures = ValueFigures(
        task="regression", mean_squared_error=4.0, root_mean_squared_error=2.0, mean_absolute_error=1.5, r2=0.125,
        columns=[column], quantile_rows=9,
    )  # fmt: skip
    worst = [WorstRow(row=3, loss=9.0, target=5.5, predicted=-1.25)]
    evaluate(database, job, EvaluationResult(rows=9, figures=figures, worst_rows=worst))
    written = page(call, job)
    assert re.findall(r'class="picture ([\w-]+)"', written) == ["residuals", "loss-curve"]
    for words in ("test R2", "-2 to 2", "0.125", "-1.25", "standardize; the target standardize"):
        assert words in written
    assert "accuracy" not in written


def test_multilabel(call: Caller, workshop: Workshop, database: Database) -> None:
    rows = "".join(f"{index},{index % 2},{index % 3 // 2}\n" for index in range(40))
    dataset = call.upload(f"x,water,fire\n{rows}".encode())
    workshop.ingest(dataset)
    job = call.submit(dataset, target=["water", "fire"], epochs=2)
    workshop.train(job["id"])
    label = LabelFigure(
        label="water", support=3, accuracy=0.75, precision=0.5, recall=0.25, f1=0.5, log_loss=0.5, brier=0.25,
        roc_auc=None, pr_auc=None, confusion_matrix=[[1, 2], [3, 4]], calibration=CALIBRATION,
    )  # fmt: skip
    figures = LabelFigures(
        task="multilabel", accuracy=0.625, log_loss=0.5, brier=0.25, f1=0.5, roc_auc=None, pr_auc=None, labels=[label],
        curves=[Curves(label="water", roc=ROC, precision_recall=None)], curve_rows=6,
    )  # fmt: skip
    worst = [WorstRow(row=3, loss=9.0, target=["water"], predicted=[])]
    evaluate(database, job, EvaluationResult(rows=6, figures=figures, worst_rows=worst))
    written = page(call, job)
    assert re.findall(r'class="picture ([\w-]+)"', written) == ["roc", "loss-curve"]
    for words in ("62.5 %", "no label", "“water”, “fire”"):
        assert words in written


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        (None, "text/html"),
        ("*/*", "text/html"),
        ("application/json", "text/html"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("text/markdown", "text/markdown"),
        ("text/plain, text/html;q=0.5", "text/markdown"),
    ],
)
def test_accept_chooses_and_format_overrules_it(
    call: Caller, job: dict[str, Any], accept: str | None, mimetype: str
) -> None:
    path, headers = f"/v1/jobs/{job['id']}/card", {"Accept": accept} if accept else {}
    answer = call("GET", path, headers=headers)
    assert (answer.mimetype, answer.headers["Vary"]) == (mimetype, "Accept")
    assert call("GET", f"{path}?format=md", headers=headers).mimetype == "text/markdown"
    assert call("GET", f"{path}?format=html", headers=headers).mimetype == "text/html"


def test_a_card_is_asked_for_again_cheaply(call: Caller, job: dict[str, Any]) -> None:
    path = f"/v1/jobs/{job['id']}/card"
    answer = call("GET", path)
    assert call("GET", path, 304, headers={"If-None-Match": answer.headers["ETag"]}).get_data() == b""
    assert call("GET", f"{path}?format=md").headers["ETag"] != answer.headers["ETag"]
    call("GET", path, 412, headers={"If-Match": '"other"'})
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "script-src" not in answer.headers["Content-Security-Policy"]


def test_only_a_job_that_succeeded_has_a_card(
    call: Caller, stranger: Caller, job: dict[str, Any], dataset: str
) -> None:
    waiting = call.submit(dataset)
    refused = call.json("GET", f"/v1/jobs/{waiting['id']}/card", 409)
    assert "queued" in refused["detail"]
    stranger("GET", f"/v1/jobs/{job['id']}/card", 404)
    assert call.pointers("GET", f"/v1/jobs/{job['id']}/card?format=pdf") == ["/query/format"]


def test_a_card_outlives_its_data_set(call: Caller, evaluated: dict[str, Any]) -> None:
    call("DELETE", f"/v1/datasets/{evaluated['dataset']}", 204)
    for form in ("html", "md"):
        written = page(call, evaluated, form)
        assert "has been deleted" in written
        assert evaluated["lineage"]["dataset_sha256"] in written
        assert "/content" not in written


@pytest.mark.parametrize("form", ["html", "md"])
def test_names_cannot_become_markup(call: Caller, workshop: Workshop, database: Database, form: str) -> None:
    quoted = STRANGE.replace('"', '""')
    rows = "".join(f'{index},{index % 7},"{quoted}{index % 3}"\n' for index in range(60))
    dataset = call.upload(f'"{quoted}",b,"{quoted}!"\n{rows}'.encode(), "?name=%3Cimg%20src=x%3E")
    workshop.ingest(dataset)
    job = call.submit(dataset, target=f"{STRANGE}!", epochs=1, name=STRANGE)
    workshop.train(job["id"])
    evaluate(database, job, classes(*(f"{STRANGE}{number}" for number in range(3))))
    written = page(call, job, form)
    if form == "html":
        assert "<script" not in written
        assert "<img" not in written
    else:
        outside = re.sub(r"(?ms)^(`{3,}).*?^\1$|(`+)(?!`).*?(?<!`)\2(?!`)", "", written)
        assert "<script" not in outside.replace("\\<", "")
        assert "<img" not in outside.replace("\\<", "")


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"target": "length", "loss": {"name": "huber"}, "schedule": {"name": "plateau"}},
        {"layers": [{"units": 3, "dropout": 0.5, "batch_norm": True}], "optimizer": {"name": "nesterov"}},
        {"early_stopping": None, "split": {"validation": 0.0, "test": 0.0}, "features": ["width"]},
        {"loss": {"class_weight": {"setosa": 2.0, "versicolor": 1.0, "virginica": 1.0}}},
        {"optimizer": {"name": "lbfgs"}, "regularization": {"l2": 0.01}, "batch_size": "full", "epochs": 3},
        {"metadata": {"k": "it's"}, "name": "it's"},
    ],
)
def test_the_job_in_a_card_is_the_very_job(
    call: Caller, workshop: Workshop, dataset: str, fields: dict[str, Any]
) -> None:
    made = call.submit(dataset, **{"epochs": 2, **fields})
    workshop.train(made["id"])
    found = re.search(r"^cat > job\.json <<'JSON'\n(.*?)\nJSON$", page(call, made, "md"), re.DOTALL | re.MULTILINE)
    assert found
    body = json.loads(found[1])
    again = call.json("POST", "/v1/jobs", 200, json={**body, "reuse": True})
    assert again["id"] == made["id"]
    assert "name" not in body


@pytest.mark.parametrize(
    ("content", "query", "change", "commands"),
    [
        (
            b"a,b,y\n", "", {},
            ["--delimiter , --encoding utf-8 --header",
             'steepest train "$dataset" --spec job.json --follow'],
        ),
        (
            b"5\t9\t2\n", "&header=true&delimiter=tab", {},
            ["--delimiter tab --encoding utf-8 --header",
             'steepest train "$dataset" --spec job.json --follow'],
        ),
        (
            b"a;b;y\n", "", {"a": {"kind": "categorical"}},
            ["--delimiter ';' --encoding utf-8 --header",
             'steepest datasets update "$dataset" --kind a=categorical',
             'steepest train "$dataset" --spec job.json --follow'],
        ),
        (
            b"", "&header=false&encoding=latin-1", {},
            ["--delimiter , --encoding iso8859-1 --no-header",
             'steepest train "$dataset" --spec job.json --follow'],
        ),
    ],
)  # fmt: skip
def test_how_a_file_was_read_is_in_the_commands(
    call: Caller, workshop: Workshop, content: bytes, query: str, change: dict[str, Any], commands: list[str]
) -> None:
    mark = b";" if b";" in content else b"\t" if "tab" in query else b","
    rows = b"".join(mark.join(b"%d" % number for number in (row, row % 4, row % 2)) + b"\n" for row in range(30))
    dataset = call.upload(content + rows, f"?name=n{query}")
    workshop.ingest(dataset)
    if change:
        call("PATCH", f"/v1/datasets/{dataset}", json={"columns": change})
        workshop.ingest(dataset)
    found = call.json("GET", f"/v1/datasets/{dataset}")
    made = call.submit(dataset, target=found["columns"][-1]["name"], epochs=1)
    workshop.train(made["id"])
    *_, last = re.findall(r"^```sh\n(.*?)^```$", page(call, made, "md"), re.DOTALL | re.MULTILINE)
    upload, *further = last.splitlines()
    read = re.findall(r"^dataset=.\(steepest datasets upload data.[ct]sv (.*) --json . python3 -c '", upload)
    assert read == commands[:1]
    assert further == commands[1:]


def test_columns_that_were_read_again_are_said_to_be_others(
    call: Caller, workshop: Workshop, job: dict[str, Any]
) -> None:
    told = ("read again", "not as it was read for this job")
    path = f"/v1/datasets/{job['dataset']}"
    call("PATCH", path, json={"columns": {"width": {"role": "ignored"}}})
    assert not any(words in page(call, job) for words in told)
    call("PATCH", path, json={"columns": {"length": {"kind": "categorical"}}})
    workshop.ingest(job["dataset"])
    written = page(call, job)
    assert [words for words in told if words not in written] == []
    call("PATCH", path, json={"columns": {"length": {"kind": None}}})
    workshop.ingest(job["dataset"])
    assert not any(words in page(call, job) for words in told)


def test_a_pair_of_files_is_fetched_and_sent_as_a_pair(call: Caller, workshop: Workshop) -> None:
    files = {}
    for name, array in (("features", np.arange(60.0).reshape(30, 2)), ("labels", np.arange(30) % 2)):
        np.save(file := io.BytesIO(), array)
        files[name] = file.getvalue()
    form = {name: (io.BytesIO(content), f"{name}.npy") for name, content in files.items()}
    dataset = call.json("POST", "/v1/datasets", 201, data=form, content_type="multipart/form-data")["id"]
    workshop.ingest(dataset)
    made = call.submit(dataset, target="y", epochs=1)
    workshop.train(made["id"])
    written = page(call, made, "md")
    assert "steepest datasets upload features.npy --labels labels.npy --json" in written
    for name, content in files.items():
        assert f'/v1/datasets/{dataset}/content?part={name}" -o {name}.npy' in written
        assert call("GET", f"/v1/datasets/{dataset}/content?part={name}").get_data() == content
    joined = hashlib.sha256(b"".join(files.values())).hexdigest()
    assert f"cat features.npy labels.npy | sha256sum --check <(echo '{joined}  -')" in written


@pytest.mark.parametrize(
    ("preprocess", "told"),
    [
        ({}, ["A missing label, which “colour” had, counts as none", "A label that it has not met tells it nothing"]),
        ({"categorical": "hashing"}, ["Labels share inputs by their hash", "A missing label, which “colour” had"]),
        (
            {"categorical": "ordinal", "missing": "constant", "missing_value": 7.0},
            ["Missing values, which “colour” had, are filled in by 7", "is treated as missing"],
        ),
        ({"categorical": "ordinal", "missing": "median"}, ["filled in by the median of the training rows"]),
    ],
)
def test_the_limits_say_what_is_made_of_what_is_missing_or_new(
    call: Caller, workshop: Workshop, dataset: str, preprocess: dict[str, Any], told: list[str]
) -> None:
    made = call.submit(dataset, epochs=1, preprocess=preprocess)
    workshop.train(made["id"])
    written = page(call, made)
    assert [words for words in told if words not in written] == []
    assert "Beyond the ranges of its columns" in written
