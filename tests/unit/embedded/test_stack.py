import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from embedded import broker
from embedded.refusal import Refused
from embedded.stack import NUMERIC_THREADS, Stack
from store.settings import Settings


class Listener(socket.socket):
    """Stands for a listening socket at port 4711, without being one."""

    def __init__(self) -> None:
        pass

    def fileno(self) -> int:
        return 12

    def getsockname(self) -> tuple[str, int]:
        return "127.0.0.1", 4711


def stack(home: Path, **environ: str) -> Stack:
    environ = {"STEEPEST_HOME": str(home), "STEEPEST_SLOTS": "2", **environ}
    return Stack(Settings.from_environment(environ), environ, Listener())


def test_the_order_of_stopping_leaves_nobody_without_what_they_need(tmp_path: Path) -> None:
    names = [[child.name for child in stage] for stage in stack(tmp_path).stages]
    assert names == [["api"], ["worker-cpu", "worker-short", "worker-computations"], ["reconciler"], ["broker"]]


def test_everybody_gets_what_was_decided(tmp_path: Path) -> None:
    made = stack(tmp_path, STEEPEST_PORT="0", OTHER="kept")
    for child in (made.api, *made.workers, made.reconciler):
        environ = child.command.environment
        assert environ["STEEPEST_HOME"] == str(tmp_path)
        assert environ["STEEPEST_PORT"] == "4711"
        assert environ["STEEPEST_DATABASE_URL"] == f"sqlite:///{tmp_path / 'steepest.db'}"
        assert environ["STEEPEST_BROKER_URL"] == f"redis+socket://{tmp_path / 'valkey.sock'}"
        assert environ["TMPDIR"] == str(tmp_path / "tmp")
        assert environ["OTHER"] == "kept"


@pytest.mark.parametrize(("cores", "slots", "threads"), [(8, 2, "4"), (2, 2, "1"), (2, 8, "1")])
def test_the_cores_are_shared_among_the_slots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, slots: int, threads: str
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    training, *others = stack(tmp_path, STEEPEST_SLOTS=str(slots)).workers
    assert _option(training.command.arguments, "--concurrency") == str(slots)
    assert _threads(training.command.environment) == {threads}
    for other in others:
        assert _option(other.command.arguments, "--concurrency") == "1"
        assert _threads(other.command.environment) == {"1"}


def test_the_api_inherits_the_socket(tmp_path: Path) -> None:
    command = stack(tmp_path).api.command
    assert command.inherits == (12,)
    assert _option(command.arguments, "--bind") == "fd://12"


def test_a_broker_elsewhere_is_used_and_none_started(tmp_path: Path) -> None:
    made = stack(tmp_path, STEEPEST_BROKER_URL="redis://broker:6379/0")
    assert made.broker is None
    assert made.stages[-1] == []
    assert made.api.command.environment["STEEPEST_BROKER_URL"] == "redis://broker:6379/0"


def test_the_broker_keeps_what_it_has_promised(tmp_path: Path) -> None:
    command = broker.broker_command("valkey-server", tmp_path / "broker", tmp_path / "valkey.sock")
    assert _option(command.arguments, "--appendonly") == "yes"
    assert _option(command.arguments, "--maxmemory-policy") == "noeviction"
    assert _option(command.arguments, "--port") == "0"


def test_a_machine_without_any_server_is_told_so_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_from_wheel", lambda: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Refused, match="STEEPEST_BROKER_URL") as refused:
        broker.server_program()
    assert "\n" not in str(refused.value)


def test_without_the_wheel_a_server_on_the_path_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = tmp_path / "redis-server"
    server.touch(mode=0o755)
    monkeypatch.setattr(broker, "_from_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert broker.server_program() == str(server)


def test_a_socket_folder_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    with pytest.raises(Refused, match="open to others"):
        broker.make_socket_folder(shared / "valkey.sock")
    broker.make_socket_folder(tmp_path / "own" / "valkey.sock")
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700


def test_the_home_itself_may_be_open_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert stack(tmp_path).broker is not None


def test_nothing_stays_of_a_socket_outside_of_the_home(tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    (away / "valkey.sock").touch()
    broker.remove_socket(away / "valkey.sock", tmp_path / "home")
    assert not away.exists()


def _option(arguments: tuple[str, ...], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def _threads(environ: Mapping[str, str]) -> set[str]:
    return {environ[name] for name in NUMERIC_THREADS}
