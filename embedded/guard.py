"""Run a command that dies with its parent: `python guard.py PARENT PIPE COMMAND...`.

PARENT is the process id of the supervisor, PIPE the read end of a pipe whose write end the supervisor alone holds.
Linux has a signal for a parent's death, and it survives exec: the guard asks for it and becomes the command. Elsewhere
the guard stays, as the command's parent, and waits for the end of the pipe. Nothing of the project is imported: this
runs before every process of the stack.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from types import FrameType

PR_SET_PDEATHSIG = 1
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends. Linux only; no effect elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def become(parent: int, command: list[str]) -> None:
    """Turn into the command, which the kernel kills when the parent dies."""
    die_with_parent()
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")  # it died before the kernel was asked
    os.execvp(command[0], command)  # noqa: S606  the supervisor's own command


def watch(pipe: int, command: list[str]) -> int:
    """Run the command as a child; when the pipe ends, kill the whole process group, this process included."""
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if child is None:
            early.append(number)
        else:
            child.send_signal(number)

    for number in FORWARDED:
        signal.signal(number, forward)
    child = subprocess.Popen(command)  # noqa: S603  the supervisor's own command
    for missed in early:
        child.send_signal(missed)

    def wait_for_the_end() -> None:
        os.read(pipe, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def main() -> None:
    """Guard the command of the command line."""
    parent, pipe, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    if sys.platform == "linux":
        os.close(pipe)
        become(parent, command)
    sys.exit(watch(pipe, command))


if __name__ == "__main__":
    main()
