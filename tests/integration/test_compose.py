"""The production shape, run for real: every service's command as docker-compose.yml says it, on PostgreSQL and Redis.

No container engine is needed: the commands run as processes of this machine, with the environment that the file gives
them except for where the servers are.
"""

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from ruamel.yaml import YAML

from steepest.client import Client
from steepest.spec.predictions import ClassPrediction
from tests.integration.embedded.processes import descendants, eventually, left_of

CHECKOUT = Path(__file__).resolve().parents[2]
DATABASE, BROKER = os.environ.get("STEEPEST_TEST_DATABASE_URL", ""), os.environ.get("STEEPEST_TEST_BROKER_URL", "")
SECRETS = {"POSTGRES_PASSWORD": "abc123", "VALKEY_PASSWORD": "def456"}
VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
OURS = ("migrate", "api", "worker", "worker-short", "worker-computations", "reconciler")
TABLE = "x,y,kind\n" + "".join(f"{row / 50},{row % 7},{'high' if row >= 100 else 'low'}\n" for row in range(200))


class MissingVariable(Exception):
    """The file asks for a variable that is not set."""


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """The file's values as `docker compose` would see them."""
    if isinstance(value, dict):
        return {key: interpolated(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolated(item, variables) for item in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        found = variables.get(match["name"], "")
        if not found and match["kind"] == "?":
            raise MissingVariable(match["rest"])
        return found or match["rest"] or ""

    return VARIABLE.sub(replace, value)


def services(variables: Mapping[str, str]) -> dict[str, Any]:
    document = YAML(typ="safe").load((CHECKOUT / "docker-compose.yml").read_text())
    found: dict[str, Any] = interpolated(document["services"], variables)
    return found


@pytest.mark.parametrize("missing", SECRETS)
def test_no_password_has_a_default(missing: str) -> None:
    with pytest.raises(MissingVariable, match="choose a password"):
        services({name: value for name, value in SECRETS.items() if name != missing})


def test_every_service_is_closed_down_and_has_time_to_stop() -> None:
    for name, service in services(SECRETS).items():
        assert name == "migrate" or service["stop_grace_period"], name
        if name in OURS:
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert set(service["networks"]) <= {"front", "back"}, name


def test_the_image_holds_every_folder_that_the_commands_need() -> None:
    copied = re.findall(r"^COPY (?:--\S+ )?(\w+) \w+$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)
    assert {"steepest", "store", "service", "worker", "migrations", "deploy"} <= set(copied)
    shipped = (CHECKOUT / ".dockerignore").read_text().split()
    for folder in copied:
        assert f"!{folder}" in shipped
        assert (CHECKOUT / folder).is_dir()


@pytest.fixture
def empty_database() -> Iterator[str]:
    name = sql.Identifier(f"steepest_compose_{secrets.token_hex(4)}")
    with psycopg.connect(DATABASE, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        yield DATABASE.rpartition("/")[0] + "/" + name.as_string(None).strip('"')
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


class Host:
    """Runs services of the file as processes, with this machine's servers in place of the containers'."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.services = services(SECRETS)
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.here = {
            "STEEPEST_DATABASE_URL": database_url,
            "STEEPEST_BROKER_URL": BROKER,
            "STEEPEST_HOME": str(folder / "home"),
            "STEEPEST_HOST": "127.0.0.1",
            "STEEPEST_PORT": str(self.port),
            "TMPDIR": str(folder),
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def environment(self, name: str) -> dict[str, str]:
        stated = self.services[name]["environment"]
        assert {"STEEPEST_DATABASE_URL", "STEEPEST_BROKER_URL"} <= stated.keys()
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith("STEEPEST_")},
            **stated,
            **{key: value for key, value in self.here.items() if key in stated or key.startswith("STEEPEST_")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOSTNAME": socket.gethostname(),
        }

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def start(self, name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as output:
            self.running[name] = subprocess.Popen(
                self.services[name]["command"],
                env=self.environment(name),
                cwd=CHECKOUT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self.running[name]

    def healthy(self, name: str) -> bool:
        """Whether the file's own health check says so."""
        assert self.running[name].poll() is None, self.log(name)
        kind, *test = self.services[name]["healthcheck"]["test"]
        test = [word.replace(":8000/", f":{self.port}/") for word in test]
        command = ["sh", "-c", test[0]] if kind == "CMD-SHELL" else test
        ran = subprocess.run(command, env=self.environment(name), cwd=CHECKOUT, capture_output=True, timeout=60)
        return ran.returncode == 0

    def stop(self, name: str) -> int:
        """Stop a service as `docker compose stop` would, within its own grace."""
        grace = float(self.services[name]["stop_grace_period"].removesuffix("s"))
        self.running[name].terminate()
        return self.running[name].wait(grace)

    def clear(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def host(empty_database: str, tmp_path: Path) -> Iterator[Host]:
    made = Host(empty_database, tmp_path)
    yield made
    made.clear()


@pytest.mark.skipif(
    not (DATABASE and BROKER), reason="needs PostgreSQL and Redis: make test-services finds or starts them"
)
def test_the_services_train_a_job_together(host: Host, tmp_path: Path) -> None:
    assert host.start("migrate").wait(60) == 0, host.log("migrate")
    (key,) = re.findall(r"\bsk_\S+", host.log("migrate"))
    assert host.start("migrate").wait(60) == 0
    assert key not in host.log("migrate"), "the first key is shown once"

    names = ("api", "worker", "worker-short", "worker-computations", "reconciler")
    for name in names:
        host.start(name)
    for name in ("api", "worker", "worker-short", "worker-computations"):
        eventually(partial(host.healthy, name), f"{name} to be healthy")
    url = f"http://127.0.0.1:{host.port}"
    eventually(lambda: httpx.get(f"{url}/readyz").status_code == 200, "the service to be ready")

    (tmp_path / "table.csv").write_text(TABLE)
    with Client(url, key) as client:
        dataset = client.datasets.wait(client.datasets.upload(tmp_path / "table.csv"))
        assert dataset.status == "ready", dataset.error
        job = client.jobs.wait(client.jobs.create(dataset=dataset, target="kind"))
        assert job.status == "succeeded", job.error
        client.weights.download(job, tmp_path / "weights.safetensors")
        (answer,) = client.predictions.create(job, [{"x": 3.9, "y": 2}])
        assert isinstance(answer, ClassPrediction)
        assert answer.label == "high"
    assert (tmp_path / "weights.safetensors").stat().st_size > 0

    below = {pid: each for name in names for pid, each in descendants(host.running[name].pid).items()}
    for name in names:
        assert host.stop(name) == 0, host.log(name)
    assert not left_of(below)
