"""Bytes in and out: whole, in part, once, in constant memory, and never damaged."""

import hashlib
import io
import itertools
import threading
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update

from steepest.spec.errors import NotFound, RequestTooLarge, Unavailable
from store import blobs, datasets, orphans
from store.blobs import CHUNK, BlobDamaged, BlobReader
from store.models import BlobRow, BlobState, ChunkRow
from tests.unit.store.world import World

SIZES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17)


def content(size: int) -> bytes:
    return bytes(range(251)) * (size // 251) + bytes(range(size % 251))


def counted(world: World) -> dict[str, int]:
    with world.database.read() as session:
        blob_rows = session.execute(select(BlobRow.status, func.count()).group_by(BlobRow.status)).all()
        chunks = session.scalars(select(func.count()).select_from(ChunkRow)).one()
    return {**{state.value: number for state, number in blob_rows}, "chunks": chunks}


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_in_comes_out(world: World, size: int) -> None:
    data = content(size)
    uneven = [data[start : start + 300_001] for start in range(0, size, 300_001)]
    blob = blobs.write(world.database, world.account_id, uneven)
    assert (blob.size, blob.sha256, blob.status) == (size, hashlib.sha256(data).hexdigest(), BlobState.COMPLETE)
    assert blobs.read_all(world.database, blob) == data
    assert counted(world) == {"complete": 1, "chunks": -(-size // CHUNK)}


def test_one_long_piece_is_cut(world: World) -> None:
    data = content(2 * CHUNK + 5)
    blob = blobs.write(world.database, world.account_id, [b"", data, b""])
    assert blobs.read_all(world.database, blob) == data


def test_the_same_bytes_are_stored_once(world: World) -> None:
    for size in (10, 2 * CHUNK):
        first = blobs.write(world.database, world.account_id, [content(size)])
        second = blobs.write(world.database, world.account_id, [content(size)])
        assert first.id == second.id
    orphans.remove(world.database)
    assert counted(world) == {"complete": 2, "chunks": 3}


def test_the_same_bytes_at_the_same_moment_are_stored_once(world: World) -> None:
    found: list[str] = []
    barrier = threading.Barrier(4)

    def upload() -> None:
        barrier.wait()
        found.append(blobs.write(world.database, world.account_id, [content(2 * CHUNK)]).id)

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_an_upload_over_the_limit_leaves_nothing(world: World) -> None:
    for size in (100, 3 * CHUNK):
        with pytest.raises(RequestTooLarge, match="limit of"):
            blobs.write(world.database, world.account_id, [content(size)] * 2, limit=size + 1)
    orphans.remove(world.database)
    assert counted(world) == {"chunks": 0}


def test_an_upload_that_breaks_off_leaves_nothing(world: World) -> None:
    def broken() -> Iterator[bytes]:
        yield content(2 * CHUNK)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        blobs.write(world.database, world.account_id, broken())
    orphans.remove(world.database)
    assert counted(world) == {"chunks": 0}


def test_an_upload_whose_process_died_is_swept_but_a_slow_one_is_not(world: World) -> None:
    def slow() -> Iterator[bytes]:
        for _ in range(3):
            yield content(CHUNK)
            world.clock.forward(blobs.KEPT.total_seconds() - 1)
            assert orphans.sweep(world.database) == 0

    blob = blobs.write(world.database, world.account_id, slow())
    assert blob.size == 3 * CHUNK

    def too_slow() -> Iterator[bytes]:
        yield content(CHUNK)
        world.clock.forward(blobs.KEPT.total_seconds() + 1)
        orphans.sweep(world.database)
        yield content(CHUNK)

    with pytest.raises(Unavailable, match="stood still"):
        blobs.write(world.database, world.account_id, too_slow())


def test_what_nobody_came_for_is_swept_and_what_is_in_use_stays(world: World) -> None:
    dataset = world.upload(b"in use")
    world.blob(b"in use")  # a second upload of the same bytes, for which nobody comes
    world.blob(b"not in use")
    world.clock.forward(blobs.KEPT.total_seconds() + 1)
    assert orphans.sweep(world.database) == 1
    assert orphans.remove(world.database) == 1
    assert counted(world) == {"complete": 1, "chunks": 1}
    with world.database.write() as session:
        datasets.delete(session, world.account_id, dataset.id)
    assert orphans.remove(world.database) == 1


def test_a_large_blob_is_removed_in_several_calls(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "_CHUNKS_PER_TRANSACTION", 1)
    world.blob(content(4 * CHUNK))
    world.clock.forward(blobs.KEPT.total_seconds() + 1)
    orphans.sweep(world.database)
    assert orphans.remove(world.database, most=3) == 0
    assert counted(world) == {"deleting": 1, "chunks": 1}
    assert orphans.remove(world.database, most=3) == 1
    assert counted(world) == {"chunks": 0}


def test_bytes_that_were_just_uploaded_again_survive_the_end_of_their_last_use(world: World) -> None:
    dataset = world.upload(b"shared")
    again = world.blob(b"shared")
    with world.database.write() as session:
        datasets.delete(session, world.account_id, dataset.id)
    assert orphans.remove(world.database) == 0
    with world.database.write() as session:
        datasets.create(session, world.account_id, again, "again", "csv")


def test_a_reader_is_a_seekable_file(world: World) -> None:
    data = content(2 * CHUNK + 100)
    blob = blobs.write(world.database, world.account_id, [data])
    reader = BlobReader(world.database, blob)
    assert (reader.readable(), reader.seekable(), reader.tell()) == (True, True, 0)
    assert reader.seek(-50, io.SEEK_END) == len(data) - 50
    assert reader.read() == data[-50:]
    assert reader.read(10) == b""
    assert reader.seek(CHUNK - 5) == CHUNK - 5
    assert io.BufferedReader(reader).read(10) == data[CHUNK - 5 : CHUNK + 5]
    reader.seek(len(data) + 7)
    assert reader.read(1) == b""
    with pytest.raises(ValueError, match="before the start"):
        reader.seek(-1)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(start=st.integers(0, 2 * CHUNK + 100), length=st.integers(0, CHUNK + 50))
def test_any_range_is_the_same_range_of_the_bytes(world: World, start: int, length: int) -> None:
    data = content(2 * CHUNK + 100)
    blob = blobs.write(world.database, world.account_id, [data])
    reader = io.BufferedReader(BlobReader(world.database, blob))
    reader.seek(start)
    assert reader.read(length) == data[start : start + length]


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "swapped"])
def test_damage_is_told_and_nothing_damaged_is_handed_out(world: World, damage: str) -> None:
    data = content(3 * CHUNK)
    blob = blobs.write(world.database, world.account_id, [data])
    second = ChunkRow.number == 1
    with world.database.write() as session:
        if damage == "missing":
            session.execute(delete(ChunkRow).where(second))
        elif damage == "swapped":  # a whole chunk of other bytes, with a checksum that fits
            donor = session.execute(select(ChunkRow.data, ChunkRow.crc32).where(ChunkRow.number == 0)).one()
            session.execute(update(ChunkRow).where(second).values(data=donor.data, crc32=donor.crc32))
        else:
            bad = bytearray(data[CHUNK : 2 * CHUNK])
            bad[77] ^= 1
            session.execute(update(ChunkRow).where(second).values(data=bytes(bad[: -1 if damage == "cut" else None])))
    reader = BlobReader(world.database, blob)
    served = bytearray()
    with pytest.raises(BlobDamaged):
        served.extend(itertools.chain.from_iterable(reader.pieces()))
    assert len(served) < len(data)
    assert damage == "swapped" or data.startswith(served)


def test_memory_does_not_grow_with_the_blob(world: World) -> None:
    piece = content(64 * 1024)

    def peak(size: int) -> int:
        tracemalloc.start()
        blob = blobs.write(world.database, world.account_id, (piece for _ in range(size // len(piece))))
        for _ in BlobReader(world.database, blob).pieces():
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2 * CHUNK)
    assert peak(24 * CHUNK) < 8 * CHUNK


def test_only_the_owner_finds_a_blob_and_only_when_it_is_complete(world: World) -> None:
    blob = blobs.write(world.database, world.account_id, [b"x"])
    with world.database.read() as session:
        assert blobs.get(session, world.account_id, blob.id).id == blob.id
        with pytest.raises(NotFound):
            blobs.get(session, "acc_00000000000070008000000000000002", blob.id)
