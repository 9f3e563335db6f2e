"""The command in a window of 80 columns: a real pseudo-terminal, a process of its own, a service in memory."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from tests.unit.client.fake import DATASET, JOB

PROGRAM = """
import sys
from steepest.cli import main
from steepest.cli.service import Service
from tests.unit.client.fake import FakeService
fake = FakeService(epochs=int(sys.argv[1]), ends=sys.argv[2])
fake.spec["name"] = "a name that is far too long to stand beside everything else"
main(sys.argv[3:], obj=Service(key="k", transport=fake.transport), prog_name="steepest")
"""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def in_a_window(*arguments: str, interrupt_at: str | None = None) -> tuple[int, str]:
    """Exit code and all that was written, in a window of 80 x 24; Ctrl-C once `interrupt_at` has appeared."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environ | {"TERM": "xterm-256color"},
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(follower)
    written = b""
    while chunk := _read(leader):
        written += chunk
        if interrupt_at and interrupt_at in written.decode(errors="replace"):
            interrupt_at = None
            os.write(leader, b"\x03")
    os.close(leader)
    return process.wait(), written.decode()


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 1 << 16)
    except OSError:
        # Linux says EIO, not end of file, when the last writer is gone.
        return b""


def frames(written: str) -> list[str]:
    """Every line that was ever drawn."""
    return [line for line in re.split(r"[\r\n]+", CONTROL.sub("", written)) if line.strip()]


@pytest.mark.parametrize(
    "arguments",
    [
        ("3", "succeeded", "jobs"),
        ("3", "succeeded", "train", DATASET, "--target", "species", "--follow"),
    ],
    ids=" ".join,
)
def test_nothing_is_wider_than_the_window(arguments: tuple[str, ...]) -> None:
    code, written = in_a_window(*arguments)
    assert code == 0
    assert max(len(frame) for frame in frames(written)) <= 80
    assert JOB in written


def test_the_bar_shows_epoch_losses_score_and_time_left() -> None:
    code, written = in_a_window("8", "succeeded", "follow", JOB)
    assert code == 0
    running = [frame for frame in frames(written) if frame.startswith("running") and "loss" in frame]
    assert running
    assert re.search(r"━ \d/8 loss \d\.\d{4} val \d\.\d{4} acc 80\.0 % 3\.0 s left", running[0])
    assert any(frame.startswith("accuracy") for frame in frames(written))


def test_ctrl_c_gives_the_terminal_back_and_leaves_the_job() -> None:
    code, written = in_a_window("100000", "succeeded", "follow", JOB, interrupt_at="loss")
    assert code == 130
    assert "\x1b[?25h" in written.rpartition("loss")[2]
    assert frames(written)[-3:] == [
        "The job goes on without you. To come back, or to stop it:",
        f"  steepest follow {JOB}",
        f"  steepest cancel {JOB}",
    ]


def test_an_error_is_broken_between_words() -> None:
    code, written = in_a_window("3", "failed", "follow", JOB)
    assert code == 1
    assert frames(written)[-2].endswith("the loss")
    assert frames(written)[-1] == "  became NaN in epoch 2; try a smaller learning_rate"
