"""Weights of one job from which another starts.

They are the other's initial checkpoint from the moment it is submitted, so that whatever becomes of the first job, its
data set or its checkpoints, the start stays.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from steepest.spec.errors import FieldProblem
from steepest.spec.job import WarmStart
from steepest.spec.problems import raised
from store import blobs, checkpoints
from store.database import now
from store.models import CheckpointRow, JobRow


def find(session: Session, account_id: str, wanted: WarmStart) -> CheckpointRow:
    """The checkpoint that is named.

    Raises:
        ValidationFailed: the account has no such job, or the job keeps no such checkpoint.
    """
    job = session.scalars(select(JobRow).where(JobRow.account_id == account_id, JobRow.id == wanted.job)).first()
    if job is None:
        raise raised([FieldProblem(pointer="/warm_start/job", detail=f"there is no job {wanted.job}")])
    row = checkpoints.find(session, job, wanted.checkpoint)
    if row is None:
        detail = f'job {job.id} keeps no checkpoint "{wanted.checkpoint}"; its checkpoints list those kept'
        raise raised([FieldProblem(pointer="/warm_start/checkpoint", detail=detail)])
    return row


def keep(session: Session, job: JobRow, wanted: WarmStart) -> CheckpointRow:
    """Make the weights the initial checkpoint of a new job; that checkpoint.

    Raises:
        ValidationFailed: they are not there.
        BlobGone: they go in this moment.
    """
    found = find(session, job.account_id, wanted)
    blobs.hold(session, job.account_id, found.blob_id)
    row = CheckpointRow(
        account_id=job.account_id,
        job_id=job.id,
        epoch=0,
        step=0,
        attempt=0,
        is_initial=True,
        blob_id=found.blob_id,
        bytes=found.bytes,
        sha256=found.sha256,
        created_at=now(session),
    )
    session.add(row)
    session.flush()
    return row
