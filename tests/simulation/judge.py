"""What must be true when all faults are over and every job has come to its end."""

from typing import TYPE_CHECKING

from steepest.export import safetensors
from steepest.export.model import Model
from store import orphans
from tests.invariants import violations
from tests.simulation import training as standin
from tests.simulation.ledger import Job
from tests.simulation.plan import HOUR

if TYPE_CHECKING:
    from tests.simulation.world import Order, Simulation


def judge(world: "Simulation") -> None:
    """Say what is wrong with the world at the end of it."""
    known = {order.id for order in world.orders if not order.gone}
    for job_id in world.ledger.jobs.keys() - known:
        world.say(f"nobody asked for {job_id}")
    for order in world.orders:
        _judge_order(world, order)
    for _ in range(3):
        world.loop.now += 2 * HOUR  # also what a fast clock kept is due by then
        orphans.sweep(world.database)
        orphans.remove(world.database)
    for problem in violations(world.database):
        world.say(problem)
    left = world.database.rows("SELECT count(*) FROM blobs WHERE kept_until IS NOT NULL OR status <> 'complete'")
    if left != [(0,)]:
        world.say(f"{left[0][0]} blobs are left that nothing refers to")


def _judge_order(world: "Simulation", order: "Order") -> None:
    job = world.ledger.jobs.get(order.id or "")
    if job is None:
        if not order.gone and order.id not in world.deletable:
            world.say(f"order {order.number} is lost")
        return
    (error,) = world.database.rows("SELECT error FROM jobs WHERE id = ?", job.id)[0]
    allowed = {"diverges": ("diverged", "poison")}.get(order.plan.kind, ("poison",))
    if job.status == "failed" and not any(f'"{code}"' in error for code in allowed):
        world.say(f"{job.id} failed: {error}")
    if order.plan.kind != "calm" and job.status == "succeeded":
        world.say(f"{job.id} succeeded, and cannot")
    told = [row[0] for row in world.database.rows(
        "SELECT training_loss FROM epochs WHERE job_id = ? ORDER BY epoch", job.id)]  # fmt: skip
    if job.status == "succeeded" and len(told) != order.plan.epochs:
        world.say(f"{job.id} succeeded with {len(told)} epochs")
    if job.bit_exact and (job.status == "succeeded" or not world.plan.mixed):
        _judge_bits(world, order, job, told)
    elif not world.plan.mixed:
        world.say(f"{job.id} says that its bits are others")


def _judge_bits(world: "Simulation", order: "Order", job: Job, losses: list[float]) -> None:
    """History and weights are those of a calm run where the job began."""
    plan, (_, resolved) = order.plan, world.home.spec(order.plan.epochs, 1.0, order.plan.seed)
    network = world.network(resolved)
    place = world.place(job.environment_sha256)
    theta, expected = standin.calm(plan.seed, network.parameters, plan.epochs, place)
    if losses != expected[: len(losses)]:
        world.say(f"{job.id}: its history is not that of a calm run")
    if job.status != "succeeded":
        return
    data = world.home.prepared
    (stored,) = world.database.rows(
        "SELECT k.data FROM checkpoints c JOIN chunks k ON k.blob_id = c.blob_id WHERE c.job_id = ? AND c.is_last",
        job.id,
    )[0]
    kept = safetensors.load(stored).theta
    calm = Model(network, theta, resolved, data.preprocessing, data.target)
    if kept.tobytes() != calm.theta.tobytes():
        world.say(f"{job.id}: its weights are not those of a calm run")
