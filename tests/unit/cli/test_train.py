import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from steepest.cli import main
from steepest.cli.service import Service
from steepest.client import Retries
from steepest.spec.errors import Conflict, NotFound
from tests.unit.client.fake import DATASET, JOB, KEY, FakeService, problem


def run(service: FakeService, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, obj=Service(key=KEY, transport=service.transport))


def body(*arguments: str) -> Any:
    service = FakeService()
    shown = run(service, "train", *arguments)
    assert shown.exit_code == 0, shown.output
    return json.loads(next(request for request in service.requests if request.url.path == "/v1/jobs").content)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.client.client.Retries", lambda: Retries(sleep=lambda _: None))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flowers.csv"
    path.write_text("x0,species\n1,a\n")
    return path


def test_the_least_is_a_data_set_and_a_target() -> None:
    assert body(DATASET, "--target", "species") == {"dataset": DATASET, "target": "species"}


def test_several_targets_are_a_list() -> None:
    assert body(DATASET, "--target", "species", "--target", "x0")["target"] == ["species", "x0"]


def test_a_file_is_uploaded_first(file: Path) -> None:
    service = FakeService()
    shown = run(service, "train", str(file), "--target", "species")
    assert [(request.method, request.url.path) for request in service.requests] == [
        ("POST", "/v1/datasets"),
        ("GET", f"/v1/datasets/{DATASET}"),
        ("POST", "/v1/jobs"),
    ]
    assert service.uploads == [file.read_bytes()]
    assert shown.stdout == f"{JOB} is queued. Follow it: steepest follow {JOB}\n"


def test_options_become_fields() -> None:
    assert body(
        DATASET, "--target", "species", "--layers", "64,32", "--activation", "tanh", "--epochs", "7", "--seed", "3",
        "--batch-size", "16", "--optimizer", "momentum", "--learning-rate", "0.1", "--name", "mine",
    ) == {
        "dataset": DATASET, "target": "species", "epochs": 7, "seed": 3, "batch_size": 16, "name": "mine",
        "layers": [{"units": 64, "activation": "tanh"}, {"units": 32, "activation": "tanh"}],
        "optimizer": {"name": "momentum", "learning_rate": 0.1},
    }  # fmt: skip


def test_words_and_no_layers_at_all() -> None:
    sent = body(DATASET, "--target", "species", "--batch-size", "full", "--layers", "none", "--learning-rate", "1")
    assert (sent["batch_size"], sent["layers"], sent["optimizer"]) == ("full", [], {"learning_rate": 1.0})


def test_an_activation_alone_is_that_of_the_layers_there_are(tmp_path: Path) -> None:
    assert body(DATASET, "--target", "species", "--activation", "tanh")["layers"] == [{"activation": "tanh"}]


def test_any_field_can_be_set() -> None:
    settings = ["split.test=0.3", "early_stopping=null", "layers.0.units=8", "layers.1.units=4", "metadata.team=a=b"]
    sent = body(DATASET, "--target", "species", *(part for setting in settings for part in ("--set", setting)))
    assert sent["split"] == {"test": 0.3}
    assert sent["early_stopping"] is None
    assert sent["layers"] == [{"units": 8}, {"units": 4}]
    assert sent["metadata"] == {"team": "a=b"}


