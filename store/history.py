"""The loss history: one row for each epoch from 1 to n, none missing, none twice, whatever attempts wrote them."""

from collections.abc import Sequence

from sqlalchemy import Select, case, delete, insert, select
from sqlalchemy.orm import Session

from steepest.spec.answers import Epoch
from steepest.spec.states import JobState
from store import checkpoints
from store.database import now
from store.fence import Claim, fenced
from store.models import EpochRow, JobRow
from store.pages import DEFAULT_LIMIT, Page, oldest_first


def append(session: Session, claim: Claim, records: Sequence[Epoch]) -> JobState:
    """Write the next rows. Sending rows again that are stored already changes nothing, so a lost answer is no harm.

    Raises:
        FencedOff: the attempt no longer holds the job.
        ValueError: `records` leaves an epoch out.
    """
    job = fenced(session, claim, {"progress_at": now(session)})
    fresh = [record for record in records if record.epoch > job.epoch]
    if not fresh:
        return job.status
    wanted = list(range(job.epoch + 1, job.epoch + 1 + len(fresh)))
    if [record.epoch for record in fresh] != wanted:
        raise ValueError(
            f"the next epoch of {job.id} is {job.epoch + 1}, not {fresh[0].epoch}, and they go on without gaps"
        )
    place = {"account_id": job.account_id, "job_id": job.id, "attempt": claim.attempt}
    session.execute(insert(EpochRow), [{**place, **record.model_dump()} for record in fresh])
    return fenced(session, claim, {"epoch": wanted[-1], "step": 0}).status


def rewind(session: Session, claim: Claim, epoch: int, step: int = 0) -> None:
    """Forget what lies beyond the position that this attempt goes on from: it will be written again.

    Args:
        session: All of it becomes true together.
        claim: Whose attempt it is.
        epoch: Epochs finished there; 0 to start from the beginning.
        step: Steps done of the next epoch.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    removed = case((JobRow.epochs_removed > epoch, epoch), else_=JobRow.epochs_removed)
    job = fenced(session, claim, {"epoch": epoch, "step": step, "epochs_removed": removed})
    later = (EpochRow.account_id == job.account_id, EpochRow.job_id == job.id, EpochRow.epoch > epoch)
    session.execute(delete(EpochRow).where(*later).execution_options(synchronize_session=False))
    checkpoints.drop_later(session, job, epoch, step)


def page(
    session: Session, account_id: str, job_id: str, limit: int = DEFAULT_LIMIT, after: int | None = None
) -> Page[EpochRow]:
    """A job's epochs above `after`, oldest first."""
    return oldest_first(session, _query(account_id, job_id), EpochRow.epoch, limit, after)


def sample(session: Session, job: JobRow, points: int) -> Sequence[EpochRow]:
    """At most `points` epochs, evenly spread, with the first and the last."""
    if points >= job.epoch:
        return session.scalars(_query(job.account_id, job.id).order_by(EpochRow.epoch)).all()
    spread = {1 + round(i * (job.epoch - 1) / max(1, points - 1)) for i in range(points)} | {job.epoch}
    chosen = sorted(spread)[-points:]
    return session.scalars(
        _query(job.account_id, job.id).where(EpochRow.epoch.in_(chosen)).order_by(EpochRow.epoch)
    ).all()


def _query(account_id: str, job_id: str) -> Select[EpochRow]:
    return select(EpochRow).where(EpochRow.account_id == account_id, EpochRow.job_id == job_id)
