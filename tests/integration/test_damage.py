"""Whatever happens to stored bytes is noticed: nothing damaged is served or used, and the newest good state is found.

`STEEPEST_DAMAGES=2000` (`make damage`) tries so many ways to damage the states and weights of a job; without it some.
"""

import os
import random
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from service.app import create_app
from steepest.spec.errors import InternalError
from steepest.trainer.fit import fit
from store import attempts, fsck, keys
from store.blob_reader import CHUNK
from store.database import Database
from store.fence import Claim
from store.models import DEFAULT_ACCOUNT, BlobRow, CheckpointRow, ChunkRow
from store.settings import Settings
from tests.unit.worker.conftest import Announcements, Desk, at_epoch, csv
from worker import ingest, runner, training
from worker.cache import Cache
from worker.drain import Drain
from worker.identity import Identity
from worker.process import Process
from worker.saving import Saver

DAMAGES: Final = int(os.environ.get("STEEPEST_DAMAGES", "15"))
UNITS: Final = 700
"""Weights of two rows of 1 MiB, states of eight."""
STOPPED_AFTER: Final = 4
FORMATS: Final = ("safetensors", "npz", "onnx", "json", "py")


@dataclass(frozen=True)
class Stored:
    """The bytes of a checkpoint."""

    blob_id: str
    epoch: int
    kind: str | None
    """By which the weights are downloaded; None for a state."""


@dataclass
class Stopped:
    """A job that has stopped, and whoever asks for what it left."""

    desk: Desk
    key: str
    claim: Claim
    path: str
    stored: list[Stored]

    def ask(self, stored: Stored, form: str, part: str | None = None) -> tuple[int, bytes]:
        """The status and the bytes that arrive; a transfer that breaks off has status 0."""
        query = {"checkpoint": stored.kind, "format": form}
        headers = {"Authorization": f"Bearer {self.key}"} | ({"Range": part} if part else {})
        # A new one each time: what another has in memory is whole.
        client = create_app(self.desk.here.settings, self.desk.here.database, self.desk.queue).test_client()
        try:
            answer = client.get(f"{self.path}/weights", query_string=query, headers=headers)
            return answer.status_code, answer.data
        except InternalError:  # after the first bytes there is no other way to say so
            return 0, b""

    def states(self) -> list[int]:
        """The epochs of the states, newest first."""
        return sorted((each.epoch for each in self.stored if each.kind is None), reverse=True)


