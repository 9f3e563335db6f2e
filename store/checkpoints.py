"""Checkpoints: the rows that say which bytes are a job's initial, best and last weights.

While a job may yet go on, the last checkpoint before the last stays as well, as one of no kind: should the last one's
bytes turn out to be damaged, the job goes on from there.
"""

from collections.abc import Collection, Sequence
from typing import Final, Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, Select, bindparam, literal, select, tuple_
from sqlalchemy.orm import Session

from steepest.spec.errors import InvalidRequest
from store import blobs
from store.database import now
from store.fence import Claim, Held, fenced
from store.models import CheckpointRow, JobRow
from store.pages import DEFAULT_LIMIT, Page

Kind = Literal["initial", "best", "last"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_DIGITS: Final = 9

_COLUMNS: Final = CheckpointRow.__table__.c
_WEIGHTS: Final = {
    kind: select(_COLUMNS.blob_id, _COLUMNS.sha256, _COLUMNS.bytes).where(
        _COLUMNS.account_id == bindparam("account"), _COLUMNS.job_id == bindparam("job"), _COLUMNS[f"is_{kind}"]
    )
    for kind in KINDS
}


def save(
    session: Session,
    claim: Claim,
    epoch: int,
    step: int,
    kinds: Collection[Kind],
    blob_id: str,
    state_blob_id: str | None = None,
) -> CheckpointRow:
    """Make stored bytes the current checkpoint of `kinds`. The one that was, and is of no other kind, goes.

    But for the last one to go on from, which stays until the next but one.

    Args:
        session: All of it becomes true together.
        claim: Whose attempt it is.
        epoch: Epochs finished.
        step: Steps done of the next epoch.
        kinds: At least one of `initial`, `best`, `last`.
        blob_id: A complete blob: the weights, as they are downloaded.
        state_blob_id: A complete blob: the trainer's state; None when no attempt resumes from here.

    Raises:
        FencedOff: the attempt no longer holds the job.
    """
    if not kinds or not set(kinds) <= set(KINDS):
        raise ValueError(f"the kinds of a checkpoint are some of {KINDS}")
    moment = now(session)
    job = fenced(session, claim, {"progress_at": moment})
    before = session.scalars(_query(job.account_id, job.id)).all()
    wanted = {blob_id} if state_blob_id is None else {blob_id, state_blob_id}
    held = {one: blobs.hold(session, job.account_id, one) for one in sorted(wanted)}  # in one order: no deadlock
    row = next((row for row in before if (row.epoch, row.step) == (epoch, step)), None)
    freed = _take_kinds(session, before, kinds, row, resumable=state_blob_id is not None)
    if row is None:
        row = CheckpointRow(account_id=job.account_id, job_id=job.id, epoch=epoch, step=step)
        session.add(row)
    else:
        freed += [row.blob_id, row.state_blob_id]
    row.attempt = claim.attempt
    row.blob_id, row.bytes, row.sha256 = blob_id, held[blob_id].size, held[blob_id].sha256 or ""
    row.state_blob_id = state_blob_id
    row.created_at = moment
    for kind in kinds:
        setattr(row, f"is_{kind}", True)
    session.flush()
    blobs.let_go(session, set(freed) - {blob_id, state_blob_id})
    return row


def page(
    session: Session, account_id: str, job_id: str, limit: int = DEFAULT_LIMIT, after: str | None = None
) -> Page[CheckpointRow]:
    """A job's checkpoints, oldest first.

    Raises:
        InvalidRequest: `after` is not the `next` of an earlier page.
    """
    query = _query(account_id, job_id)
    if after is not None:
        epoch, step = _position(after)
        query = query.where(tuple_(CheckpointRow.epoch, CheckpointRow.step) > tuple_(literal(epoch), literal(step)))
    rows = session.scalars(query.limit(limit + 1)).all()
    kept = rows[:limit]
    return Page(kept, f"{kept[-1].epoch}.{kept[-1].step}" if len(rows) > limit else None)


def find(session: Session, job: JobRow, which: str) -> CheckpointRow | None:
    """The checkpoint `best`, `last` or `initial`, or that of an epoch given as a number; None when it is not kept."""
    query = _query(job.account_id, job.id)
    if which in KINDS:
        return session.scalars(query.where(_flag(which))).first()
    if not (which.isascii() and which.isdigit() and len(which) <= _DIGITS):
        return None
    return session.scalars(
        query.where(CheckpointRow.epoch == int(which)).order_by(None).order_by(CheckpointRow.step)
    ).first()


class Weights(NamedTuple):
    """Where stored weights are."""

    blob_id: str
    sha256: str
    bytes: int


def weights(session: Session, account_id: str, job_id: str, kind: Kind) -> Weights | None:
    """The weights of a job's checkpoint of a kind, by one look at an index; None when there are none.

    Each prediction asks, so the question is put together once and no row is made of the answer.
    """
    found = session.execute(_WEIGHTS[kind], {"account": account_id, "job": job_id}).first()
    return None if found is None else Weights(*found)


def for_predictions(job: JobRow) -> Kind:
    """Which of a job's checkpoints predictions use."""
    stopping = job.resolved_spec.early_stopping
    return "best" if stopping is not None and stopping.restore_best else "last"


def resumable(session: Session, claim: Claim) -> Sequence[CheckpointRow]:
    """Where an attempt may go on: the checkpoints with a state, latest first; none to start from the beginning."""
    query = _query(claim.account_id, claim.job_id).where(CheckpointRow.state_blob_id.is_not(None)).order_by(None)
    return session.scalars(query.order_by(CheckpointRow.epoch.desc(), CheckpointRow.step.desc())).all()


def go_back(session: Session, claim: Claim, epoch: int, step: int) -> None:
    """Make the checkpoint at a position the last one again, once those beyond it are gone."""
    here = (CheckpointRow.epoch == epoch, CheckpointRow.step == step)
    row = session.scalars(_query(claim.account_id, claim.job_id).where(*here)).one()
    row.is_last = True


def kinds(row: CheckpointRow) -> list[Kind]:
    """What a checkpoint is."""
    return [kind for kind in KINDS if getattr(row, f"is_{kind}")]


def drop_later(session: Session, job: JobRow | Held, epoch: int, step: int) -> None:
    """Remove checkpoints beyond a position, when an attempt goes on from there."""
    later = tuple_(CheckpointRow.epoch, CheckpointRow.step) > tuple_(literal(epoch), literal(step))
    rows = session.scalars(_query(job.account_id, job.id).where(later)).all()
    for row in rows:
        session.delete(row)
    blobs.let_go(session, [blob_id for row in rows for blob_id in (row.blob_id, row.state_blob_id)])


def drop_states(session: Session, job: JobRow) -> None:
    """Remove the states of a job that no attempt will resume; its weights stay."""
    rows = session.scalars(_query(job.account_id, job.id).where(CheckpointRow.state_blob_id.is_not(None))).all()
    freed: list[str | None] = []
    for row in rows:
        freed.append(row.state_blob_id)
        row.state_blob_id = None
        if not kinds(row):
            freed.append(row.blob_id)
            session.delete(row)
    blobs.let_go(session, freed)


def keep_only(session: Session, job: JobRow, kind: Kind) -> None:
    """Of a job that is over keep the weights of one checkpoint, that of a kind; all else goes, and every state."""
    rows = session.scalars(_query(job.account_id, job.id)).all()
    freed = [row.state_blob_id for row in rows]
    for row in rows:
        if getattr(row, f"is_{kind}"):
            row.state_blob_id = None
        else:
            freed.append(row.blob_id)
            session.delete(row)
    blobs.let_go(session, freed)


def _take_kinds(
    session: Session,
    before: Sequence[CheckpointRow],
    taken: Collection[Kind],
    unless: CheckpointRow | None,
    *,
    resumable: bool,
) -> list[str | None]:
    """Take `taken` from the checkpoints that have been of these kinds; the blobs that nothing needs then.

    `resumable`: attempts go on from the new last one, or else from the one that it follows, which keeps its state.
    """
    freed: list[str | None] = []
    for row in before:
        if row is unless:
            continue
        if "last" in taken and not (resumable and row.is_last):
            freed.append(row.state_blob_id)
            row.state_blob_id = None
        for kind in taken:
            setattr(row, f"is_{kind}", False)
        if not kinds(row) and row.state_blob_id is None:
            freed.append(row.blob_id)
            session.delete(row)
    session.flush()
    return freed


def _query(account_id: str, job_id: str) -> Select[CheckpointRow]:
    query = select(CheckpointRow).where(CheckpointRow.account_id == account_id, CheckpointRow.job_id == job_id)
    return query.order_by(CheckpointRow.epoch, CheckpointRow.step)


def _flag(kind: str) -> ColumnElement[bool]:
    flags: dict[str, ColumnElement[bool]] = {
        "initial": CheckpointRow.is_initial.is_(True),
        "best": CheckpointRow.is_best.is_(True),
        "last": CheckpointRow.is_last.is_(True),
    }
    return flags[kind]


def _position(after: str) -> tuple[int, int]:
    epoch, _, step = after.partition(".")
    if not (after.isascii() and epoch.isdigit() and step.isdigit() and len(after) <= 2 * _DIGITS):
        raise InvalidRequest('after must be the "next" of an earlier page.')
    return int(epoch), int(step)
