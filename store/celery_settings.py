"""How Celery is used, in one place for those who send and those who work: the message is a hint, the row is the truth.

Each setting answers something that was seen to go wrong with long jobs; none may be changed lightly.
"""

from typing import Final

from celery import Celery
from kombu import Exchange, Queue

CPU: Final = "cpu"
GPU: Final = "gpu"
SHORT: Final = "short"
"""Ingest and housekeeping: never behind a long job or computation."""
COMPUTATIONS: Final = "computations"
"""Evaluations, predictions of data sets: long, and behind no training."""

QUEUES: Final = (CPU, GPU, SHORT, COMPUTATIONS)

TRAIN: Final = "steepest.train"
"""The task that claims and trains the job whose id it is given."""
INGEST: Final = "steepest.ingest"
"""The task that claims and reads the data set whose id it is given."""
COMPUTE: Final = "steepest.compute"
"""The task that claims and works out the long computation whose id it is given."""


def celery_app(name: str, broker_url: str) -> Celery:
    """A Celery application that opens no connection before it is used."""
    app = Celery(name, broker=broker_url, backend=None, set_as_current=False)
    app.conf.update(
        # No results: what came out is in the database.
        task_ignore_result=True,
        result_backend=None,
        task_serializer="json",
        accept_content=["json"],
        # Acknowledged at once: a job longer than the visibility timeout would be started twice, and a lost worker is
        # noticed by its lease.
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        # A message waits in the broker until a slot is free, never behind a running job.
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        # A broker that restarts ends no job; the worker comes back to it for as long as it takes.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "visibility_timeout": 3600,
            "socket_connect_timeout": 2,
            "socket_timeout": 10,
            "socket_keepalive": True,
        },
        # SIGTERM means drain: the tasks are told by `worker_shutting_down` and hand their jobs back.
        worker_soft_shutdown_timeout=0,
        worker_max_tasks_per_child=50,
        worker_hijack_root_logger=False,
        task_create_missing_queues=False,
        task_default_queue=SHORT,
        task_queues=[Queue(queue, Exchange(queue), routing_key=queue) for queue in QUEUES],
        task_routes={TRAIN: {"queue": CPU}, INGEST: {"queue": SHORT}, COMPUTE: {"queue": COMPUTATIONS}},
        enable_utc=True,
        timezone="UTC",
    )
    return app
