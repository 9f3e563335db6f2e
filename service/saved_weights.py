"""Which saved weights a request means, and the model that they are."""

from flask import request
from sqlalchemy.orm import Session

from service.context import service
from service.http.auth import principal
from steepest.export import safetensors
from steepest.export.model import Model
from steepest.spec.errors import Conflict, NotFound
from steepest.spec.states import MEANING, TERMINAL
from store import blobs, checkpoints, jobs
from store.models import BlobRow, JobRow


def saved(session: Session, job_id: str, which: str | None) -> tuple[JobRow, BlobRow]:
    """A job and the stored bytes of one of its checkpoints; None means the weights that predictions use.

    Raises:
        NotFound: the account has no such job, or the job kept no such checkpoint.
        Conflict: the job has no weights yet, or ended without any.
    """
    account_id = principal().account_id
    job = jobs.get(session, account_id, job_id)
    row = checkpoints.find(session, job, which or _used_for_predictions(job))
    if row is None:
        if which in (None, "best") or checkpoints.find(session, job, "last") is None:
            raise Conflict(_none_yet(job), state=job.status.value)
        raise NotFound(
            f'there is no checkpoint "{which}"; {request.path.rsplit("/", 1)[0]}/checkpoints lists those kept'
        )
    return job, blobs.get(session, account_id, row.blob_id)


def model(blob: BlobRow) -> Model:
    """The model in stored weights, loaded once and kept for a while."""
    parts = service()
    return parts.models.get(
        blob.sha256 or blob.id, blob.size, lambda: safetensors.load(blobs.read_all(parts.database, blob))
    )


def _used_for_predictions(job: JobRow) -> str:
    stopping = job.resolved_spec.early_stopping
    return "best" if stopping is not None and stopping.restore_best else "last"


def _none_yet(job: JobRow) -> str:
    meaning = f"the job is {job.status.value} ({MEANING[job.status]}) and has no weights"
    return meaning if job.status in TERMINAL else f"{meaning} yet; wait for its end with ?wait=30"
