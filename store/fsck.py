"""Look over all that is stored, and say what is damaged or does not fit together. Nothing is changed.

It may run beside a service at work: rows are judged as of one moment, and bytes that were deleted meanwhile are no
damage.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, literal, or_, select, text
from sqlalchemy.orm import InstrumentedAttribute

from store.blob_reader import CHUNK, BlobDamaged, BlobReader
from store.database import Database
from store.models import (
    BlobRow,
    BlobState,
    CheckpointRow,
    ChunkRow,
    ComputationRow,
    DatasetRow,
    EpochRow,
    EventRow,
    JobRow,
    SplitRow,
)
from store.orphans import in_use

PAGE = 500
"""Blobs whose rows are fetched together."""

REFERENCES: tuple[InstrumentedAttribute[str] | InstrumentedAttribute[str | None], ...] = (
    DatasetRow.blob_id,
    CheckpointRow.blob_id,
    CheckpointRow.state_blob_id,
    ComputationRow.blob_id,
    SplitRow.blob_id,
)
"""Every column that holds the id of stored bytes."""


@dataclass(frozen=True)
class Damage:
    """One thing that is not as it should be."""

    subject: str
    """The id of a blob or job, or `database`."""
    detail: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.detail}"


def size(database: Database) -> int:
    """Bytes that `check` will read."""
    with database.read() as session:
        stored = select(func.coalesce(func.sum(BlobRow.size), 0)).where(BlobRow.status == BlobState.COMPLETE)
        return int(session.scalars(stored).one())  # a sum is a decimal on PostgreSQL


def check(database: Database, on_read: Callable[[int], None] = lambda _: None) -> Iterator[Damage]:
    """Everything that is wrong, as it is found.

    Args:
        database: Of this release's schema.
        on_read: Told the bytes of each piece that was read.

    Raises:
        Unavailable: the database does not answer.
    """
    yield from _file(database)
    yield from _references(database)
    yield from _series(database)
    yield from _bytes(database, on_read)


def _file(database: Database) -> Iterator[Damage]:
    """What SQLite knows about its own file; PostgreSQL checks its pages itself, and its references always."""
    if not database.is_sqlite:
        return
    with database.read() as session:
        for (said,) in session.execute(text("PRAGMA integrity_check")):
            if said != "ok":
                yield Damage("database", str(said))
        for table, row, parent, _ in session.execute(text("PRAGMA foreign_key_check")):
            yield Damage("database", f"row {row} of {table} refers to a row of {parent} that is not there")


def _references(database: Database) -> Iterator[Damage]:
    with database.read() as session:
        for column in REFERENCES:
            lost = (
                select(column, BlobRow.status)
                .outerjoin(BlobRow, BlobRow.id == column)
                .where(column.is_not(None), or_(BlobRow.id.is_(None), BlobRow.status != BlobState.COMPLETE))
            )
            for blob_id, state in session.execute(lost):
                what = "are missing" if state is None else f"are {state.value}"
                yield Damage(
                    str(blob_id), f"these bytes, to which {column.class_.__tablename__}.{column.key} refers, {what}"
                )
        forgotten = select(BlobRow.id).where(
            BlobRow.status == BlobState.COMPLETE, BlobRow.kept_until.is_(None), ~in_use()
        )
        for blob_id in session.scalars(forgotten):
            yield Damage(blob_id, "nothing refers to these bytes, and nothing will remove them")


def _series(database: Database) -> Iterator[Damage]:
    """Events and epochs are numbered without a gap, from and to what the job's row says."""
    kinds = (
        ("events", EventRow, EventRow.number, literal(0), JobRow.last_event),
        ("epochs", EpochRow, EpochRow.epoch, JobRow.epochs_removed, JobRow.epoch),
    )
    with database.read() as session:
        for name, table, number, removed, last in kinds:
            count, least, most = func.count(number), func.min(number), func.max(number)
            sound: ColumnElement[bool] = (count == last - removed) & (func.coalesce(most, last) == last)
            sound &= func.coalesce(least, removed + 1) == removed + 1
            broken = (
                select(JobRow.id, count, least, most, last - removed)
                .outerjoin(table, (table.account_id == JobRow.account_id) & (table.job_id == JobRow.id))
                .group_by(JobRow.id, removed, last)
                .having(~sound)
            )
            for job_id, there, lowest, highest, expected in session.execute(broken):
                span = f", {lowest} to {highest}" if there else ""
                yield Damage(job_id, f"{expected} {name} are expected, and {there} are there{span}")


def _bytes(database: Database, on_read: Callable[[int], None]) -> Iterator[Damage]:
    for blob in _complete(database):
        try:
            for piece in BlobReader(database, blob).pieces():
                on_read(len(piece))
            problem = _surplus(database, blob)
        except BlobDamaged as damaged:
            problem = damaged.detail
        if problem is not None and _still_there(database, blob):
            yield Damage(blob.id, problem)


def _complete(database: Database) -> Iterator[BlobRow]:
    after = ""
    while True:
        with database.read() as session:
            query = select(BlobRow).where(BlobRow.status == BlobState.COMPLETE, BlobRow.id > after)
            rows = session.scalars(query.order_by(BlobRow.id).limit(PAGE)).all()
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].id


def _surplus(database: Database, blob: BlobRow) -> str | None:
    here = (ChunkRow.account_id == blob.account_id, ChunkRow.blob_id == blob.id)
    with database.read() as session:
        found = session.scalars(select(func.count()).select_from(ChunkRow).where(*here)).one()
    expected = -(-blob.size // CHUNK)
    return None if found == expected else f"{found} parts are stored where {expected} hold all bytes"


def _still_there(database: Database, blob: BlobRow) -> bool:
    with database.read() as session:
        same = select(BlobRow.id).where(BlobRow.id == blob.id, BlobRow.status == BlobState.COMPLETE)
        return session.scalars(same).first() is not None
