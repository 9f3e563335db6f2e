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
from store.checkpoints import Kind, Weights
from store.models import BlobRow, JobRow


def saved(session: Session, job_id: str, which: str | None) -> tuple[JobRow, BlobRow]:
    """A job and the stored bytes of one of its checkpoints; None means the weights that predictions use.

    Raises:
        NotFound: the account has no such job, or the job kept no such checkpoint.
        Conflict: the job has no weights yet, or ended without any.
    """
    account_id = principal().account_id
    job = jobs.get(session, account_id, job_id)
    row = checkpoints.find(session, job, which or checkpoints.for_predictions(job))
    if row is None:
        if which in (None, "best") or checkpoints.find(session, job, "last") is None:
            raise Conflict(_none_yet(job), state=job.status.value)
        raise NotFound(
            f'there is no checkpoint "{which}"; {request.path.rsplit("/", 1)[0]}/checkpoints lists those kept'
        )
    return job, blobs.get(session, account_id, row.blob_id)


def for_predictions(job_id: str) -> Model:
    """The network that a job's predictions use.

    Raises:
        NotFound: the account has no such job.
        Conflict: the job has no weights yet, or ended without any.
    """
    parts, account_id = service(), principal().account_id

    def kind() -> Kind:
        return checkpoints.for_predictions(jobs.get(session, account_id, job_id))

    with parts.database.read() as session:
        wanted = parts.kinds.get(f"{account_id} {job_id}", 1, kind)
        found = checkpoints.weights(session, account_id, job_id, wanted)
        if found is None:
            blob = saved(session, job_id, None)[1]  # says why there are none, unless they have come just now
            found = Weights(blob.id, blob.sha256 or "", blob.size)
    return parts.models.get(found.sha256, found.bytes, lambda: _load(account_id, found.blob_id))


def model(blob: BlobRow) -> Model:
    """The model in stored weights, loaded once and kept for a while."""
    return service().models.get(blob.sha256 or "", blob.size, lambda: _load(blob.account_id, blob.id))


def _load(account_id: str, blob_id: str) -> Model:
    database = service().database
    with database.read() as session:
        blob = blobs.get(session, account_id, blob_id)
    return safetensors.load(blobs.read_all(database, blob))


def _none_yet(job: JobRow) -> str:
    meaning = f"the job is {job.status.value} ({MEANING[job.status]}) and has no weights"
    return meaning if job.status in TERMINAL else f"{meaning} yet; wait for its end with ?wait=30"
