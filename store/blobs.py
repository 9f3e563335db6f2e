"""Blobs: bytes of any length in rows of 1 MiB, by the name of their SHA-256, in and out in constant memory.

A blob is `uploading`, then `complete`, and at its end `deleting`. While nothing refers to it, `kept_until` says how
long it is left alone; `hold` ends that when a row that refers to it is written, `let_go` when the last one is removed.
The reconciler removes what nobody came for. Two uploads of the same bytes end as one blob.
"""

import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import CursorResult, delete, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from steepest.spec.errors import InternalError, NotFound, RequestTooLarge, Unavailable
from store import ids
from store.database import Database, now
from store.models import BlobRow, BlobState, CheckpointRow, ChunkRow, DatasetRow

CHUNK: Final = 1 << 20
"""Bytes of every chunk of a blob but the last."""

KEPT: Final = timedelta(minutes=10)
"""How long an unfinished upload, or a blob that nothing refers to, is left alone after its last sign of life."""

_CHUNKS_PER_DELETE: Final = 32


class BlobDamaged(InternalError):
    """The stored bytes are not those that were written."""

    code, title, retryable = "blob_damaged", "Stored bytes are damaged", False


def write(database: Database, account_id: str, chunks: Iterable[bytes], limit: int | None = None) -> BlobRow:
    """Store the bytes of `chunks`, 1 MiB and one short transaction at a time.

    The blob is complete and nothing refers to it yet: the caller `hold`s it in the transaction that does.

    Args:
        database: Where to.
        account_id: Whose bytes they are.
        chunks: Pieces of any length.
        limit: The most bytes in all; None for no limit.

    Raises:
        RequestTooLarge: `chunks` gives more than `limit`. What was stored of them is let go, as after any exception.
    """
    pieces = _pieces(chunks, limit)
    first = next(pieces, b"")
    if len(first) < CHUNK:
        return _write_small(database, account_id, first)
    blob_id = _begin(database, account_id)
    digest, size = hashlib.sha256(), 0
    try:
        piece, number = first, 0
        while piece:
            digest.update(piece)
            size += len(piece)
            _append(database, account_id, blob_id, number, piece)
            piece, number = next(pieces, b""), number + 1
        return _complete(database, account_id, blob_id, size, digest.hexdigest())
    except BaseException:
        abandon(database, blob_id)
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
        Unavailable: it waited for so long that it has been swept; the same request stores it anew.
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
        raise Unavailable("The stored bytes are no longer there; send them again.")
    return row


def let_go(session: Session, blob_ids: Iterable[str | None]) -> None:
    """Give up those blobs that nothing refers to any more, after this transaction removed a row that did."""
    wanted = sorted({blob_id for blob_id in blob_ids if blob_id is not None})
    if not wanted:
        return
    session.flush()
    # Two transactions that each remove one of the last two references must not both see the other's.
    session.execute(select(BlobRow.id).where(BlobRow.id.in_(wanted)).order_by(BlobRow.id).with_for_update())
    _doom(session, BlobRow.id.in_(wanted), or_(BlobRow.kept_until.is_(None), BlobRow.kept_until <= now(session)))


def sweep(database: Database, most: int = 100) -> int:
    """Give up blobs whose time is over without a reference; how many. The reconciler's part."""
    with database.read() as session:
        moment = now(session)
        overdue = (BlobRow.status.in_((BlobState.UPLOADING, BlobState.COMPLETE)), BlobRow.kept_until <= moment)
        found = session.scalars(select(BlobRow.id).where(*overdue).limit(most)).all()
    if not found:
        return 0
    with database.write() as session:
        return _doom(session, BlobRow.id.in_(found), BlobRow.kept_until <= moment)


def remove_deleted(database: Database, most: int = 100) -> int:
    """Remove the bytes of blobs that were given up, a few chunks a transaction; how many blobs. Can be interrupted."""
    with database.read() as session:
        found = session.scalars(select(BlobRow.id).where(BlobRow.status == BlobState.DELETING).limit(most)).all()
    for blob_id in found:
        while _remove_some(database, blob_id):
            pass
    return len(found)


