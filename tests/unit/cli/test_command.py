import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from steepest.cli import main
from steepest.cli.service import Service
from steepest.client import Retries
from steepest.spec.errors import Conflict, FieldProblem, InternalError, ValidationFailed
from tests.unit.client.fake import DATASET, JOB, KEY, FakeService, problem


def run(service: FakeService, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, obj=Service(key=KEY, transport=service.transport))


def clean(text: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in text)


COMMANDS = [
    [],
    ["train"],
    ["follow"],
    ["pause"],
    ["resume"],
    ["retry"],
    ["cancel"],
    ["weights"],
    ["card"],
    ["evaluate"],
    ["predict"],
    *[["jobs", *command] for command in ([], ["list"], ["show"], ["epochs"], ["events"], ["delete"])],
    *[["datasets", *command] for command in ([], ["upload"], ["list"], ["show"], ["update"], ["delete"])],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_fits_a_window_and_names_the_common_options(command: list[str]) -> None:
    shown = CliRunner().invoke(main, [*command, "--help"], prog_name="steepest")
    assert shown.exit_code == 0
    assert max(len(line) for line in shown.output.splitlines()) <= 80
    assert all(option in shown.output for option in ("--url", "--key", "--json"))


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from steepest.cli import main; main(['train', '--help'], standalone_mode=False);"
        "heavy = {'numpy', 'httpx', 'pydantic', 'rich', 'pyarrow'};"
        "print(*heavy.intersection(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == ""


def test_the_version_is_the_packages() -> None:
    assert "0.1.0" in CliRunner().invoke(main, ["--version"]).output


def test_options_count_before_and_after_the_command() -> None:
    for arguments in (
        ["--key", "mine", "--json", "jobs", "show", JOB],
        ["jobs", "show", JOB, "--json", "--key", "mine"],
    ):
        service = FakeService()
        shown = run(service, *arguments)
        assert json.loads(shown.output)["id"] == JOB
        assert service.requests[0].headers["Authorization"] == "Bearer mine"


def test_an_address_is_used_and_shown_in_what_to_type_next() -> None:
    service = FakeService()
    shown = run(service, "train", DATASET, "--target", "species", "--url", "http://localhost:9009")
    assert service.requests[0].url.port == 9009
    assert f"steepest follow {JOB} --url http://localhost:9009" in shown.output


def test_an_error_is_a_line_on_stderr() -> None:
    service = FakeService()
    service.faults = [problem(Conflict("the job is running; cancel it first"))]
    shown = run(service, "jobs", "delete", JOB)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert shown.stderr == "Error: the job is running; cancel it first\n"


def test_all_wrong_fields_are_listed_with_their_place() -> None:
    wrong = [FieldProblem(pointer="/a", detail="is wrong"), FieldProblem(pointer="/b/0", detail="is worse")]
    service = FakeService()
    service.faults = [problem(ValidationFailed("/a: is wrong (and 1 more)", problems=wrong))]
    shown = run(service, "train", DATASET, "--target", "species")
    assert shown.exit_code == 1
    assert shown.stderr.splitlines()[1:] == ["  /a: is wrong", "  /b/0: is worse"]


def test_the_servers_fault_comes_with_the_request_to_look_for() -> None:
    service = FakeService()
    service.faults = [problem(InternalError("an unexpected error"))]
    assert "request req_7" in run(service, "jobs").stderr


def test_errors_are_problem_documents_for_programs() -> None:
    service = FakeService()
    service.faults = [problem(Conflict("not now"))]
    shown = run(service, "jobs", "--json")
    found = json.loads(shown.stderr)
    assert (found["status"], found["code"], found["request_id"]) == (409, "conflict", "req_7")


def test_nothing_listening_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steepest.client.client.Retries", lambda: Retries(attempts=1))

    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Connection refused")

    shown = CliRunner().invoke(main, ["jobs"], obj=Service("http://127.0.0.1:1", transport=httpx.MockTransport(refuse)))
    assert shown.exit_code == 1
    assert "http://127.0.0.1:1" in shown.stderr
    assert "make up" in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["jobs", "show", "../x"], "is no id"),
        (["jobs", "--url", "localhost:8000"], "looks like http://127.0.0.1:8000"),
        (["weights", JOB, "-o", "model.txt"], "names no format"),
        (["card", JOB, "-o", "card.pdf"], "names no format"),
    ],
)
def test_mistakes_that_the_client_finds_are_a_line_too(arguments: list[str], said: str) -> None:
    shown = run(FakeService(), *arguments)
    assert shown.exit_code == 1
    assert said in shown.stderr
    assert len(shown.stderr.splitlines()) == 1