def test_a_spec_is_overruled_by_options_and_those_by_set(tmp_path: Path) -> None:
    spec = tmp_path / "job.json"
    spec.write_text(
        json.dumps({"dataset": DATASET, "target": "species", "epochs": 1, "seed": 1, "layers": [{"units": 2}]})
    )
    sent = body("--spec", str(spec), "--epochs", "2", "--seed", "2", "--set", "seed=3", "--activation", "tanh")
    assert sent == {
        "dataset": DATASET, "target": "species", "epochs": 2, "seed": 3, "layers": [{"units": 2, "activation": "tanh"}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("odd", "option", "said"),
    [
        ({"layers": [64]}, ["--activation", "tanh"], "/layers/0: must be an object"),
        ({"layers": None}, ["--activation", "tanh"], "/layers: must be a list"),
        ({"optimizer": "adam"}, ["--learning-rate", "0.1"], "/optimizer: must be an object"),
    ],
)
def test_options_leave_an_odd_spec_to_the_service(
    tmp_path: Path, odd: dict[str, Any], option: list[str], said: str
) -> None:
    spec = tmp_path / "job.json"
    spec.write_text(json.dumps({"dataset": DATASET, "target": "species"} | odd))
    shown = run(FakeService(), "train", "--spec", str(spec), *option)
    assert (shown.exit_code, said in shown.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "y"], "Missing argument 'SOURCE'"),
        (["nothing.csv", "--target", "y"], "neither a file nor the id of a data set"),
        ([DATASET, "--target", "y", "--layers", "64;32"], "should be numbers of units"),
        ([DATASET, "--target", "y", "--set", "epochs"], "should be PATH=VALUE"),
        ([DATASET, "--target", "y", "--set", "layers.5.units=1"], "no place in a list of 0"),
        ([DATASET, "--target", "y", "--set", "name.first=a", "--name", "n"], "has no field first"),
        ([DATASET, "--target", "y", "--epochs", "many"], "not a valid integer"),
    ],
)
def test_a_mistake_in_the_line_is_said_before_anything_is_sent(arguments: list[str], said: str) -> None:
    service = FakeService()
    shown = run(service, "train", *arguments)
    assert shown.exit_code == 2
    assert said in shown.stderr
    assert service.requests == []


@pytest.mark.parametrize(("content", "said"), [("{", "is no JSON"), ("[]", "should hold a JSON object")])
def test_a_spec_that_is_none(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "job.json").write_text(content)
    shown = run(FakeService(), "train", "--spec", str(tmp_path / "job.json"))
    assert shown.exit_code == 2
    assert said in shown.stderr


def test_a_wrong_spec_does_not_cost_an_upload(file: Path) -> None:
    service = FakeService()
    shown = run(service, "train", str(file), "--epochs", "0", "--optimizer", "adm")
    assert shown.exit_code == 1
    assert service.requests == []
    assert [line.split(":")[0].strip() for line in shown.stderr.splitlines()[1:]] == [
        "/optimizer/name",
        "/epochs",
        "/target",
    ]


def test_an_upload_is_not_lost_with_the_job(file: Path) -> None:
    shown = run(FakeService(), "train", str(file), "--target", "nothing")
    assert shown.exit_code == 1
    assert "/target: the data set has no such column" in shown.stderr
    assert f"{DATASET} stands for it" in shown.stderr


def test_validate_only_shows_the_spec_and_trains_nothing() -> None:
    service = FakeService()
    shown = run(service, "train", DATASET, "--target", "species", "--validate-only")
    assert json.loads(shown.stdout)["parameters"] == 451
    assert [request.url.params["validate_only"] for request in service.requests] == ["true"]


def test_following_without_a_terminal_is_plain_lines_and_figures(file: Path) -> None:
    shown = run(FakeService(epochs=100), "train", str(file), "--target", "species", "--follow")
    assert shown.exit_code == 0
    assert all(letter.isprintable() or letter == "\n" for letter in shown.output)
    lines = [line for line in shown.stderr.splitlines() if line.startswith("epoch")]
    assert lines[0] == "epoch 1 of 100: loss 1.0000, val 2.0000, acc 80.0 %"
    assert [line.split()[1] for line in lines] == ["1", *(str(epoch) for epoch in range(5, 101, 5))]
    assert "accuracy    99.0 %      95.0 %  96.5 %" in shown.stdout
    assert f"steepest weights {JOB} -o model.safetensors" in shown.stdout


