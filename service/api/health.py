"""Whether the service is alive, and whether it can take and run jobs. Neither needs a key."""

from collections.abc import Callable
from importlib.metadata import version

from flask import Response

from service.context import service
from service.http.resource import Resource, reply
from steepest.spec.answers import Component, Health, Readiness
from steepest.spec.errors import SteepestError, Unavailable
from store import workers
from store.celery_settings import COMPUTATIONS, CPU, GPU, SHORT

resource = Resource("health", __name__, tag="Health")


@resource.operation("GET", "/healthz", "getHealth", scope=None, answer=Health)
def get_health() -> Response:
    """Say that the process is alive, and its version."""
    return reply(Health(version=version("steepest")))


@resource.operation("GET", "/readyz", "getReadiness", scope=None, answer=Readiness)
def get_readiness() -> Response:
    """Say whether the database, the broker and workers for all kinds of work answer.

    If not, the problem document says in words what does not, and has the same `components`.
    """
    components = {
        "database": _component(service().database.ping, "answers"),
        "broker": _component(service().queue.ping, "answers"),
        "worker": _workers(),
    }
    missing = [f"{name}: {component.detail}" for name, component in components.items() if not component.ok]
    if missing:
        told = {name: component.model_dump() for name, component in components.items()}
        raise Unavailable("; ".join(missing), ok=False, components=told)
    return reply(Readiness(ok=True, components=components))


def _component(ask: Callable[[], object], fine: str) -> Component:
    try:
        ask()
    except SteepestError as error:
        return Component(ok=False, detail=error.detail)
    return Component(ok=True, detail=fine)


def _workers() -> Component:
    try:
        with service().database.read() as session:
            alive = workers.alive(session, service().settings.lease_seconds)
    except SteepestError:
        return Component(ok=False, detail="unknown while the database does not answer")
    served = frozenset[str]().union(*alive)
    if not served & {CPU, GPU}:
        return Component(ok=False, detail="no worker has given a sign of life; jobs are accepted and wait for one")
    if SHORT not in served:
        return Component(ok=False, detail="no worker reads data sets; uploads are accepted and wait for one")
    if COMPUTATIONS not in served:
        return Component(ok=False, detail="no worker computes; evaluations and predictions of data sets wait for one")
    return Component(ok=True, detail="1 answers" if len(alive) == 1 else f"{len(alive)} answer")
