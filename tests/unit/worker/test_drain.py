"""A child sees what its parent sets after the fork."""

import os

from worker.drain import Drain


def test_a_child_hears_of_the_shutdown() -> None:
    drain = Drain.make()
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
