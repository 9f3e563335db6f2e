"""Blobs that nothing refers to: how they are recognised, marked, and removed a little at a time."""

from functools import cache

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session

from store.database import Database, now
from store.models import BlobRow, BlobState, CheckpointRow, ChunkRow, ComputationRow, DatasetRow, SplitRow

_CHUNKS_PER_TRANSACTION = 32


@cache
def in_use() -> ColumnElement[bool]:
    """True of a blob that something refers to."""
    return or_(
        exists().where(DatasetRow.account_id == BlobRow.account_id, DatasetRow.blob_id == BlobRow.id),
        exists().where(CheckpointRow.account_id == BlobRow.account_id, CheckpointRow.blob_id == BlobRow.id),
        exists().where(CheckpointRow.account_id == BlobRow.account_id, CheckpointRow.state_blob_id == BlobRow.id),
        exists().where(ComputationRow.account_id == BlobRow.account_id, ComputationRow.blob_id == BlobRow.id),
        exists().where(SplitRow.account_id == BlobRow.account_id, SplitRow.blob_id == BlobRow.id),
    )


def mark(session: Session, *conditions: ColumnElement[bool]) -> int:
    """Mark for removal what meets the conditions and is referred to by nothing; how many."""
    statement = (
        update(BlobRow)
        .where(*conditions, BlobRow.status != BlobState.DELETING, ~in_use())
        .values(status=BlobState.DELETING, kept_until=None)
        .returning(BlobRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(session.scalars(statement).all())


def sweep(database: Database, most: int = 100) -> int:
    """Mark those blobs whose time is over without a reference; how many."""
    with database.read() as session:
        moment = now(session)
        overdue = BlobRow.kept_until <= moment
        live = BlobRow.status.in_((BlobState.UPLOADING, BlobState.COMPLETE))
        ids = session.scalars(select(BlobRow.id).where(live, overdue).limit(most)).all()
    if not ids:
        return 0
    found = BlobRow.id.in_(ids)
    with database.write() as session:
        marked = mark(session, found, overdue)
        # The others are in use: from now on only the end of a reference concerns them.
        used = update(BlobRow).where(found, overdue, BlobRow.status == BlobState.COMPLETE).values(kept_until=None)
        session.execute(used.execution_options(synchronize_session=False))
    return marked


def remove(database: Database, most: int = 100) -> int:
    """Remove marked blobs, a few chunks a transaction, in `most` transactions or some more; how many blobs are gone.

    A large one takes several calls, for whoever calls has leases to look after meanwhile.
    """
    with database.read() as session:
        found = session.execute(
            select(BlobRow.account_id, BlobRow.id).where(BlobRow.status == BlobState.DELETING).limit(most)
        ).all()
    transactions = 0
    for removed, (account_id, blob_id) in enumerate(found):
        while _remove_some(database, account_id, blob_id):
            transactions += 1
            if transactions >= most:
                return removed
    return len(found)


def _remove_some(database: Database, account_id: str, blob_id: str) -> bool:
    """Remove some chunks, or the blob itself after the last; whether there is more to do."""
    here = (ChunkRow.account_id == account_id, ChunkRow.blob_id == blob_id)
    with database.write() as session:
        numbers = session.scalars(
            select(ChunkRow.number).where(*here).order_by(ChunkRow.number.desc()).limit(_CHUNKS_PER_TRANSACTION)
        ).all()
        if not numbers:
            session.execute(delete(BlobRow).where(BlobRow.id == blob_id, BlobRow.status == BlobState.DELETING))
            return False
        session.execute(delete(ChunkRow).where(*here, ChunkRow.number >= numbers[-1]))
        return True
