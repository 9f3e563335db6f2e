"""The Celery app: its settings are the store's, which whoever announces work shares; its signals wire a worker.

Importing it connects to nothing, and a worker's main process never opens the database: its children do.
"""

import logging
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from celery import signals

import steepest
from steepest.trainer.engines.gpu import description, why_not
from store import logs
from store.celery_settings import GPU, celery_app
from store.settings import Settings
from worker import kernels, presence
from worker.drain import Drain
from worker.identity import Identity
from worker.process import this_process

app = celery_app("worker.app", Settings.from_environment().broker_url)
app.conf.update(include=["worker.tasks"], worker_pool="worker.pool:TaskPool")


@signals.setup_logging.connect
def _log(**_: Any) -> None:
    logs.configure()
    # Tasks tell their own story, with what they are about; Celery's two lines for each add nothing to it.
    for name in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(name).setLevel(logging.WARNING)


@signals.celeryd_init.connect
def _choose_device(conf: Any, options: Mapping[str, Any], **_: Any) -> None:
    """A worker of the GPU queue: one job at a time, in a child that is spawned, for CUDA does not survive a fork."""
    queues = _names(options.get("queues")) or set(app.amqp.queues)
    if GPU not in queues - _names(options.get("exclude_queues")):
        return
    if (reason := why_not()) is not None:
        raise SystemExit(f"This worker is to take jobs for a GPU, but {reason}. The option --queues names its queues.")
    # Celery hands over a copy of the options, which go before the settings.
    if options.get("concurrency") not in (None, 1) or options.get("autoscale"):
        raise SystemExit("A worker for a GPU takes one job at a time: use --concurrency 1, and no --autoscale.")
    conf.update(worker_pool_start_method="spawn", worker_concurrency=1)


def _names(queues: str | Iterable[str] | None) -> set[str]:
    """Queues as the command line or a program gives them."""
    names = queues.split(",") if isinstance(queues, str) else queues or ()
    return {name.strip() for name in names if name.strip()}


@signals.celeryd_after_setup.connect
def _prepare_main(sender: str, **_: Any) -> None:
    """Before the first child: all that children share, loaded once."""
    drain = Drain.make(Settings.from_environment().home / "workers")
    identity = Identity.new(sender, list(app.amqp.queues.consume_from), drain.path)
    identity.publish()
    if identity.trains:
        kernels.load()
    import_module("steepest.data.formats.csv")  # else the first data set of every child would wait for the parser
    signals.worker_shutting_down.connect(lambda **_: drain.ask(), weak=False)
    signals.worker_shutdown.connect(lambda **_: drain.remove(), weak=False)


@signals.worker_process_init.connect
def _prepare_child(**_: Any) -> None:
    """In every child, also in one that replaces a child that died."""
    here = this_process()
    if here.identity.trains:
        steepest.warm_up()
    if here.device == GPU:
        description()  # finds the GPU, else the first job would wait for it
    presence.begin(here)
