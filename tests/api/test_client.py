"""The SDK against the real service in process: what one says, the other understands."""

import gzip
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apiflask import APIFlask
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from steepest.cli import main
from steepest.cli.service import Service
from steepest.client import Client, Retries
from steepest.spec.answers import Dataset, Job
from steepest.spec.errors import Conflict, InvalidRequest, NotFound, RequestTooLarge, Unauthenticated, ValidationFailed
from steepest.spec.figures import ClassFigures
from steepest.spec.predictions import ClassPrediction
from steepest.spec.states import DatasetState, JobState
from tests.api.conftest import MakeKey
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop
from tests.unit.data.formats.samples import idx

URL = "http://127.0.0.1"


@pytest.fixture
def work(workshop: Workshop, queue: RecordingQueue) -> Callable[[float], None]:
    """What a worker does while the client sleeps: everything that was announced."""

    acts = {"job": workshop.train, "ds": workshop.ingest, "cmp": workshop.compute}

    def work(_: float) -> None:
        while queue.announced:
            name = queue.announced.pop(0)
            acts[name.split("_")[0]](name)

    return work


@pytest.fixture
def client(app: APIFlask, make_key: MakeKey, work: Callable[[float], None]) -> Iterator[Client]:
    transport = httpx.WSGITransport(app)
    with Client(URL, make_key("read", "write"), transport=transport, retries=Retries(sleep=work)) as client:
        yield client


@pytest.fixture
def table(client: Client, flowers: bytes) -> Dataset:
    return client.datasets.wait(client.datasets.upload(BytesIO(flowers), name="flowers", content_type="text/csv"))


@pytest.fixture
def trained(client: Client, table: Dataset) -> Job:
    job = client.jobs.create(dataset=table, target="species", epochs=6, layers=[{"units": 8}], name="first")
    return client.jobs.wait(job)


def test_a_table_becomes_a_data_set_and_comes_back(client: Client, flowers: bytes, tmp_path: Path) -> None:
    file = tmp_path / "flowers.csv"
    file.write_bytes(flowers)
    uploaded = client.datasets.upload(file)
    assert (uploaded.status, uploaded.name) == (DatasetState.VALIDATING, "flowers.csv")
    ready = client.datasets.wait(uploaded)
    assert (ready.status, ready.rows) == (DatasetState.READY, 60)
    assert [column.name for column in ready.columns or ()] == ["length", "width", "colour", "species"]
    assert next(client.datasets.rows(ready))["colour"] == "blue"
    assert len(list(client.datasets.rows(ready, page_size=7))) == 60
    assert client.datasets.download(ready, tmp_path / "again.csv").read_bytes() == flowers
    assert client.datasets.update(ready, name="renamed").name == "renamed"
    assert [dataset.id for dataset in client.datasets.list()] == [ready.id]
    client.datasets.delete(ready)
    with pytest.raises(NotFound):
        client.datasets.get(ready)


def test_arrays_become_a_data_set(client: Client) -> None:
    file = BytesIO()
    np.savez(file, X=np.arange(24.0).reshape(12, 2), y=np.arange(12) % 2)
    file.seek(0)
    ready = client.datasets.wait(client.datasets.upload(file))
    assert (ready.format, ready.rows) == ("npz", 12)


def test_a_table_with_a_wrong_line_says_which(client: Client) -> None:
    failed = client.datasets.wait(client.datasets.upload(BytesIO(b"a,b\n1,2\n1,2,3\n"), content_type="text/csv"))
    assert failed.status is DatasetState.FAILED
    assert failed.error is not None
    assert "3" in failed.error.detail + "".join(problem.pointer for problem in failed.error.errors)


def test_what_is_no_table_is_refused_at_once(client: Client) -> None:
    with pytest.raises(InvalidRequest):
        client.datasets.upload(BytesIO(b""))
    with pytest.raises(RequestTooLarge):
        client.datasets.upload(BytesIO(b"a,b\n" + b"1,2\n" * (1 << 20)), content_type="text/csv")


