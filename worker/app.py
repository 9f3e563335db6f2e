"""The Celery app: its settings are the store's, which whoever announces work shares; its signals wire a worker.

Importing it connects to nothing, and a worker's main process never opens the database: its children do.
"""

import logging
from importlib import import_module
from typing import Any

from celery import signals

import steepest
from store import logs
from store.celery_settings import celery_app
from store.settings import Settings
from worker import presence
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


@signals.celeryd_after_setup.connect
def _prepare_main(sender: str, **_: Any) -> None:
    """Before the first child: all that children share, loaded once."""
    drain = Drain.make(Settings.from_environment().home / "workers")
    Identity.new(sender, list(app.amqp.queues.consume_from), drain.path).publish()
    steepest.warm_up()
    import_module("steepest.data.formats.csv")  # else the first data set of every child would wait for the parser
    signals.worker_shutting_down.connect(lambda **_: drain.ask(), weak=False)
    signals.worker_shutdown.connect(lambda **_: drain.remove(), weak=False)


@signals.worker_process_init.connect
def _prepare_child(**_: Any) -> None:
    """In every child, also in one that replaces a child that died."""
    steepest.warm_up()
    presence.begin(this_process())