@pytest.fixture
def stopped(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> Stopped:
    settings = Settings(home=tmp_path, database_url=str(database.url), broker_url="memory://", threads=4)
    drain, queue = Drain.make(tmp_path), Announcements()
    identity = Identity.new("cpu@test", ["cpu"], drain.path)
    desk = Desk(Process(settings, identity, database, queue, Cache(tmp_path / "cache", 1 << 30), drain), queue)
    dataset = desk.upload(csv())
    ingest.run(desk.here, dataset)
    job_id = desk.submit(dataset, layers=[{"units": UNITS}, {"units": UNITS}], epochs=9)
    stop = at_epoch(STOPPED_AFTER, drain.ask)

    def watched(*arguments: Any, **named: Any) -> Iterator[Any]:
        for item in fit(*arguments, **named):
            stop(item)
            yield item

    monkeypatch.setattr(training, "fit", watched)
    monkeypatch.setattr(Saver, "is_due", lambda *_: True)
    runner.run(desk.here, job_id)
    with database.write() as session:
        claim = attempts.claim(session, job_id, "another", 1e6)
        key = keys.create(session, DEFAULT_ACCOUNT, ("read",), "reader")[1]
        rows = session.scalars(select(CheckpointRow).where(CheckpointRow.job_id == job_id)).all()
    assert claim is not None
    stored = [Stored(row.state_blob_id, row.epoch, None) for row in rows if row.state_blob_id]
    for kind in ("initial", "best", "last"):
        stored += [Stored(row.blob_id, row.epoch, kind) for row in rows if getattr(row, f"is_{kind}")]
    return Stopped(desk, key, claim, f"/v1/jobs/{job_id}", stored)


def flip(session: Session, chunks: list[ChunkRow], draw: random.Random) -> None:
    chunk = draw.choice(chunks)
    place = draw.randrange(len(chunk.data))
    _put(
        session,
        chunk,
        chunk.data[:place] + bytes([chunk.data[place] ^ 1 << draw.randrange(8)]) + chunk.data[place + 1 :],
    )


def tear(session: Session, chunks: list[ChunkRow], draw: random.Random) -> None:
    chunk = draw.choice(chunks)
    _put(session, chunk, chunk.data[: draw.randrange(len(chunk.data))])


def lengthen(session: Session, chunks: list[ChunkRow], draw: random.Random) -> None:
    chunk = draw.choice(chunks)
    _put(session, chunk, chunk.data + draw.randbytes(draw.randint(1, 100)))


def blank(session: Session, chunks: list[ChunkRow], draw: random.Random) -> None:
    chunk = draw.choice(chunks)
    start = draw.randrange(len(chunk.data))
    size = min(draw.randint(1, 4096), len(chunk.data) - start)
    noise = bytes(size) if any(chunk.data[start : start + size]) else b"\xff" * size
    _put(session, chunk, chunk.data[:start] + noise + chunk.data[start + size :])


def lose(session: Session, chunks: list[ChunkRow], draw: random.Random) -> None:
    chunk = draw.choice(chunks)
    session.execute(delete(ChunkRow).where(ChunkRow.blob_id == chunk.blob_id, ChunkRow.number == chunk.number))


def exchange(session: Session, chunks: list[ChunkRow], draw: random.Random) -> None:
    """Two rows in each other's place, each with its own checksum."""
    one, other = draw.sample(chunks, 2)
    for place, content in ((one, other), (other, one)):
        _put(session, place, content.data, content.crc32)


def forge(session: Session, chunks: list[ChunkRow], draw: random.Random) -> None:
    """Other bytes with the checksum that is right for them: only the SHA-256 of the whole knows."""
    chunk = draw.choice(chunks)
    data = draw.randbytes(8) + chunk.data[8:]
    _put(session, chunk, data, zlib.crc32(data))


def _put(session: Session, chunk: ChunkRow, data: bytes, crc32: int | None = None) -> None:
    where = (ChunkRow.blob_id == chunk.blob_id, ChunkRow.number == chunk.number)
    values: dict[str, Any] = {"data": data} | ({} if crc32 is None else {"crc32": crc32})
    session.execute(update(ChunkRow).where(*where).values(values).execution_options(synchronize_session=False))


Damage = Callable[[Session, list[ChunkRow], random.Random], None]
WAYS: Final[tuple[Damage, ...]] = (flip, flip, flip, tear, tear, lengthen, blank, lose, exchange, forge)


@contextmanager
def damaged(database: Database, blob_id: str, way: Damage, draw: random.Random) -> Iterator[None]:
    """The bytes are damaged while the block runs, and whole again after it."""
    query = select(ChunkRow).where(ChunkRow.blob_id == blob_id).order_by(ChunkRow.number)
    with database.write() as session:
        chunks = list(session.scalars(query))
        session.expunge_all()
        way(session, chunks, draw)
    yield
    with database.write() as session:
        session.execute(delete(ChunkRow).where(ChunkRow.blob_id == blob_id))
        session.add_all(
            ChunkRow(account_id=each.account_id, blob_id=blob_id, number=each.number, crc32=each.crc32, data=each.data)
            for each in chunks
        )


@pytest.mark.timeout(3600)
def test_all_damage_is_noticed_and_none_of_it_is_served(stopped: Stopped) -> None:
    database, draw = stopped.desk.here.database, random.Random(1)
    saver = Saver(database, stopped.claim, None, None, None)  # type: ignore[arg-type]  # it only reads
    whole = {(each, form): stopped.ask(each, form) for each in stopped.stored if each.kind for form in FORMATS}
    assert {status for status, _ in whole.values()} == {200}
    assert all(len(body) > CHUNK for (_, form), (_, body) in whole.items() if form == "safetensors")
    newest, before = stopped.states()
    for number in range(DAMAGES):
        stored, way = draw.choice(stopped.stored), draw.choice(WAYS)
        story = f"damage {number}: {way.__name__} {stored}"
        with damaged(database, stored.blob_id, way, draw):
            assert {each.subject for each in fsck.check(database)} == {stored.blob_id}, story
            state, told = saver.last_state()
            assert state is not None
            if stored.kind is None:
                there = [stored.epoch] if stored.epoch == newest else []
                assert [each["epoch"] for each in told] == there, story
                assert state.epoch - 1 == (before if there else newest), story
                continue
            assert (state.epoch - 1, told) == (newest, []), story
            same = [each for each in stopped.stored if each.blob_id == stored.blob_id]
            for each in same:
                form = draw.choice(FORMATS)
                status, body = stopped.ask(each, form)
                assert status in (0, 500), f"{story}: {form} was served"
                assert status == 0 or b"blob_damaged" in body, story
                _, expected = whole[each, "safetensors"]
                first = draw.randrange(len(expected))
                last = draw.randrange(first, len(expected))
                status, body = stopped.ask(each, "safetensors", f"bytes={first}-{last}")
                assert status in (0, 500) or (status, body) == (206, expected[first : last + 1]), story
    assert [*fsck.check(database)] == []


def test_with_all_states_damaged_the_job_begins_anew(stopped: Stopped) -> None:
    database = stopped.desk.here.database
    saver = Saver(database, stopped.claim, None, None, None)  # type: ignore[arg-type]  # it only reads
    ids = [each.blob_id for each in stopped.stored if each.kind is None]
    with database.write() as session:
        session.execute(update(ChunkRow).where(ChunkRow.blob_id.in_(ids), ChunkRow.number == 0).values(data=b""))
    state, told = saver.last_state()
    assert state is None
    assert [each["epoch"] for each in told] == stopped.states()


def test_a_wrong_size_is_damage_too(stopped: Stopped) -> None:
    database = stopped.desk.here.database
    stored = next(each for each in stopped.stored if each.kind == "best")
    for wrong in (-1, 1, CHUNK, -CHUNK):
        with database.write() as session:
            row = session.get_one(BlobRow, stored.blob_id)
            row.size += wrong
        assert {each.subject for each in fsck.check(database)} == {stored.blob_id}
        status, body = stopped.ask(stored, "safetensors")
        assert status in (0, 500), f"{wrong:+} bytes: {status}, {len(body)} bytes"
        with database.write() as session:
            session.get_one(BlobRow, stored.blob_id).size -= wrong