def test_following_for_a_program_is_one_document() -> None:
    shown = run(FakeService(), "follow", JOB, "--json")
    assert json.loads(shown.stdout)["status"] == "succeeded"
    assert shown.stderr == ""


def test_a_failed_job_exits_1_with_its_error_and_remedy() -> None:
    shown = run(FakeService(ends="failed"), "follow", JOB)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr.splitlines()[-1] == (
        f"Error: {JOB} failed. Training diverged: the loss became NaN in epoch 2; try a smaller learning_rate"
    )


def test_a_cancelled_job_exits_1() -> None:
    shown = run(FakeService(ends="cancelled"), "follow", JOB)
    assert shown.exit_code == 1
    assert f"{JOB} was cancelled after 4 epochs." in shown.stderr


def test_an_interrupt_leaves_the_job_running_and_says_how_to_come_back() -> None:
    service = FakeService()

    def interrupted(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    service.faults = [service.route, service.route, interrupted]
    shown = run(service, "follow", JOB)
    assert shown.exit_code == 130
    assert f"  steepest follow {JOB}\n  steepest cancel {JOB}\n" in shown.stderr
    assert not any(request.url.path.endswith("/cancel") for request in service.requests)


def test_regression_is_followed_by_r2() -> None:
    shown = run(FakeService(regression=True), "follow", JOB)
    assert "R2 0.8" in shown.stderr
    assert "R2        0.99        0.95  0.9652" in shown.stdout


def test_weights_are_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    service = FakeService()
    service.status = "succeeded"
    assert run(service, "weights", JOB, "-o", "m.npz", "--checkpoint", "last").stdout == "m.npz  10.2 kB\n"
    assert dict(service.requests[-1].url.params) == {"format": "npz", "checkpoint": "last"}
    assert json.loads(run(service, "weights", JOB, "--json").stdout) == {"path": f"{JOB}.safetensors", "bytes": 10240}


def test_weights_of_a_job_without_any() -> None:
    service = FakeService()
    service.faults = [problem(Conflict("the job is running; it has weights once it has succeeded"))]
    shown = run(service, "weights", JOB)
    assert (shown.exit_code, shown.stderr.count("\n")) == (1, 1)


@pytest.fixture
def rows(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, content: str) -> str:
        (tmp_path / name).write_text(content, encoding="utf-8-sig")
        return str(tmp_path / name)

    return write


def predicted(service: FakeService) -> Any:
    return json.loads(service.requests[-1].content)["rows"]


def test_a_table_is_read_as_its_data_set_says(rows: Callable[[str, str], str]) -> None:
    service = FakeService()
    file = rows("new.csv", 'x0,x1,species,extra\n1.5,,setosa,007\n"2",x,,b\n')
    shown = run(service, "predict", JOB, file)
    assert predicted(service) == [{"x0": 1.5, "x1": None, "extra": "007"}, {"x0": 2.0, "x1": "x", "extra": "b"}]
    assert shown.stdout == "label,setosa,virginica\nsetosa,0.9,0.1\nsetosa,0.9,0.1\n"


@pytest.mark.parametrize(
    ("prediction", "table"),
    [
        ({"labels": ["new", "red"], "probabilities": {"new": 0.75, "red": 0.5, "dear": 0.25}},
         'labels,new,red,dear\n"new, red",0.75,0.5,0.25\n'),
        ({"labels": [], "probabilities": {"new": 0.25}}, "labels,new\n,0.25\n"),
        ({"values": {"width": 1.5, "length": -2.0}}, "width,length\n1.5,-2.0\n"),
    ],
)  # fmt: skip
def test_several_targets_are_several_columns(
    rows: Callable[[str, str], str], prediction: dict[str, Any], table: str
) -> None:
    service = FakeService()
    service.prediction = prediction
    assert run(service, "predict", JOB, rows("a.json", "[[1, 2, 3]]")).stdout == table


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        ({"label": "a", "probabilities": {"a": 0.75, "b": 0.25}}, ["LABEL", "PROBABILITY", "a", "75.0", "%"]),
        ({"labels": ["new", "red"], "probabilities": {"new": 0.75, "red": 0.6}}, ["LABELS", "new,", "red"]),
        ({"value": 1.5}, ["VALUE", "1.5"]),
        ({"values": {"width": 1.5, "length": -2.0}}, ["width", "length", "1.5", "-2"]),
    ],
)
def test_a_person_sees_what_matters(
    rows: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, prediction: dict[str, Any], words: list[str]
) -> None:
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    service = FakeService()
    service.prediction = prediction
    shown = run(service, "predict", JOB, rows("a.json", "[[1, 2, 3]]")).stdout
    assert click.unstyle(shown).split() == words


