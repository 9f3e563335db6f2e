"""The fence around everything that an attempt writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, update
from sqlalchemy.orm import Session

from steepest.spec.states import HELD, JobState
from store.models import JobRow


class FencedOff(Exception):
    """The attempt no longer holds the job: its worker stops, and writes nothing more."""


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a job, as the token that each of its writes shows."""

    job: JobRow
    """As it was when it was claimed."""
    attempt: int
    worker: str

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def account_id(self) -> str:
        """Whose job it is."""
        return self.job.account_id


_IS_HELD: Final = JobRow.status.in_(sorted(HELD))


def _held_by(job_id: str | BindParameter[str], attempt: int | BindParameter[int]) -> ColumnElement[bool]:
    return and_(JobRow.id == job_id, JobRow.attempt == attempt, _IS_HELD)


HELD_BY: Final = _held_by(bindparam("held_job"), bindparam("by_attempt"))
"""As `guard`, for statements that are put together once: the claim comes with the parameters of `token`."""


def token(claim: Claim) -> dict[str, Any]:
    """The parameters of `HELD_BY`."""
    return {"held_job": claim.job_id, "by_attempt": claim.attempt}


def guard(claim: Claim) -> ColumnElement[bool]:
    """True of the claimed job for as long as this attempt holds it."""
    return _held_by(claim.job_id, claim.attempt)


class Held(NamedTuple):
    """What a fenced write learns of its job: a few short columns, for it happens several times a second."""

    id: str
    account_id: str
    status: JobState
    epoch: int
    last_event: int


_FENCED: Final = (
    update(JobRow)
    .where(HELD_BY)
    .returning(JobRow.id, JobRow.account_id, JobRow.status, JobRow.epoch, JobRow.last_event)
    .execution_options(synchronize_session=False)
)


def fenced(session: Session, claim: Claim, values: Mapping[str, Any]) -> Held:
    """Update the job's row, and with it lock it, so that the rest of the transaction is fenced too.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    row = session.execute(_FENCED.values(dict(values)), token(claim)).one_or_none()
    if row is None:
        raise FencedOff(f"attempt {claim.attempt} no longer holds {claim.job_id}")
    return Held(*row)
