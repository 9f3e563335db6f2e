"""The lives that a job may have, as steps from the upload to the last byte swept."""

from collections.abc import Callable
from errno import ENOSPC
from itertools import accumulate
from typing import Any, Final

from tests.integration.life.world import EPOCHS, ROUNDS, Violation, World, arrays, require

Step = Callable[[World], None]

ROWS: Final = ("length,kind\n" + "".join(f"{index % 7}.5,{'ab'[index % 7 > 3]}\n" for index in range(24))).encode()
OVER: Final = ("succeeded", "failed", "cancelled")
MIDDLE: Final = 2
"""The epoch in which something happens."""


def upload(world: World) -> None:
    """Send a file."""
    world.memory.uploads += 1
    key = f"upload {world.memory.uploads}"
    sent = world.ask("POST", "/v1/datasets?name=rows", data=ROWS, content_type="text/csv", key=key)
    world.memory.dataset = sent["id"]


def read(world: World) -> None:
    """Have the file read; sent again, where a disk failed under it."""
    while (found := world.work_until(_dataset(world), ("ready", "failed")))["status"] == "failed":
        require(world.disk_failed and world.memory.uploads == 1, f"the data set has failed: {found['error']}")
        delete_dataset(world)
        upload(world)


def read_by_two(world: World) -> None:
    """Have the file read by a worker that freezes when it knows all, and by another one."""
    world.plan("read", 0, world.freeze)
    read(world)


def submit(world: World) -> None:
    """Ask for a job."""
    _submit(world)


def submit_warm(world: World) -> None:
    """Ask for a job that starts from the weights of the one before."""
    _submit(world, seed=11, warm_start={"job": world.memory.jobs[-1], "checkpoint": "best"})


def hold(world: World) -> None:
    """Pause and resume the job before any worker has it."""
    require(world.ask("POST", f"{_job(world)}/pause")["status"] == "paused", "it is not paused")
    require(world.ask("POST", f"{_job(world)}/resume")["status"] == "queued", "it is not resumed")


def train(world: World) -> None:
    """Have the job trained."""
    _trained(world)


def pause(world: World) -> None:
    """Pause the job in the middle, and resume it once it rests."""
    world.plan("epoch", MIDDLE, lambda: world.ask("POST", f"{_job(world)}/pause"))
    state = world.work_until(_job(world), ("paused", *OVER))["status"]
    require(world.sites.disturbs or state == "paused", "it is not paused")
    if state == "paused":  # else its worker was faster, or a disk failed
        world.ask("POST", f"{_job(world)}/resume")


def cancel(world: World) -> None:
    """Cancel the job in the middle. What it had come to by then is kept, and is what the epoch's weights are."""
    world.plan("epoch", MIDDLE, lambda: world.ask("POST", f"{_job(world)}/cancel"))
    job = _end(world)
    require(job["status"] == "cancelled", f"it is {job['status']}, and was cancelled")
    kept = world.ask("GET", f"{_job(world)}/checkpoints")["data"]
    last = [checkpoint["epoch"] for checkpoint in kept if "last" in checkpoint["kinds"]]
    require(len(last) == 1 and (world.sites.disturbs or last == [MIDDLE]), f"of {last} there are weights")
    weights = arrays(world.ask("GET", f"{_job(world)}/weights?checkpoint=last"))
    require(weights == world.memory.trained[world.memory.jobs[-1], last[0]], "the weights are of another epoch")


def fail(world: World) -> None:
    """Have the job fail in the middle by a full disk, and ask for it again."""

    def full() -> None:
        raise OSError(ENOSPC, "the disk is full")

    world.plan("epoch", MIDDLE, full)
    state = world.work_until(_job(world), OVER)["status"]
    require(world.sites.disturbs or state == "failed", "it has not failed")
    if state == "failed":  # else its worker could not tell
        world.ask("POST", f"{_job(world)}/retry")


def overtake(world: World) -> None:
    """Have a worker freeze before it saves a checkpoint, and wake up when another one is at the same job."""
    world.plan("checkpoint", MIDDLE, world.freeze)
    require(_trained(world)["attempt"] == 2 or world.sites.disturbs, "no attempt has come after")


def overtake_late(world: World) -> None:
    """The same before it ends the job."""
    world.plan("finish", EPOCHS, world.freeze)
    require(_trained(world)["attempt"] == 2 or world.sites.disturbs, "no attempt has come after")


