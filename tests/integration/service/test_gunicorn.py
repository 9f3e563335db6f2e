"""The API as gunicorn serves it: uploads in constant memory, bytes that are no HTTP, logs, and a stop."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.submission import examine
from steepest.spec.columns import Column
from steepest.spec.errors import Problem
from store import blobs, datasets, jobs, keys, migrate
from store.database import Database
from store.models import DEFAULT_ACCOUNT
from store.settings import Limits

CHECKOUT = Path(__file__).resolve().parents[3]
MIB = 1 << 20
needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")
COLUMNS = [
    Column(name="a", kind="numeric", count=40, missing=0, distinct=40, whole=True),
    Column(
        name="b",
        kind="categorical",
        count=40,
        missing=0,
        distinct=2,
        values=["no", "yes"],
        value_counts=[20, 20],
    ),
]


class Api:
    """A gunicorn with one worker."""

    def __init__(self, home: Path, database_url: str, key: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.key = key
        self.log = home / "api.log"
        environ = {name: value for name, value in os.environ.items() if not name.startswith("STEEPEST_")}
        environ |= {
            "STEEPEST_HOME": str(home),
            "STEEPEST_PORT": str(self.port),
            "STEEPEST_DATABASE_URL": database_url,
        }
        command = [sys.executable, "-m", "gunicorn", "-c", "python:service.gunicorn", "service.wsgi:app"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, env=environ, cwd=CHECKOUT, stdout=log, stderr=log)

    def ready(self) -> None:
        for _ in range(600):
            assert self.process.poll() is None, self.log.read_text()
            try:
                self.request("GET", "/healthz")
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(self.log.read_text())

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = {"Authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): text for name, text in headers.items()
        }
        connection.request(method, path, body=body, headers=sent, encode_chunked="Transfer-Encoding" in sent)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.headers), json.loads(content) if content else None

    @property
    def worker(self) -> int:
        """The process that answers."""
        listing = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        children = [line.split()[0] for line in listing.splitlines() if line.split()[1] == str(self.process.pid)]
        assert len(children) == 1
        return int(children[0])


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    url = f"sqlite:///{tmp_path_factory.mktemp('gunicorn') / 'steepest.db'}"
    migrate.upgrade(url)
    with Database(url) as opened:
        yield opened


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[Api]:
    with database.write() as session:
        key = keys.create(session, DEFAULT_ACCOUNT, ("read", "write"), "test")[1]
    started = Api(tmp_path_factory.mktemp("home"), database.url.render_as_string(hide_password=False), key)
    try:
        started.ready()
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def waiting_job(database: Database) -> str:
    """A job that nobody will train."""
    blob = blobs.write(database, DEFAULT_ACCOUNT, [b"a,b\n1,yes\n"])
    with database.write() as session:
        made = datasets.create(session, DEFAULT_ACCOUNT, blob.id, "data", "csv")
        claim = datasets.claim(session, made.id, "test", 60)
        assert claim is not None
        datasets.mark_ready(session, claim, 40, COLUMNS)
        submission = examine(session, DEFAULT_ACCOUNT, {"dataset": made.id, "target": "b"}, Limits())
        return jobs.submit(session, DEFAULT_ACCOUNT, submission.spec, submission.resolved).id


def of_process(pid: int, what: str) -> int:
    """A line of a process's status."""
    found = re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1])


def peak(pid: int) -> int:
    """The most memory that a process had at once, in bytes."""
    return of_process(pid, "VmHWM") * 1024


def threads(pid: int) -> int:
    """How many threads a process has."""
    return of_process(pid, "Threads")


@needs_proc
def test_an_upload_takes_no_memory_to_speak_of(api: Api) -> None:
    block = b"1.5,2.5,blue\n" * 80_000

    def pieces(count: int, before: bytes = b"a,b,c\n", after: bytes = b"") -> Iterator[bytes]:
        yield before
        yield from (block for _ in range(count))
        yield after

    csv = {"Content_Type": "text/csv", "Transfer_Encoding": "chunked"}
    multipart = {"Content_Type": "multipart/form-data; boundary=B", "Transfer_Encoding": "chunked"}
    form = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b,c\n'
    assert api.request("POST", "/v1/datasets", pieces(2), **csv)[0] == 201
    before = peak(api.worker)
    status, _, made = api.request("POST", "/v1/datasets", pieces(60), **csv)
    assert (status, made["bytes"]) == (201, 60 * len(block) + 6)
    body = pieces(61, form, b"\r\n--B--\r\n")
    status, _, made = api.request("POST", "/v1/datasets", body, **multipart)
    assert (status, made["bytes"]) == (201, 61 * len(block) + 6)
    assert peak(api.worker) - before < 24 * MIB


def test_bytes_that_are_no_http_get_a_problem_too(api: Api) -> None:
    with socket.create_connection(("127.0.0.1", api.port), timeout=30) as connection:
        connection.sendall(b"HELLO\r\n\r\n")
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in head
    assert Problem.model_validate_json(body).code == "invalid_request"


def test_every_request_is_one_line_of_json_without_secrets(api: Api) -> None:
    api.request("GET", "/v1/me", X_Request_Id="trace-7")
    for _ in range(200):
        lines = [json.loads(line) for line in api.log.read_text().splitlines()]
        if any(line.get("request_id") == "trace-7" for line in lines):
            break
        time.sleep(0.05)
    (line,) = [line for line in lines if line.get("request_id") == "trace-7"]
    assert (line["event"], line["method"], line["path"], line["status"]) == ("request", "GET", "/v1/me", 200)
    assert (line["account"], line["level"]) == (DEFAULT_ACCOUNT, "info")
    assert api.key not in api.log.read_text()


@needs_proc
def test_a_stop_lets_long_polls_answer(api: Api, database: Database) -> None:
    job = waiting_job(database)
    answers: list[Any] = []
    before = threads(api.worker)
    thread = threading.Thread(target=lambda: answers.append(api.request("GET", f"/v1/jobs/{job}?wait=30")))
    thread.start()
    while threads(api.worker) <= before:  # the watcher's
        time.sleep(0.05)
    api.process.send_signal(signal.SIGTERM)
    thread.join(25)
    assert answers[0][0] == 200
    assert answers[0][2]["status"] == "queued"
    api.process.wait(25)