def abandon(database: Database, blob_id: str) -> None:
    """Give up an upload that will not be finished."""
    with database.write() as session:
        _doom(session, BlobRow.id == blob_id, BlobRow.status == BlobState.UPLOADING)


class BlobReader(io.RawIOBase):
    """A complete blob as a seekable binary file; each chunk is fetched when it is needed, in a short transaction.

    Every chunk is checked before a byte of it is handed out, and the SHA-256 when the blob has been read whole.

    Raises:
        BlobDamaged: on reading bytes that are not those that were written.
    """

    def __init__(self, database: Database, blob: BlobRow) -> None:
        super().__init__()
        self._database = database
        self._account_id, self._blob_id = blob.account_id, blob.id
        self.size, self.sha256 = blob.size, blob.sha256
        self._position = 0
        self._number, self._chunk = -1, memoryview(b"")
        self._digest, self._digested = hashlib.sha256(), 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to `offset` from the start, the position or the end."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # narrower than WriteableBuffer
        """Fill `buffer`, or as much of it as the current chunk has; the number of bytes, 0 at the end."""
        if self._position >= self.size or not len(buffer):
            return 0
        number, offset = divmod(self._position, CHUNK)
        if number != self._number:
            self._fetch(number)
        piece = self._chunk[offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def pieces(self) -> Iterator[bytes]:
        """The rest of the blob, chunk by chunk."""
        while piece := self.read(CHUNK):
            yield piece

    def _fetch(self, number: int) -> None:
        place = (ChunkRow.account_id == self._account_id, ChunkRow.blob_id == self._blob_id, ChunkRow.number == number)
        with self._database.read() as session:
            found = session.execute(select(ChunkRow.data, ChunkRow.crc32).where(*place)).first()
        expected = min(CHUNK, self.size - number * CHUNK)
        if found is None or len(found[0]) != expected or zlib.crc32(found[0]) != found[1]:
            raise BlobDamaged(f"Part {number} of the stored bytes {self._blob_id} is missing or damaged.")
        self._number, self._chunk = number, memoryview(found[0])
        self._verify(number)

    def _verify(self, number: int) -> None:
        if number * CHUNK != self._digested:
            return
        self._digest.update(self._chunk)
        self._digested += len(self._chunk)
        if self._digested == self.size and self._digest.hexdigest() != self.sha256:
            raise BlobDamaged(f"The stored bytes {self._blob_id} do not have the hash they were stored under.")


def read_all(database: Database, blob: BlobRow) -> bytes:
    """The whole of a blob that is known to be small enough for memory."""
    return b"".join(BlobReader(database, blob).pieces())


def _pieces(chunks: Iterable[bytes], limit: int | None) -> Iterator[bytes]:
    """The same bytes in pieces of exactly `CHUNK`, but for the last; nothing for nothing."""
    pending, total = bytearray(), 0
    for chunk in chunks:
        total += len(chunk)
        if limit is not None and total > limit:
            raise RequestTooLarge(f"The body is over the limit of {limit:,} bytes.", limit=limit)
        for start in range(0, len(chunk), CHUNK):  # one piece may be long: never double it
            pending += chunk[start : start + CHUNK]
            if len(pending) >= CHUNK:
                yield bytes(pending[:CHUNK])
                del pending[:CHUNK]
    if pending:
        yield bytes(pending)


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


def _append(database: Database, account_id: str, blob_id: str, number: int, piece: bytes) -> None:
    with database.write() as session:
        alive = session.execute(
            update(BlobRow)
            .where(BlobRow.id == blob_id, BlobRow.status == BlobState.UPLOADING)
            .values(kept_until=now(session) + KEPT)
        )
        if not _count(alive):
            raise Unavailable("The upload stood still for too long and was given up; send it again.")
        _insert_chunk(session, account_id, blob_id, number, piece)


def _insert_chunk(session: Session, account_id: str, blob_id: str, number: int, piece: bytes) -> None:
    values = {"account_id": account_id, "blob_id": blob_id, "number": number, "data": piece}
    session.execute(insert(ChunkRow).values(crc32=zlib.crc32(piece), **values))


def _complete(database: Database, account_id: str, blob_id: str, size: int, sha256: str) -> BlobRow:
    """Make the upload complete, or give it up for the blob that has the same bytes already."""
    for last_try in (False, True):
        try:
            with database.write() as session:
                row = _reuse(session, account_id, sha256)
                if row is not None:
                    _doom(session, BlobRow.id == blob_id)
                    return row
                statement = (
                    update(BlobRow)
                    .where(BlobRow.id == blob_id, BlobRow.status == BlobState.UPLOADING)
                    .values(status=BlobState.COMPLETE, size=size, sha256=sha256, kept_until=now(session) + KEPT)
                    .returning(BlobRow)
                    .execution_options(synchronize_session=False, populate_existing=True)
                )
                return session.scalars(statement).one()
        except IntegrityError:  # the same bytes became complete in this moment: now they are found
            if last_try:
                raise
    raise AssertionError("unreachable")


def _write_small(database: Database, account_id: str, data: bytes) -> BlobRow:
    """A blob of one chunk at most, in one transaction."""
    sha256 = hashlib.sha256(data).hexdigest()
    for last_try in (False, True):
        try:
            with database.write() as session:
                row = _reuse(session, account_id, sha256)
                if row is None:
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
                        _insert_chunk(session, account_id, row.id, 0, data)
                return row
        except IntegrityError:
            if last_try:
                raise
    raise AssertionError("unreachable")


def _reuse(session: Session, account_id: str, sha256: str) -> BlobRow | None:
    """The complete blob of these bytes, kept for a while if nothing refers to it."""
    query = select(BlobRow).where(BlobRow.account_id == account_id, BlobRow.sha256 == sha256)
    row = session.scalars(query.where(BlobRow.status == BlobState.COMPLETE).with_for_update()).first()
    if row is not None:
        row.kept_until = now(session) + KEPT
    return row


def _doom(session: Session, *conditions: object) -> int:
    """Mark for removal what meets the conditions, is not marked already, and is referred to by nothing."""
    in_use = (
        exists().where(DatasetRow.account_id == BlobRow.account_id, DatasetRow.blob_id == BlobRow.id),
        exists().where(CheckpointRow.account_id == BlobRow.account_id, CheckpointRow.blob_id == BlobRow.id),
        exists().where(CheckpointRow.account_id == BlobRow.account_id, CheckpointRow.state_blob_id == BlobRow.id),
    )
    statement = update(BlobRow).where(*conditions, BlobRow.status != BlobState.DELETING, ~or_(*in_use))  # type: ignore[arg-type]  # clauses
    marked = statement.values(status=BlobState.DELETING, kept_until=None)
    return _count(session.execute(marked.execution_options(synchronize_session=False)))


def _remove_some(database: Database, blob_id: str) -> bool:
    """Remove some chunks, or the blob itself after the last; whether there is more to do."""
    with database.write() as session:
        query = select(ChunkRow.account_id, ChunkRow.number).where(ChunkRow.blob_id == blob_id)
        account = select(BlobRow.account_id).where(BlobRow.id == blob_id).scalar_subquery()
        numbers: Sequence[int] = session.scalars(
            select(ChunkRow.number)
            .where(ChunkRow.account_id == account, ChunkRow.blob_id == blob_id)
            .order_by(ChunkRow.number.desc())
            .limit(_CHUNKS_PER_DELETE)
        ).all()
        del query
        if not numbers:
            session.execute(delete(BlobRow).where(BlobRow.id == blob_id, BlobRow.status == BlobState.DELETING))
            return False
        session.execute(
            delete(ChunkRow).where(
                ChunkRow.account_id == account, ChunkRow.blob_id == blob_id, ChunkRow.number >= numbers[-1]
            )
        )
        return True


def _count(result: object) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0
