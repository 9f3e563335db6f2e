"""The pages for people with data: every program and every command on them runs, in order, against a real service."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from apiflask import APIFlask
from werkzeug.serving import make_server

from service.app import create_app
from steepest.client import Client
from store import keys
from store.database import Database
from store.models import DEFAULT_ACCOUNT
from store.settings import Settings
from tests.api.doubles import RecordingQueue
from tests.api.workshop import Workshop

HOUSE = Path(__file__).parents[2]
LANGUAGES = ("sh", "python")
COMMAND = """steepest() { "$PYTHON" -c 'from steepest.cli import main; main()' "$@"; }"""


class Worker(threading.Thread):
    """Does what is announced, as soon as it is."""

    def __init__(self, workshop: Workshop, queue: RecordingQueue) -> None:
        super().__init__()
        self._workshop, self._queue = workshop, queue
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.02):
            while self._queue.announced:
                self._do(self._queue.announced.pop(0))

    def stop(self) -> None:
        self._over.set()
        self.join()

    def _do(self, name: str) -> None:
        kinds = {"job": self._workshop.train, "ds": self._workshop.ingest, "cmp": self._workshop.compute}
        kinds[name.split("_")[0]](name)


@pytest.fixture
def app(tmp_path: Path, database_url: str, database: Database, queue: RecordingQueue) -> APIFlask:
    return create_app(_settings(tmp_path, database_url), database, queue)


@pytest.fixture
def queue() -> RecordingQueue:
    return RecordingQueue()


@pytest.fixture
def environ(
    app: APIFlask, tmp_path: Path, database_url: str, database: Database, queue: RecordingQueue
) -> Iterator[dict[str, str]]:
    """The address and the key of a service with a worker."""
    with database.write() as session:
        key = keys.create(session, DEFAULT_ACCOUNT, ("read", "write"), "test")[1]
    workshop = Workshop(_settings(tmp_path, database_url), database, queue)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    serving, worker = threading.Thread(target=server.serve_forever), Worker(workshop, queue)
    serving.start()
    worker.start()
    yield {"STEEPEST_URL": f"http://127.0.0.1:{server.server_port}", "STEEPEST_API_KEY": key}
    worker.stop()
    server.shutdown()
    serving.join()
    server.server_close()
    workshop.close()


def blocks(page: str) -> list[tuple[str, str]]:
    """What stands between fences, with its language."""
    text = (HOUSE / "docs" / f"{page}.md").read_text("utf-8")
    return [(each[1], each[2]) for each in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)]


@pytest.mark.parametrize("page", ["data", "preprocessing", "figures"])
def test_what_a_page_says_can_be_done(
    page: str, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    shutil.copytree(HOUSE / "examples", here / "examples")
    monkeypatch.chdir(here)
    with Client(environ["STEEPEST_URL"], environ["STEEPEST_API_KEY"]) as client:
        dataset = client.datasets.wait(client.datasets.upload("examples/iris.csv"))
        names: dict[str, Any] = {"client": client, "dataset": dataset}
        connected = ""
        for language, program in blocks(page):
            if language == "python":
                exec(program, names)
            elif language == "sh":
                said = {name.upper(): names[name].id for name in ("job", "dataset") if name in names}
                _sh(f"{connected}\n{program}", {**environ, **said})
                connected += "".join(re.findall(r"^api\(\).*\n", program, re.MULTILINE))
    assert {language for language, _ in blocks(page)} >= set(LANGUAGES)


def _sh(program: str, environ: dict[str, str]) -> None:
    """Run commands, `steepest` among them as this tree has it; the first that fails is the last."""
    path = f"{HOUSE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"{COMMAND}\n{program}"],
        env={**os.environ, **environ, "PYTHONPATH": path, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, program + done.stdout + done.stderr


def _settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(home=tmp_path, database_url=database_url, broker_url="memory://", threads=10)
