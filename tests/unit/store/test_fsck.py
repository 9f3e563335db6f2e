"""Everything that is damaged is found, and nothing that is whole."""

import random

import pytest
from sqlalchemy import delete, insert, select, update

from store import attempts, blobs, checkpoints, fsck, history
from store.admin import main
from store.attempts import Position
from store.models import BlobRow, BlobState, ChunkRow, EpochRow, EventRow, JobRow
from tests.unit.store.world import RESULT, World, epoch


@pytest.fixture
def job_id(world: World) -> str:
    """A job that succeeded, with a history and weights of several parts."""
    claim = world.running()
    weights = blobs.write(world.database, world.account_id, [random.Random(0).randbytes(3 * blobs.CHUNK + 5)])
    with world.database.write() as session:
        history.append(session, claim, [epoch(number) for number in range(1, 10)])
        attempts.progress(session, claim, Position(9, 0, 10))
        checkpoints.save(session, claim, 9, 0, {"best", "last"}, weights.id)
        attempts.finish(session, claim, RESULT, "epochs")
    return claim.job_id


def found(world: World) -> list[str]:
    return [str(damage) for damage in fsck.check(world.database)]


def test_what_is_whole_is_read_whole_and_found_whole(world: World, job_id: str) -> None:
    read: list[int] = []
    assert list(fsck.check(world.database, read.append)) == []
    assert sum(read) == fsck.size(world.database) > 3 * blobs.CHUNK


def test_every_flip_and_every_cut_is_found(world: World, job_id: str) -> None:
    chance = random.Random(1)
    with world.database.read() as session:
        chunks = session.execute(select(ChunkRow.blob_id, ChunkRow.number, ChunkRow.data)).all()
    for _ in range(40):
        blob_id, number, data = chance.choice(chunks)
        place = (ChunkRow.blob_id == blob_id, ChunkRow.number == number)
        at = chance.randrange(len(data))
        damaged = bytearray(data)
        damaged[at] ^= 1 << chance.randrange(8)
        written = bytes(damaged) if chance.random() < 0.5 else bytes(data[:at])
        with world.database.write() as session:
            session.execute(update(ChunkRow).where(*place).values(data=written))
        assert [damage.subject for damage in fsck.check(world.database)] == [blob_id]
        with world.database.write() as session:
            session.execute(update(ChunkRow).where(*place).values(data=data))
    assert found(world) == []


def test_a_checksum_that_was_forged_with_its_bytes_does_not_pass_the_hash(world: World, job_id: str) -> None:
    with world.database.write() as session:
        blob_id = session.scalars(select(BlobRow.id).where(BlobRow.size > blobs.CHUNK)).one()
        first = (ChunkRow.blob_id == blob_id, ChunkRow.number == 0)
        second = session.execute(select(ChunkRow.data, ChunkRow.crc32).where(ChunkRow.number == 1)).one()
        session.execute(update(ChunkRow).where(*first).values(data=second.data, crc32=second.crc32))
    assert "hash" in found(world)[0]


def test_missing_and_surplus_parts_are_found(world: World, job_id: str) -> None:
    with world.database.write() as session:
        blob_id = session.scalars(select(BlobRow.id).where(BlobRow.size > blobs.CHUNK)).one()
        place = {"account_id": world.account_id, "blob_id": blob_id, "number": 4}
        session.execute(insert(ChunkRow).values(**place, crc32=0, data=b""))
    assert "5 parts are stored where 4" in found(world)[0]
    with world.database.write() as session:
        session.execute(delete(ChunkRow).where(ChunkRow.blob_id == blob_id, ChunkRow.number.in_([2, 4])))
    assert "Part 2" in found(world)[0]


def test_gaps_in_events_and_epochs_are_found(world: World, job_id: str) -> None:
    with world.database.write() as session:
        session.execute(delete(EventRow).where(EventRow.number == 2))
        session.execute(delete(EpochRow).where(EpochRow.epoch == 9))
    assert found(world) == [
        f"{job_id}: 3 events are expected, and 2 are there, 1 to 3",
        f"{job_id}: 9 epochs are expected, and 8 are there, 1 to 8",
    ]
    with world.database.write() as session:
        session.execute(delete(EventRow))
        session.execute(update(JobRow).values(epoch=0))
        session.execute(delete(EpochRow))
    assert found(world) == [f"{job_id}: 3 events are expected, and 0 are there"]


def test_bytes_that_nothing_refers_to_and_references_to_none_are_found(world: World, job_id: str) -> None:
    forgotten = world.blob(b"forgotten")
    with world.database.write() as session:
        session.execute(update(BlobRow).where(BlobRow.id == forgotten).values(kept_until=None))
    assert found(world) == [f"{forgotten}: nothing refers to these bytes, and nothing will remove them"]
    with world.database.write() as session:
        session.execute(update(BlobRow).where(BlobRow.id == forgotten).values(status=BlobState.DELETING))
        session.execute(update(BlobRow).where(BlobRow.size > blobs.CHUNK).values(status=BlobState.DELETING))
    told = found(world)
    assert len(told) == 1
    assert told[0].endswith("these bytes, to which checkpoints.blob_id refers, are deleting")


def test_the_command_says_each_in_a_line(
    world: World, database_url: str, job_id: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STEEPEST_DATABASE_URL", database_url)
    monkeypatch.setattr("sys.argv", ["store.admin", "fsck"])
    with pytest.raises(SystemExit) as whole:
        main()
    assert whole.value.code == 0
    assert "as they should be" in capsys.readouterr().out
    with world.database.write() as session:
        session.execute(update(ChunkRow).values(crc32=0))
    with pytest.raises(SystemExit) as broken:
        main()
    out = capsys.readouterr().out.splitlines()
    assert broken.value.code == 1
    assert (len(out), out[-1]) == (3, "2 things are wrong.")
