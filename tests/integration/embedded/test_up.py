"""`python -m embedded up`: what it prints, what it leaves in the home, whom it refuses, and that it keeps all alive."""

import os
import signal
import stat
from pathlib import Path

import httpx
import pytest

from steepest.client import Client
from tests.integration.embedded.processes import Up, eventually, left_of

CHILDREN = {
    "broker": ("-server",),
    "api": ("gunicorn",),
    "worker-cpu": ("celery", "--queues cpu"),
    "worker-short": ("celery", "--queues short"),
    "worker-computations": ("celery", "--queues computations"),
    "reconciler": ("store.reconciler",),
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_says_where_everything_is(up: Up) -> None:
    for line in (up.url, f"{up.url}/docs", str(up.home / "key"), str(up.home / "logs"), "Ctrl-C"):
        assert line in up.said
    assert httpx.get(f"{up.url}/readyz").status_code == 200
    assert httpx.get(f"{up.url}/docs").status_code == 200


def test_the_home_is_closed_to_others(up: Up) -> None:
    assert mode(up.home) == 0o700
    for path in up.home.rglob("*"):
        assert not mode(path) & 0o077, path
    assert mode(up.home / "key") == 0o600
    assert (up.home / "key").read_text() == f"{up.key}\n"


def test_the_key_in_the_home_has_every_scope(up: Up) -> None:
    with Client(up.url, up.key) as client:
        assert set(client.account().scopes) == {"read", "write", "admin"}


def test_every_process_is_below_the_supervisor_and_workers_are_celerys(up: Up) -> None:
    below = up.below()
    for words in CHILDREN.values():
        assert up.child(*words) is not None, words
    assert sum("celery -A worker" in each.command for each in below.values()) >= 4


def test_a_home_in_use_is_refused_in_one_line(up: Up, tmp_path: Path) -> None:
    second = Up(up.home, output=tmp_path / "out")
    assert second.process.wait(60) == 1
    assert second.said.count("\n") == 1
    assert "already in use" in second.said


def test_a_port_in_use_is_refused_in_one_line_before_anything_starts(up: Up, tmp_path: Path) -> None:
    port = httpx.URL(up.url).port
    second = Up(tmp_path / "home", STEEPEST_PORT=str(port))
    assert second.process.wait(60) == 1
    assert second.said.count("\n") == 1
    assert f"Port {port} of 127.0.0.1 is already in use" in second.said
    assert not (second.home / "steepest.db").exists()


@pytest.mark.parametrize("name", CHILDREN)
def test_whatever_is_killed_comes_back(up: Up, name: str) -> None:
    killed = up.child(*CHILDREN[name])
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    def back() -> bool:
        found = up.child(*CHILDREN[name])
        return found is not None and found != killed

    eventually(back, f"another {name}")
    eventually(lambda: _ready(up), "the stack to be ready again")
    assert f"{name} was ended by SIGKILL" in up.said


def test_the_logs_tell_what_each_process_said(up: Up) -> None:
    assert {path.name for path in (up.home / "logs").iterdir()} == {f"{name}.log" for name in CHILDREN}


def test_a_stop_leaves_nothing_behind(up: Up) -> None:
    below = up.below()
    assert up.stop(signal.SIGINT) == 0
    assert not left_of(below)
    assert not (up.home / "url").exists()
    assert up.said.endswith("Stopped.\n")


def _ready(up: Up) -> bool:
    try:
        return httpx.get(f"{up.url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
