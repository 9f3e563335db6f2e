"""Nothing outlives the supervisor, however it dies: by the kernel's word on Linux, by the end of a pipe elsewhere."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.integration.embedded.processes import Process, descendants, eventually, left_of

PARENT = """
import os, subprocess, sys
read, _ = os.pipe()
guarded = "import os, sys; from embedded import guard; " + sys.argv[1]
subprocess.Popen([sys.executable, "-c", guarded, str(read)], pass_fds=[read], start_new_session=True)
input()
"""
BECOME = "guard.become(os.getppid(), ['sleep', '61'])"
WATCH = "guard.watch(int(sys.argv[1]), ['sh', '-c', 'sleep 61 & sleep 62'])"
LISTENER = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"


@pytest.mark.parametrize(
    ("guarded", "sleeps"),
    [
        pytest.param(BECOME, 1, marks=pytest.mark.skipif(sys.platform != "linux", reason="this signal is Linux's own")),
        (WATCH, 2),
    ],
)
def test_a_killed_parent_takes_everything_along(guarded: str, sleeps: int) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, guarded], stdin=subprocess.PIPE) as parent:

        def all_up() -> Mapping[int, Process]:
            below = descendants(parent.pid)
            return below if sum(each.command.startswith("sleep 6") for each in below.values()) == sleeps else {}

        below = eventually(all_up, "the guarded command")
        parent.kill()
        eventually(lambda: not left_of(below), "everything below to die")


def test_the_watching_guard_passes_signals_on_and_hands_the_exit_code_back() -> None:
    read, write = os.pipe()
    watch = "import sys; from embedded import guard; sys.exit(guard.watch(int(sys.argv[1]), sys.argv[2:]))"
    command = [sys.executable, "-c", watch, str(read), "sh", "-c", LISTENER]
    with subprocess.Popen(command, pass_fds=[read], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        process.terminate()
        assert process.wait(30) == 7
    os.close(read)
    os.close(write)
