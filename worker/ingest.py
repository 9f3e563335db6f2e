"""One attempt at reading an uploaded data set: `validating` becomes `ready` or `failed`."""

import time

import structlog

from steepest.spec.errors import Unavailable
from store import blobs, datasets
from store.datasets import DatasetClaim
from store.fence import FencedOff
from worker.attempt import claimed, explained, persist, renewing, watching
from worker.lease import Lease, Stop, Stopped
from worker.loading import schema_of
from worker.process import Process

log = structlog.get_logger(__name__)


def run(here: Process, dataset_id: str) -> None:
    """Claim the data set and read it; nothing when it does not wait to be read."""
    if here.drain.asked:
        here.queue.announce_dataset(dataset_id)
        return
    seconds = here.settings.lease_seconds
    with structlog.contextvars.bound_contextvars(dataset=dataset_id):
        taken_at = time.monotonic()
        claim = claimed(here.database, lambda session: datasets.claim(session, dataset_id, here.name, seconds))
        if claim is None:
            return
        ask = renewing(here.database, lambda session: datasets.renew(session, claim, seconds))
        with (
            structlog.contextvars.bound_contextvars(attempt=claim.attempt),
            Lease(ask, seconds, taken_at=taken_at) as lease,
        ):
            log.info("ingest_started", bytes=claim.dataset.bytes)
            try:
                _read(here, claim, lease)
            except Stopped as stopped:
                log.info("ingest_stopped", why=stopped.why.value)
            except FencedOff:
                log.info("ingest_stopped", why=Stop.FENCED.value)


def _read(here: Process, claim: DatasetClaim, lease: Lease) -> None:
    try:
        with here.database.read() as session:
            blob = blobs.get(session, claim.account_id, claim.dataset.blob_id)
        schema = schema_of(here, claim.dataset, blob, watching(lease, here.drain))
    except Stopped as stopped:
        if stopped.why is Stop.DRAIN:
            persist(here.database, lease, lambda session: datasets.release(session, claim))
            here.queue.announce_dataset(claim.dataset_id)
        raise
    except Unavailable:
        # Not the data's fault, and not announced here: the reconciler comes when the database is back.
        persist(here.database, lease, lambda session: datasets.release(session, claim))
        raise Stopped(Stop.CUT_OFF) from None
    except Exception as error:
        problem = explained(error)
        persist(here.database, lease, lambda session: datasets.mark_failed(session, claim, problem))
    else:
        persist(
            here.database,
            lease,
            lambda session: datasets.mark_ready(
                session, claim, schema.rows, schema.columns, schema.warnings, schema.image_shape
            ),
        )
        log.info("ingest_finished", rows=schema.rows, columns=len(schema.columns))
