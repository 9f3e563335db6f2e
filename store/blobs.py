"""Blobs: bytes of any length in rows of 1 MiB, by the name of their SHA-256, in and out in constant memory.

A blob is `uploading`, then `complete`, and at its end `deleting`. While nothing refers to it, `kept_until` says how
long it is left alone; `hold` ends that when a row that refers to it is written, `let_go` when the last one is removed.
What nobody came for goes the way of `orphans`. Two uploads of the same bytes end as one blob.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from steepest.spec.errors import NotFound, RequestTooLarge, Unavailable
from store import ids, orphans
from store.blob_reader import CHUNK, BlobDamaged, BlobReader
from store.database import Database, now
from store.models import BlobRow, BlobState, ChunkRow

__all__ = ["CHUNK", "KEPT", "BlobDamaged", "BlobGone", "BlobReader", "get", "hold", "let_go", "read_all", "write"]


class BlobGone(Unavailable):
    """Bytes that waited to be referred to have been removed: to be stored anew."""


KEPT: Final = timedelta(minutes=10)
"""How long an unfinished upload, or a blob that nothing refers to, is left alone after its last sign of life."""


TOGETHER: Final = 8
"""Rows of one transaction, where the bytes are at hand: each commit waits for the disk."""


def write(
    database: Database, account_id: str, chunks: Iterable[bytes | memoryview], limit: int | None = None
) -> BlobRow:
    """Store the bytes of `chunks`, in rows of 1 MiB and by short transactions.

    The blob is complete and nothing refers to it yet: `hold` it in the transaction that does.

    Args:
        database: Where to.
        account_id: Whose bytes they are.
        chunks: Pieces of any length.
        limit: The most bytes in all; None for no limit.

    Raises:
        RequestTooLarge: `chunks` gives more than `limit`. What was stored of them is given up, as after any exception.
    """
    batches = _batches(chunks, limit)
    pieces = next(batches, [b""])
    if len(pieces[0]) < CHUNK:
        return _write_small(database, account_id, pieces[0])
    blob_id = _begin(database, account_id)
    try:
        digest, size = hashlib.sha256(), 0
        while pieces:
            _append(database, account_id, blob_id, size // CHUNK, pieces)
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
            pieces = next(batches, [])
        return _complete(database, account_id, blob_id, size, digest.hexdigest())
    except BaseException:
        with database.write() as session:
            orphans.mark(session, BlobRow.id == blob_id, BlobRow.status == BlobState.UPLOADING)
        raise


def get(session: Session, account_id: str, blob_id: str) -> BlobRow:
    """A complete blob.

    Raises:
        NotFound: the account has none of this id.
    """
    query = select(BlobRow).where(BlobRow.account_id == account_id, BlobRow.id == blob_id)
    row = session.scalars(query.where(BlobRow.status == BlobState.COMPLETE)).first()
    if row is None:
        raise NotFound(f"There is no blob {blob_id}.")
    return row


def hold(session: Session, account_id: str, blob_id: str) -> BlobRow:
    """Keep a complete blob from now on, because this transaction writes a row that refers to it.

    Raises:
        BlobGone: it has been swept, because it waited for long, or because others had the same bytes and let them go.
    """
    statement = (
        update(BlobRow)
        .where(BlobRow.account_id == account_id, BlobRow.id == blob_id, BlobRow.status == BlobState.COMPLETE)
        .values(kept_until=None)
        .returning(BlobRow)
        .execution_options(synchronize_session=False, populate_existing=True)
    )
    row = session.scalars(statement).one_or_none()
    if row is None:
        raise BlobGone("The stored bytes are no longer there; send them again.")
    return row


def let_go(session: Session, blob_ids: Iterable[str | None]) -> None:
    """Give up those blobs that nothing refers to any more, after this transaction removed a row that did."""
    wanted = sorted({blob_id for blob_id in blob_ids if blob_id is not None})
    if not wanted:
        return
    session.flush()
    # Two transactions that each remove one of the last two references must not both see the other's.
    session.execute(select(BlobRow.id).where(BlobRow.id.in_(wanted)).order_by(BlobRow.id).with_for_update())
    at_rest = or_(BlobRow.kept_until.is_(None), BlobRow.kept_until <= now(session))
    orphans.mark(session, BlobRow.id.in_(wanted), at_rest)


def read_all(database: Database, blob: BlobRow) -> bytes:
    """The whole of a blob that is known to be small enough for memory.

    Raises:
        BlobDamaged: the stored bytes are not those that were written.
    """
    return b"".join(BlobReader(database, blob).pieces())


def _batches(chunks: Iterable[bytes | memoryview], limit: int | None) -> Iterator[list[bytes]]:
    """The same bytes in pieces of exactly `CHUNK`, but for the last; nothing for nothing.

    In one batch come up to `TOGETHER` that are at hand: for the next element of `chunks` one may have to wait.
    """
    pending, ready, total = bytearray(), list[bytes](), 0
    for chunk in chunks:
        view = memoryview(chunk)
        total += len(view)
        if limit is not None and total > limit:
            raise RequestTooLarge(f"The body is over the limit of {limit:,} bytes.", limit=limit)
        start = 0
        while start < len(view):
            end = start + CHUNK - len(pending)
            if pending or end > len(view):
                pending += view[start:end]
            else:  # copied once, not twice
                ready.append(bytes(view[start:end]))
            if len(pending) == CHUNK:
                ready.append(bytes(pending))
                pending.clear()
            if len(ready) == TOGETHER:
                yield ready
                ready = []
            start = end
        if ready:
            yield ready
            ready = []
    if pending:
        yield [bytes(pending)]


def _begin(database: Database, account_id: str) -> str:
    with database.write() as session:
        moment = now(session)
        row = BlobRow(
            id=ids.new_id(ids.BLOB),
            account_id=account_id,
            status=BlobState.UPLOADING,
            size=0,
            created_at=moment,
            kept_until=moment + KEPT,
        )
        session.add(row)
    return row.id


def _append(database: Database, account_id: str, blob_id: str, number: int, pieces: Sequence[bytes]) -> None:
    with database.write() as session:
        alive = (
            update(BlobRow)
            .where(BlobRow.id == blob_id, BlobRow.status == BlobState.UPLOADING)
            .values(kept_until=now(session) + KEPT)
            .returning(BlobRow.id)
        )
        if session.scalars(alive).one_or_none() is None:
            raise Unavailable("The upload stood still for too long and was given up; send it again.")
        _insert_chunks(session, account_id, blob_id, number, pieces)


def _insert_chunks(session: Session, account_id: str, blob_id: str, first: int, pieces: Sequence[bytes]) -> None:
    blob = {"account_id": account_id, "blob_id": blob_id}
    session.execute(
        insert(ChunkRow.__table__),  # type: ignore[arg-type]  # a plain table: no objects to make
        [blob | {"number": first + i, "crc32": zlib.crc32(piece), "data": piece} for i, piece in enumerate(pieces)],
    )


def _complete(database: Database, account_id: str, blob_id: str, size: int, sha256: str) -> BlobRow:
    """Make the upload complete, or give it up for the blob that has the same bytes already."""

    def complete(session: Session) -> BlobRow:
        statement = (
            update(BlobRow)
            .where(BlobRow.id == blob_id, BlobRow.status == BlobState.UPLOADING)
            .values(status=BlobState.COMPLETE, size=size, sha256=sha256, kept_until=now(session) + KEPT)
            .returning(BlobRow)
            .execution_options(synchronize_session=False, populate_existing=True)
        )
        return session.scalars(statement).one()

    row = _once(database, account_id, sha256, complete)
    if row.id != blob_id:
        with database.write() as session:
            orphans.mark(session, BlobRow.id == blob_id)
    return row


def _write_small(database: Database, account_id: str, data: bytes) -> BlobRow:
    """A blob of one chunk at most, in one transaction."""
    sha256 = hashlib.sha256(data).hexdigest()

    def insert_whole(session: Session) -> BlobRow:
        moment = now(session)
        row = BlobRow(
            id=ids.new_id(ids.BLOB),
            account_id=account_id,
            status=BlobState.COMPLETE,
            size=len(data),
            sha256=sha256,
            created_at=moment,
            kept_until=moment + KEPT,
        )
        session.add(row)
        session.flush()
        if data:
            _insert_chunks(session, account_id, row.id, 0, [data])
        return row

    return _once(database, account_id, sha256, insert_whole)


def _once(database: Database, account_id: str, sha256: str, make: Callable[[Session], BlobRow]) -> BlobRow:
    """The complete blob of these bytes, kept for a while; made if there is none."""

    def find_or_make() -> BlobRow:
        with database.write() as session:
            same = select(BlobRow).where(BlobRow.account_id == account_id, BlobRow.sha256 == sha256)
            row = session.scalars(same.where(BlobRow.status == BlobState.COMPLETE).with_for_update()).first()
            if row is None:
                return make(session)
            row.kept_until = now(session) + KEPT
            return row

    try:
        return find_or_make()
    except IntegrityError:  # the same bytes became complete in this moment: now they are found
        return find_or_make()