def look(world: World) -> None:
    """Get what the job has come to."""
    weights = world.ask("GET", f"{_job(world)}/weights")
    predictions = world.ask("POST", f"{_job(world)}/predictions", json={"rows": [{"length": 1.5}]})["data"]
    world.memory.got.append((arrays(weights), predictions))


def evaluate(world: World) -> None:
    """Have the network evaluated on all rows by a worker of its own kind; again, where a disk failed under it."""
    path = _evaluation(world)
    while (found := world.work_until(path, ("succeeded", "failed")))["status"] == "failed":
        require(world.disk_failed and world.memory.evaluations == 1, f"the evaluation has failed: {found['error']}")
        path = _evaluation(world)
    require(found["result"], "it has no result")
    world.memory.got.append(found["result"])


def delete_first_job(world: World) -> None:
    """Remove the first job, whatever became of it."""
    world.ask("DELETE", f"/v1/jobs/{world.memory.jobs[0]}")


def delete_job(world: World) -> None:
    """Remove the last job."""
    world.ask("DELETE", _job(world))


def delete_dataset(world: World) -> None:
    """Remove the data set."""
    world.ask("DELETE", _dataset(world))


def sweep(world: World) -> None:
    """Have the reconciler clear away what is left."""
    for _ in range(ROUNDS):
        world.time.sleep(700)
        world.reconcile()
        if not (left := world.left()):
            return
    raise Violation(f"there are left {left}")


_BEGIN: Final = (upload, read, submit)
_DELETE: Final = (delete_job, delete_dataset, sweep)

LIVES: Final[dict[str, tuple[Step, ...]]] = {
    "plain": (*_BEGIN, train, look, *_DELETE),
    "held": (*_BEGIN, hold, train, look, *_DELETE),
    "paused": (*_BEGIN, pause, train, look, *_DELETE),
    "cancelled": (*_BEGIN, cancel, *_DELETE),
    "failed": (*_BEGIN, fail, train, look, *_DELETE),
    "overtaken": (*_BEGIN, overtake, look, *_DELETE),
    "overtaken-late": (*_BEGIN, overtake_late, look, *_DELETE),
    "warm": (*_BEGIN, train, submit_warm, delete_first_job, train, look, *_DELETE),
    "read-by-two": (upload, read_by_two, delete_dataset, sweep),
    "evaluated": (*_BEGIN, train, evaluate, *_DELETE),
}
"""By name. Those that begin alike share these steps, and the later ones are not cut there again."""


def own_steps(name: str) -> list[tuple[Step, ...]]:
    """A life up to each of those of its steps that no life before it has had, in this order and from the beginning."""
    earlier: set[tuple[Step, ...]] = set()
    for other, steps in LIVES.items():
        found = list(accumulate((step,) for step in steps))
        if other == name:
            return [steps for steps in found if steps not in earlier]
        earlier |= set(found)
    raise KeyError(name)


def _dataset(world: World) -> str:
    return f"/v1/datasets/{world.memory.dataset}"


def _job(world: World) -> str:
    return f"/v1/jobs/{world.memory.jobs[-1]}"


def _evaluation(world: World) -> str:
    """Ask for one; its path."""
    world.memory.evaluations += 1
    asked = {"dataset": world.memory.dataset, "permutation_importance": {"repeats": 2, "seed": 3}}
    path, key = f"{_job(world)}/evaluations", f"evaluate {world.memory.evaluations}"
    return f"{path}/{world.ask('POST', path, json=asked, key=key)['id']}"


def _submit(world: World, **more: Any) -> None:
    spec = {"dataset": world.memory.dataset, "target": "kind", "layers": [{"units": 2}], "epochs": EPOCHS, "seed": 7}
    key = f"submit {len(world.memory.jobs)}"
    world.memory.jobs.append(world.ask("POST", "/v1/jobs", json={**spec, **more}, key=key)["id"])


def _trained(world: World) -> Any:
    job = _end(world)
    require(job["status"] == "succeeded", f"the job is {job['status']}")
    require(job["progress"]["epoch"] == EPOCHS, "there are epochs missing")
    return job


def _end(world: World) -> Any:
    """The job at its end; asked for again, where a disk failed under it."""
    for _ in range(ROUNDS):
        job = world.work_until(_job(world), OVER)
        if job["status"] != "failed":
            return job
        require(world.disk_failed, f"the job has failed: {job['error']}")
        world.ask("POST", f"{_job(world)}/retry")
    raise Violation("it fails again and again")