def test_a_job_from_its_spec_to_its_predictions(client: Client, trained: Job, tmp_path: Path) -> None:
    assert trained.status is JobState.SUCCEEDED
    assert trained.result is not None
    assert [epoch.epoch for epoch in client.jobs.epochs(trained)] == [1, 2, 3, 4, 5, 6]
    assert [epoch.epoch for epoch in client.epochs.list(trained, after=4)] == [5, 6]
    numbers = [event.number for event in client.jobs.events(trained)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [event.number for event in client.events.list(trained, after=1)] == numbers[1:]
    kinds = {kind for checkpoint in client.checkpoints.list(trained) for kind in checkpoint.kinds}
    assert {"best", "last"} <= kinds
    found = client.predictions.create(trained, [{"length": 4.1, "width": 3.2, "colour": "red"}, [4.2, None, "blue"]])
    assert all(
        isinstance(one, ClassPrediction) and set(one.probabilities) == {"setosa", "versicolor", "virginica"}
        for one in found
    )
    assert client.weights.download(trained, tmp_path / "model.safetensors").stat().st_size > 0
    with np.load(client.weights.download(trained, tmp_path / "model.npz", checkpoint="last")) as arrays:
        assert arrays["layers.0.bias"].shape == (8,)


def test_a_job_knows_its_client(client: Client, table: Dataset) -> None:
    job = client.jobs.create(dataset=table, target="species", epochs=6, layers=[{"units": 8}], name="first").watch()
    assert (job.status, job.refresh()) == (JobState.SUCCEEDED, job)
    history = job.history()
    assert history.to_pandas()["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    assert history.to_polars().columns == history.to_arrow().column_names
    assert "test_r2" not in history.to_pandas().columns
    assert "Loss by epoch: first" in job.plot().svg
    assert job.lineage == client.jobs.create(job.spec, reuse=True).lineage


def test_arrays_and_tables_go_there_and_back(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = client.datasets.wait(client.datasets.upload((np.arange(24.0).reshape(12, 2), np.arange(12) % 2)))
    assert (pair.format, pair.rows) == ("npz", 12)
    monkeypatch.setattr("steepest.client.frames.find_spec", lambda name: None)  # as CSV
    frame = pd.DataFrame({"length": [4.5, None] * 6, "species": ["a", "b"] * 6})
    dataset = client.datasets.wait(client.datasets.upload(frame, name="frame"))
    assert (dataset.format, dataset.rows) == ("csv", 12)
    job = client.jobs.create(dataset=dataset, target="species", epochs=2).wait()
    features = frame.drop(columns="species")
    for rows in (features, pl.from_pandas(features), pa.Table.from_pandas(features, preserve_index=False)):
        assert len(client.predictions.create(job, rows)) == 12


def test_a_table_keeps_its_types_on_the_way(client: Client) -> None:
    columns = {
        "length": [4.5, None] * 6,
        "legs": [4, 2] * 6,
        "wild": [True, False] * 6,
        "seen": [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 13)],
        "species": ["a", "b"] * 6,
    }
    tables = (
        pd.DataFrame(columns),
        pl.DataFrame(columns),
        pa.table(columns),
        (pl.DataFrame(columns)[:, :4], columns["legs"]),
    )
    for table in tables:
        dataset = client.datasets.wait(client.datasets.upload(table))
        kinds = {column.name: column.kind for column in dataset.columns or ()}
        assert (dataset.format, dataset.rows, dataset.error) == ("parquet", 12, None)
        assert (kinds["length"], kinds["legs"], kinds["wild"], kinds["seen"]) == (
            "numeric", "integer", "boolean", "datetime",
        )  # fmt: skip
        assert client.datasets.upload(table).sha256 == dataset.sha256
    job = client.jobs.create(dataset=dataset, target="y", epochs=2).wait()
    assert len(client.predictions.create(job, pl.DataFrame(columns)[:, :4])) == 12


def test_a_card_is_saved_and_its_commands_train_it_again(
    client: Client, trained: Job, flowers: bytes, app: APIFlask, make_key: MakeKey, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, work: Callable[[float], None],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("steepest.client.client.Retries", lambda: Retries(sleep=work))
    client.jobs.card(trained, "card.html")
    card = client.jobs.get(trained).card(Path("card.md")).read_text("utf-8")
    assert Path("card.html").read_text("utf-8").startswith("<!doctype html>")
    assert client.jobs.card(trained, "card.txt", format="md").read_text("utf-8") == card
    with pytest.raises(ValueError, match=r"end it in \.html or \.md"):
        client.jobs.card(trained, "card.pdf")
    first, *others = re.findall(r"^```sh\n(.*?)^```$", card, re.DOTALL | re.MULTILINE)
    subprocess.run(["sh", "-c", first], check=True)
    Path("data.csv").write_bytes(flowers)
    subprocess.run(["bash", "-c", others[0].splitlines()[-1]], check=True)
    service = Service(URL, make_key("read", "write"), transport=httpx.WSGITransport(app))

    def command(line: str) -> str:
        with capture_logs():  # the service's own, which would land in the command's output
            shown = CliRunner().invoke(main, shlex.split(line)[1:], obj=service)
        assert shown.exit_code == 0, shown.output
        return shown.stdout

    upload, train = others[-1].splitlines()
    sent = re.fullmatch(r"dataset=\$\((steepest datasets upload .*) \| python3 -c '(.*)'\)", upload)
    assert sent is not None
    found = subprocess.run(
        [sys.executable, "-c", sent[2]], input=command(sent[1]), text=True, capture_output=True, check=True
    )
    command(train.replace("$dataset", found.stdout.strip()))
    again = next(client.jobs.list())
    assert again.id != trained.id
    assert again.lineage == trained.lineage
    assert again.result == trained.result


def test_a_job_is_evaluated_and_whole_data_sets_are_predicted(
    client: Client, trained: Job, table: Dataset, tmp_path: Path
) -> None:
    held_out = client.evaluations.held_out(trained)
    assert held_out.result is not None
    assert isinstance(held_out.result.figures, ClassFigures)
    assert held_out.result.figures.curves[0].roc is not None
    assert held_out.result.figures.curves[0].roc.thresholds[0] == float("inf")
    asked = client.evaluations.create(trained, table, permutation_importance=2, seed=1)
    assert not asked.is_terminal
    with pytest.raises(TimeoutError, match="queued"):
        client.evaluations.wait(asked, timeout=0)
    found = client.evaluations.wait(asked)
    assert found.result is not None
    assert found.result.rows == 60
    assert found.result.permutation_importance is not None
    assert [each.id for each in client.evaluations.list(trained)] == [found.id, "held_out"]
    assert client.evaluations.get(trained, found.id) == found
    predicted = client.predictions.wait(client.predictions.create_for_dataset(trained, table))
    assert list(client.predictions.list(trained)) == [predicted]
    assert client.predictions.get(trained, predicted.id) == predicted
    file = client.predictions.download(predicted, tmp_path / "predictions.parquet")
    assert pq.read_table(file).num_rows == 60
    with pytest.raises(NotFound):
        client.evaluations.get(trained, "cmp_" + "0" * 32)


def test_every_wrong_field_is_named_at_once(client: Client, table: Dataset) -> None:
    with pytest.raises(ValidationFailed) as caught:
        client.jobs.create(dataset=table, target="species", epochs=0, layers=[{"unit": 8}])
    assert {problem.pointer for problem in caught.value.problems} == {"/epochs", "/layers/0/unit"}
    assert caught.value.request_id
    assert list(client.jobs.list()) == []


def test_validation_creates_nothing(client: Client, table: Dataset) -> None:
    found = client.jobs.validate(dataset=table, target="species", layers=[])
    assert found.resolved_spec.task == "multiclass"
    assert found.parameters > 0
    assert list(client.jobs.list()) == []


def test_jobs_are_found_by_what_they_are(client: Client, table: Dataset) -> None:
    made = [
        client.jobs.create(dataset=table, target="species", name=f"n{index}", metadata={"team": f"t{index % 2}"})
        for index in range(5)
    ]
    assert [job.id for job in client.jobs.list(page_size=2)] == [job.id for job in reversed(made)]
    assert [job.id for job in client.jobs.list(name="n3", status="queued", dataset=table)] == [made[3].id]
    assert [job.id for job in client.jobs.list(metadata={"team": "t1"})] == [made[3].id, made[1].id]
    assert len(list(client.jobs.list(created_after=made[1].created_at))) == 3
    assert client.jobs.update(made[0], name="better", metadata={}).name == "better"


def test_cancel_and_delete(client: Client, table: Dataset, queue: RecordingQueue) -> None:
    job = client.jobs.create(dataset=table, target="species")
    with pytest.raises(Conflict):
        client.jobs.delete(job)
    assert client.jobs.cancel(job).status is JobState.CANCELLED
    client.jobs.delete(job)
    with pytest.raises(NotFound):
        client.jobs.get(job)


def test_a_repeated_create_is_one_job(app: APIFlask, make_key: MakeKey, client: Client, table: Dataset) -> None:
    class Forgetful(httpx.WSGITransport):
        """Loses the first answer to every create, after the service has given it."""

        lost = False

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if request.method == "POST" and not self.lost:
                self.lost = True
                raise httpx.ReadError("connection reset")
            return answer

    transport = Forgetful(app)
    twice = Client(URL, make_key("write"), transport=transport, retries=Retries(sleep=lambda _: None))
    job = twice.jobs.create(dataset=table, target="species")
    assert [found.id for found in client.jobs.list()] == [job.id]


def test_without_a_key_nothing_is_told_but_health(
    app: APIFlask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STEEPEST_HOME", str(tmp_path / "nowhere"))
    monkeypatch.delenv("STEEPEST_API_KEY", raising=False)
    client = Client(URL, transport=httpx.WSGITransport(app))
    assert client.health().ok
    with pytest.raises(Unauthenticated, match="STEEPEST_API_KEY"):
        client.account()


def test_the_account_shows_its_limits(client: Client) -> None:
    account = client.account()
    assert set(account.scopes) == {"read", "write"}
    assert account.limits["prediction_rows"] == 50
    assert set(account.keep.values()) == {None}


def test_the_command_goes_the_whole_way(
    client: Client, app: APIFlask, make_key: MakeKey, flowers: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    work: Callable[[float], None],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("steepest.client.client.Retries", lambda: Retries(sleep=work))
    Path("flowers.csv").write_bytes(flowers)
    service = Service(URL, make_key("read", "write"), transport=httpx.WSGITransport(app))

    def steepest(*arguments: str) -> Result:
        with capture_logs():  # the service's own, which would land in the command's output
            shown = CliRunner().invoke(main, arguments, obj=service)
        assert shown.exit_code == 0, shown.output
        return shown

    options = ("--layers", "8", "--epochs", "6", "--name", "by hand", "--follow")
    steepest("train", "flowers.csv", "--target", "species", *options)
    job = next(client.jobs.list())
    assert (job.name, job.status) == ("by hand", JobState.SUCCEEDED)
    assert "by hand" in steepest("jobs").stdout
    assert "8 relu" in steepest("jobs", "show", job.id).stdout
    assert len(steepest("jobs", "epochs", job.id).stdout.splitlines()) == 7
    assert "job.succeeded" in steepest("jobs", "events", job.id).stdout
    assert "colour" in steepest("datasets", "show", job.dataset).stdout
    steepest("card", job.id)
    assert Path(f"{job.id}.html").read_text("utf-8").startswith("<!doctype html>")
    steepest("weights", job.id, "-o", "model.npz")
    assert Path("model.npz").stat().st_size > 0
    steepest("weights", job.id, "--format", "py")
    assert "def predict(" in Path(f"{job.id}.py").read_text()
    Path("new.csv").write_text("length,width,colour,species\n4.1,3.2,red,setosa\n6.1,,blue,\n")
    assert len(steepest("predict", job.id, "new.csv").stdout.splitlines()) == 3
    assert "60 rows" in steepest("predict", job.id, job.dataset).stdout
    assert pq.read_table(f"{job.dataset}.parquet").num_rows == 60
    shown = steepest("evaluate", job.id).stdout
    assert all(words in shown for words in ("balanced accuracy", "versicolor", "Worst rows"))
    shown = steepest("evaluate", job.id, job.dataset, "--importance", "1").stdout
    assert all(words in shown for words in ("60 rows", "Drop of accuracy", "colour"))
    assert json.loads(steepest("evaluate", job.id, "--json").stdout)["result"]["figures"]["task"] == "multiclass"


def test_the_rows_of_each_part(client: Client, trained: Job, table: Dataset, tmp_path: Path) -> None:
    told = client.splits.get(trained)
    assert sorted(told.training + told.validation + told.test) == list(range(60))
    with np.load(client.splits.download(trained, tmp_path / "split.npz")) as archive:
        assert {name: archive[name].tolist() for name in archive.files} == told.model_dump(
            include={"training", "validation", "test"}
        )
    with pytest.raises(Conflict, match="have not been divided"):
        client.splits.get(client.jobs.create(dataset=table, target="species"))


def test_a_pair_of_idx_files_and_options_by_the_client_and_by_the_command(
    client: Client, app: APIFlask, make_key: MakeKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    work: Callable[[float], None],
) -> None:  # fmt: skip
    monkeypatch.setattr("steepest.client.client.Retries", lambda: Retries(sleep=work))
    service = Service(URL, make_key("read", "write"), transport=httpx.WSGITransport(app))

    def command(*arguments: str) -> Result:
        with capture_logs():  # the service's own, which would land in the command's output
            return CliRunner().invoke(main, arguments, obj=service)

    features, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte.gz"
    features.write_bytes(idx(np.arange(24, dtype=">u1").reshape(4, 3, 2)))
    labels.write_bytes(gzip.compress(idx(np.array([1, 0, 1, 0], ">u1"))))
    made = client.datasets.wait(client.datasets.upload(features, labels=labels))
    assert (made.status, made.image_shape, made.rows) == (DatasetState.READY, [3, 2], 4)
    assert made.options is not None
    assert made.options.parts == {"features": 40, "labels": labels.stat().st_size}
    result = command("datasets", "upload", str(features), "--labels", str(labels), "--name", "digits")
    assert result.exit_code == 0, result.output
    assert "digits: 4 rows, 7 columns" in result.stdout
    table = tmp_path / "table.txt"
    table.write_bytes("grün|1\nrot|2\n".encode("latin-1"))
    result = command("datasets", "upload", str(table), "--encoding", "latin-1", "--no-header", "--delimiter", "pipe")
    assert "2 rows, 2 columns" in result.stdout