def test_what_nobody_thought_of_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise RuntimeError("a bug")

    service = FakeService()
    service.faults = [broken, broken]
    shown = run(service, "jobs")
    assert shown.exit_code == 1
    assert "RuntimeError: a bug" in shown.stderr
    assert "Traceback" not in shown.stderr
    monkeypatch.setenv("STEEPEST_DEBUG", "1")
    assert "Traceback" in run(service, "jobs").stderr


def test_an_interrupt_is_130() -> None:
    service = FakeService()

    def interrupted(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    service.faults = [interrupted]
    shown = run(service, "jobs")
    assert (shown.exit_code, shown.stderr) == (130, "Interrupted.\n")


def test_names_cannot_command_the_terminal() -> None:
    service = FakeService()
    service.spec["name"] = "\x1b[2Jgone\x07"
    for command in (["jobs"], ["jobs", "show", JOB]):
        shown = run(service, *command)
        assert "gone" in shown.output
        assert clean(shown.output)


def test_jobs_are_listed_and_limited() -> None:
    service = FakeService()
    service.ids = [f"job_{number}" for number in range(30)]
    shown = run(service, "jobs").stdout.splitlines()
    assert shown[0].split() == ["ID", "STATUS", "RESULT", "AGE", "NAME"]
    assert len(shown) == 21
    assert len(run(service, "jobs", "list", "--limit", "3").stdout.splitlines()) == 4
    found = json.loads(run(service, "jobs", "list", "--limit", "3", "--json").stdout)
    assert [job["id"] for job in found] == ["job_0", "job_1", "job_2"]
    run(service, "jobs", "list", "--status", "failed", "--dataset", DATASET, "--name", "n")
    assert {"status": "failed", "dataset": DATASET, "name": "n"}.items() <= dict(
        service.requests[-1].url.params
    ).items()


def test_no_jobs_yet_says_how_to_get_one() -> None:
    service = FakeService()
    service.ids = []
    shown = run(service, "jobs")
    assert shown.exit_code == 0
    assert "steepest train" in shown.stderr


def test_a_job_is_shown_with_what_it_trains_and_what_came_of_it() -> None:
    service = FakeService(epochs=1)
    service.status, service.epoch = "succeeded", 1
    shown = run(service, "jobs", "show", JOB).stdout
    for part in (
        "64 relu, softmax output",
        "categorical_crossentropy",
        "adam, learning rate 0.001",
        "1 of 1",
        "96.5 %",
    ):
        assert part in shown
    assert clean(shown)


def test_histories_are_tables() -> None:
    service = FakeService(epochs=2)
    service.status, service.epoch = "succeeded", 2
    epochs = run(service, "jobs", "epochs", JOB).stdout.splitlines()
    assert epochs[2].split() == ["2", "0.5000", "1.0000", "90.0", "%", "80.0", "%"]
    assert "job.running" in run(service, "jobs", "events", JOB).stdout
    service.regression = True
    assert "VALIDATION R2" in run(service, "jobs", "epochs", JOB).stdout


def test_pause_resume_and_retry_say_what_happens() -> None:
    service = FakeService()
    assert run(service, "pause", JOB).stdout == f"{JOB} is paused.\n"
    assert run(service, "resume", JOB).stdout == f"{JOB} is queued.\n"
    service.status = "running"
    assert run(service, "pause", JOB).stdout == f"{JOB} stops within a second.\n"
    assert "is pausing" in run(service, "retry", JOB).stderr
    service.status = "failed"
    assert run(service, "retry", JOB).stdout == f"{JOB} is queued.\n"


def test_cancel_says_what_happens() -> None:
    service = FakeService()
    assert run(service, "cancel", JOB).stdout == f"{JOB} is cancelled.\n"
    service.status = "running"
    assert run(service, "cancel", JOB).stdout == f"{JOB} stops within a second.\n"
    assert "is cancelling" in run(service, "cancel", JOB).stderr


def test_data_sets_are_listed_shown_and_deleted() -> None:
    service = FakeService()
    assert DATASET in run(service, "datasets").stdout
    shown = run(service, "datasets", "show", DATASET).stdout
    assert "species  categorical" in shown
    assert "4.6 kB" in shown
    assert run(service, "datasets", "delete", DATASET).stdout == f"{DATASET} is deleted.\n"


def test_a_file_is_uploaded_and_named(tmp_path: Path) -> None:
    file = tmp_path / "flowers.csv"
    file.write_text("x0,species\n1,a\n")
    service = FakeService()
    shown = run(service, "datasets", "upload", str(file), "--name", "mine")
    assert shown.exit_code == 0
    assert shown.stdout.startswith(DATASET)
    assert shown.stderr == ""
    assert service.requests[0].url.params["name"] == "mine"


def test_a_file_that_cannot_be_read_fails_with_lines_and_columns(tmp_path: Path) -> None:
    file = tmp_path / "flowers.csv"
    file.write_text("x0,species\n1,a\n")
    service = FakeService()
    broken = service.dataset("failed") | {
        "error": {
            "type": "t", "title": "The data cannot be used", "status": 422, "code": "data_unusable", "fault": "user",
            "detail": "2 lines are wrong",
            "errors": [{"pointer": f"/rows/{line}/x0", "detail": "'?' is no number"} for line in (17, 18)],
        }
    }  # fmt: skip
    service.faults = [lambda request: service.route(request), httpx.Response(200, json=broken)]
    shown = run(service, "datasets", "upload", str(file))
    assert shown.exit_code == 1
    assert "flowers.csv" in shown.stderr
    assert "/rows/18/x0: '?' is no number" in shown.stderr


def test_columns_are_shown_with_what_is_known_of_them() -> None:
    service = FakeService()
    numbers = {"deviation": 1.25, "quantiles": {"0.5": 3.5}, "distinct": 12_000, "distinct_exact": False}
    day = 86_400_000.0
    moments = {
        "name": "when", "kind": "datetime", "role": "ignored", "count": 2, "missing": 148, "distinct": 2,
        "min": 0.0, "max": day, "mean": day / 2, "deviation": day / 2, "quantiles": {"0.5": day / 2},
    }  # fmt: skip
    service.columns = [{**service.dataset("ready")["columns"][0], **numbers}, moments]
    lines = run(service, "datasets", "show", DATASET).stdout.splitlines()
    header, first, second = (line.split() for line in lines[-3:])
    assert " ".join(header) == "COLUMN KIND ROLE MISSING DISTINCT MIN MEDIAN MEAN DEVIATION MAX"
    assert first == ["x0", "numeric", "feature", "0", "~", "12,000", "0.1", "3.5", "3.7", "1.25", "7.9"]
    assert " ".join(second) == (
        "when datetime ignored 148 2 1970-01-01 00:00 1970-01-01 12:00 1970-01-01 12:00 12 h 1970-01-02 00:00"
    )


def test_an_update_says_what_columns_are() -> None:
    service = FakeService()
    arguments = ["--name", "new", "--kind", "x0=categorical", "--kind", "a=b=auto", "--role", "x0=target"]
    shown = run(service, "datasets", "update", DATASET, *arguments)
    assert shown.exit_code == 0, shown.output
    assert json.loads(service.requests[0].content) == {
        "name": "new",
        "columns": {"x0": {"kind": "categorical", "role": "target"}, "a=b": {"kind": None}},
    }


@pytest.mark.parametrize("arguments", [[], ["--kind", "x0"], ["--role", "=target"]])
def test_an_update_of_nothing_is_a_wrong_call(arguments: list[str]) -> None:
    service = FakeService()
    assert run(service, "datasets", "update", DATASET, *arguments).exit_code == 2
    assert service.requests == []
