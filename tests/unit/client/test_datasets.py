import io
import json
from pathlib import Path
from typing import BinaryIO

import httpx
import pytest
from werkzeug.formparser import parse_form_data

from steepest.client import Client, Retries, Unreachable
from steepest.client.uploads import CHUNK, content_type_of
from steepest.spec.errors import Unavailable
from steepest.spec.states import DatasetState
from tests.unit.client.fake import DATASET, KEY, URL, WEIGHTS, FakeService, problem

TABLE = b"x0,x1,x2,species\n1,2,3,setosa\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "Iris.CSV"
    path.write_bytes(TABLE)
    return path


def test_a_path_is_sent_with_its_name_type_and_length(file: Path) -> None:
    service = FakeService()
    dataset = service.client().datasets.upload(file)
    assert (dataset.name, dataset.status) == ("Iris.CSV", DatasetState.VALIDATING)
    assert service.uploads == [TABLE]
    sent = service.requests[0].headers
    assert sent["Content-Type"] == "text/csv"
    assert sent["Content-Length"] == str(len(TABLE))
    assert "Transfer-Encoding" not in sent


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.npz", "application/x-npz"),
        ("a.csv", "text/csv"),
        ("a.dat", "application/octet-stream"),
        ("a", "application/octet-stream"),
    ],
)
def test_the_suffix_names_the_format(tmp_path: Path, name: str, content_type: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    service = FakeService()
    service.client().datasets.upload(tmp_path / name)
    service.client().datasets.upload(tmp_path / name, content_type="text/tab-separated-values", name="mine")
    assert service.requests[0].headers["Content-Type"] == content_type
    assert service.requests[1].headers["Content-Type"] == "text/tab-separated-values"
    assert service.requests[1].url.params["name"] == "mine"


def test_an_open_file_is_sent_from_where_it_stands_and_left_open(file: Path) -> None:
    service = FakeService()
    with file.open("rb") as opened:
        opened.readline()
        service.client().datasets.upload(opened)
        assert not opened.closed
    service.client().datasets.upload(io.BytesIO(TABLE))
    assert service.uploads == [TABLE.partition(b"\n")[2], TABLE]
    assert service.requests[0].url.params["name"] == "Iris.CSV"
    assert "name" not in service.requests[1].url.params


def test_a_broken_upload_starts_again_from_the_first_byte(file: Path) -> None:
    service = FakeService()
    service.faults = [httpx.WriteError("broken pipe"), problem(Unavailable("away"))]
    service.client().datasets.upload(file)
    assert [request.content for request in service.requests] == [TABLE] * 3
    assert len({request.headers["Idempotency-Key"] for request in service.requests}) == 1


class Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_a_pipe_is_sent_once_and_never_half(file: Path) -> None:
    service = FakeService()
    service.faults = [httpx.WriteError("broken pipe")]
    pipe: BinaryIO = Pipe(TABLE)
    with pytest.raises(Unreachable):
        service.client().datasets.upload(pipe, name="pipe")
    service.faults = [problem(Unavailable("away"))]
    with pytest.raises(Unavailable, match="away"):
        service.client().datasets.upload(Pipe(TABLE), name="pipe")
    service.client().datasets.upload(Pipe(TABLE), name="pipe")
    assert service.uploads == [TABLE]
    assert service.requests[-1].headers["Transfer-Encoding"] == "chunked"


def test_progress_counts_the_bytes_and_memory_holds_a_chunk(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    path.write_bytes(b"a" * (2 * CHUNK + 5))
    largest, seen = 0, list[tuple[int, int | None]]()

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal largest
        assert isinstance(request.stream, httpx.SyncByteStream)
        largest = max(len(chunk) for chunk in request.stream)
        return httpx.Response(201, json=FakeService().dataset("validating"))

    class Streaming(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return handle(request)

    client = Client(URL, KEY, transport=Streaming(), retries=Retries(attempts=1))
    client.datasets.upload(path, on_progress=lambda sent, total: seen.append((sent, total)))
    size = 2 * CHUNK + 5
    assert largest == CHUNK
    assert seen == [(0, size), (CHUNK, size), (2 * CHUNK, size), (size, size)]


def test_a_missing_file_is_pythons_own_error(tmp_path: Path) -> None:
    service = FakeService()
    with pytest.raises(FileNotFoundError):
        service.client().datasets.upload(tmp_path / "nothing.csv")
    assert service.requests == []


def test_waiting_ends_when_the_data_set_is_ready() -> None:
    service = FakeService()
    service.faults = [httpx.Response(200, json=service.dataset("validating"))] * 3
    found = service.client().datasets.wait(DATASET)
    assert (found.status, found.rows) == (DatasetState.READY, 150)
    assert len(service.requests) == 4


def test_waiting_has_an_end_of_its_own() -> None:
    service = FakeService()
    service.faults = [httpx.Response(200, json=service.dataset("validating"))]
    with pytest.raises(TimeoutError, match="still validating"):
        service.client().datasets.wait(DATASET, timeout=0)


def test_the_uploaded_bytes_come_back(tmp_path: Path) -> None:
    assert FakeService().client().datasets.download(DATASET, tmp_path / "again.csv").read_bytes() == WEIGHTS


def test_a_data_set_is_renamed() -> None:
    service = FakeService()
    service.client().datasets.update(DATASET, name="flowers")
    assert (service.requests[-1].method, service.requests[-1].content) == ("PATCH", b'{"name":"flowers"}')


def test_columns_are_sent_as_given() -> None:
    service = FakeService()
    service.client().datasets.update(DATASET, columns={"x0": {"kind": "categorical"}, "x1": {"role": None}})
    assert json.loads(service.requests[-1].content) == {
        "columns": {"x0": {"kind": "categorical"}, "x1": {"role": None}}
    }


def test_list_and_delete() -> None:
    service = FakeService()
    client = service.client()
    assert [dataset.id for dataset in client.datasets.list()] == [DATASET]
    client.datasets.delete(client.datasets.get(DATASET))
    assert service.requests[-1].method == "DELETE"
    assert service.requests[-1].url.path == f"/v1/datasets/{DATASET}"


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.TSV", "text/tab-separated-values"),
        ("a.csv.gz", "text/csv"),
        ("a.jsonl", "application/x-ndjson"),
        ("a.ndjson.zst", "application/x-ndjson"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.feather", "application/vnd.apache.arrow.file"),
        ("a.arrows", "application/vnd.apache.arrow.stream"),
        ("a.npy", "application/x-npy"),
        ("pets.zip", "application/zip"),
        ("train-images-idx3-ubyte.gz", "application/x-idx"),
        ("a.gz", "application/octet-stream"),
    ],
)
def test_names_tell_the_other_formats_too(name: str, content_type: str) -> None:
    assert content_type_of(name) == content_type


def test_two_files_that_belong_together_are_one_form(tmp_path: Path) -> None:
    features, labels = tmp_path / 'im"ages-ubyte', tmp_path / "labels.npy"
    features.write_bytes(b"\x00\r\n--x" * 400_000)
    labels.write_bytes(b"yy")
    service = FakeService()
    seen: list[tuple[int, int | None]] = []
    made = service.client().datasets.upload(
        features, labels=labels, on_progress=lambda sent, total: seen.append((sent, total))
    )
    assert made.name == 'im"ages-ubyte'
    sent = service.requests[0]
    assert sent.headers["Content-Length"] == str(len(sent.content))
    assert (seen[0][0], seen[-1][0], {total for _, total in seen}) == (0, len(sent.content), {len(sent.content)})
    form = parse_form_data(
        {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": sent.headers["Content-Type"],
            "CONTENT_LENGTH": sent.headers["Content-Length"],
            "wsgi.input": io.BytesIO(sent.content),
        }
    )[2]
    parts = {name: (part.filename, part.content_type, part.read()) for name, part in form.items()}
    for part in form.values():
        part.close()
    assert parts == {
        "features": ('im"ages-ubyte', "application/x-idx", features.read_bytes()),
        "labels": ("labels.npy", "application/x-npy", b"yy"),
    }


def test_a_pair_is_sent_again_from_its_first_byte(tmp_path: Path) -> None:
    service = FakeService()
    service.faults = [httpx.ReadError("gone"), problem(Unavailable("in a moment"))]
    service.client().datasets.upload(io.BytesIO(b"XX"), labels=io.BytesIO(b"yy"))
    bodies = [request.content for request in service.requests]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert b"\r\n\r\nXX\r\n--" in bodies[0]


def test_options_travel_in_the_query(file: Path) -> None:
    service = FakeService()
    service.client().datasets.upload(file, delimiter="tab", encoding="latin-1", header=False, image_size="28x28")
    params = dict(service.requests[0].url.params)
    assert params == {
        "name": "Iris.CSV",
        "delimiter": "tab",
        "encoding": "latin-1",
        "header": "false",
        "image_size": "28x28",
    }