def test_json_rows_go_as_they_are(rows: Callable[[str, str], str]) -> None:
    service = FakeService(regression=True)
    assert run(service, "predict", JOB, rows("a.json", "[[1, 2, 3], [4, null, 6]]")).stdout == "value\n1.5\n1.5\n"
    assert predicted(service) == [[1, 2, 3], [4, None, 6]]
    found = json.loads(run(service, "predict", JOB, rows("b.json", '{"rows": [{"x0": 1}]}'), "--json").stdout)
    assert found == {"object": "list", "data": [{"value": 1.5}]}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", "{", "is no JSON"),
        ("a.json", '{"row": []}', "holds no rows"),
        ("a.csv", "x0,x1\n1,2\n1\n", "line 3"),
        ("a.csv", "x0,x1\n1,2,3\n", "line 2"),
        ("a.csv", "x0,x1\n", "holds no rows"),
        ("a.csv", "x0\n" + "1" * 200_000, "a.csv is no CSV table"),
    ],
)
def test_files_without_good_rows(rows: Callable[[str, str], str], name: str, content: str, said: str) -> None:
    shown = run(FakeService(), "predict", JOB, rows(name, content))
    assert shown.exit_code == 1
    assert said in shown.stderr


def test_a_table_in_another_encoding_is_named(tmp_path: Path) -> None:
    file = tmp_path / "latin.csv"
    file.write_bytes(b"name\nJos\xe9\n")
    shown = run(FakeService(), "predict", JOB, str(file))
    assert shown.exit_code == 1
    assert "latin.csv is no CSV table in UTF-8" in shown.stderr


@pytest.mark.parametrize(("limit", "value"), [("BATCH", 2), ("BATCH_BYTES", 2 * len('{"x0": 1.0}'))])
def test_many_rows_are_several_requests(
    rows: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(f"steepest.cli.predict.{limit}", value)
    service = FakeService()
    shown = run(service, "predict", JOB, rows("a.csv", "x0\n" + "1\n" * 5))
    assert [len(json.loads(r.content)["rows"]) for r in service.requests if r.method == "POST"] == [2, 2, 1]
    assert len(shown.stdout.splitlines()) == 6


@pytest.mark.parametrize(
    ("cell", "sent"), [("007", "007"), ("-01", "-01"), ("0.5", 0.5), ("1_000", "1_000"), ("red", "red")]
)
def test_without_the_data_set_cells_are_what_they_look_like(
    rows: Callable[[str, str], str], cell: str, sent: float | str
) -> None:
    service = FakeService()
    service.faults = [service.route, problem(NotFound("there is no such data set"))]
    assert run(service, "predict", JOB, rows("a.csv", f"x0\n{cell}\n")).exit_code == 0
    assert predicted(service) == [{"x0": sent}]


def test_following_outlives_a_restart_of_the_service() -> None:
    service = FakeService(epochs=2)
    away = [httpx.ConnectError("refused")] * 6
    service.faults = [service.route, service.route, *away, *away]
    shown = run(service, "follow", JOB)
    assert shown.exit_code == 0
    assert "succeeded" in shown.stdout
