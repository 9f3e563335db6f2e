"""The rows that each part of a job's data has: stored once, by the attempt that first divides them."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from store import blobs
from store.database import now
from store.fence import Claim, fenced
from store.models import SplitRow


def save(session: Session, claim: Claim, blob_id: str, sha256: str, warnings: Sequence[str] = ()) -> None:
    """Make stored bytes the job's split. Every attempt divides in the same way, so what is there stays.

    Args:
        session: All of it becomes true together.
        claim: Whose attempt it is.
        blob_id: A complete blob, the file of the split.
        sha256: The hash of its row numbers.
        warnings: What dividing and reading the rows has shown, to be told with the job.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    moment = now(session)
    job = fenced(session, claim, {"progress_at": moment, "warnings": [*claim.job.warnings, *warnings]})
    if find(session, job.account_id, job.id) is not None:
        return
    blobs.hold(session, job.account_id, blob_id)
    session.add(SplitRow(account_id=job.account_id, job_id=job.id, blob_id=blob_id, sha256=sha256, created_at=moment))
    session.flush()


def find(session: Session, account_id: str, job_id: str) -> SplitRow | None:
    """A job's split; None until its rows have been divided."""
    return session.scalars(select(SplitRow).where(SplitRow.account_id == account_id, SplitRow.job_id == job_id)).first()
