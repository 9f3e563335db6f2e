"""A child sees what its parent sets after the fork."""

import os
from pathlib import Path

from worker.drain import Drain


def test_a_child_hears_of_the_shutdown(tmp_path: Path) -> None:
    drain = Drain.make(tmp_path)
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(ready, 1)
        os._exit(0 if Drain(drain.path).asked and drain.asked else 1)
    assert not drain.asked
    drain.ask()
    os.write(go, b"g")
    _, status = os.waitpid(child, 0)
    os.close(ready)
    os.close(go)
    assert os.waitstatus_to_exitcode(status) == 0
    drain.remove()
    assert not drain.path.exists()


def test_what_a_killed_worker_left_is_not_heard(tmp_path: Path) -> None:
    killed = Drain.make(tmp_path)
    killed.ask()
    assert not Drain.make(tmp_path).asked
    assert len(list(tmp_path.iterdir())) == 1
