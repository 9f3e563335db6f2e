"""The cache is built once per content, shared between processes, bounded, and never holds half an entry."""

import os
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from threading import Barrier

import pytest

from worker.cache import Cache


class Columns:
    """Builds an entry of one file and counts how often it was asked to."""

    def __init__(self, size: int = 100) -> None:
        self.built = 0
        self._size = size

    def __call__(self, folder: Path) -> None:
        self.built += 1
        folder.mkdir()
        (folder / "x0.npy").write_bytes(b"x" * self._size)


def nothing() -> None:
    """Sees no reason to stop."""


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", limit_bytes=250)


def test_an_entry_is_built_once(cache: Cache) -> None:
    build = Columns()
    for _ in range(3):
        with cache.entry("a", build, nothing) as folder:
            assert (folder / "x0.npy").read_bytes() == b"x" * 100
    assert build.built == 1


def test_a_builder_that_fails_leaves_nothing(cache: Cache, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").write_bytes(b"x")
        raise ValueError("line 3 is broken")

    with pytest.raises(ValueError, match="line 3"), cache.entry("a", fail, nothing):
        pass
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["a.lock"]
    with cache.entry("a", Columns(), nothing) as folder:
        assert folder.is_dir()


def test_what_a_killed_builder_left_is_no_entry(cache: Cache, tmp_path: Path) -> None:
    left = tmp_path / "cache" / ".aside-a"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x")
    with cache.entry("a", Columns(), nothing) as folder:
        assert [path.name for path in folder.iterdir()] == ["x0.npy"]


def test_the_least_recently_used_goes_first(cache: Cache, tmp_path: Path) -> None:
    for used, key in enumerate(("old", "older", "new")):
        with cache.entry(key, Columns(), nothing) as folder:
            pass
        os.utime(folder, (used, used))
        if key == "older":
            with cache.entry("old", Columns(), nothing):
                pass
    assert sorted(path.name for path in (tmp_path / "cache").glob("*") if path.is_dir()) == ["new", "old"]


def test_an_entry_in_use_stays(cache: Cache) -> None:
    with cache.entry("held", Columns(), nothing) as held:
        os.utime(held, (0, 0))
        for key in ("b", "c"):
            with cache.entry(key, Columns(), nothing):
                pass
        assert (held / "x0.npy").is_file()


def test_many_readers_at_once_build_once(cache: Cache) -> None:
    build, barrier = Columns(), Barrier(6)

    def read(_: int) -> int:
        barrier.wait()
        with cache.entry("a", build, nothing) as folder:
            return (folder / "x0.npy").stat().st_size

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(read, range(6))) == [100] * 6
    assert build.built == 1


def _hold(cache: Cache, held: Event) -> None:
    with cache.entry("a", Columns(), nothing):
        held.set()
        os._exit(9)  # as a kill would: nothing is cleaned up


def test_a_dead_process_holds_nothing(cache: Cache, tmp_path: Path) -> None:
    context = get_context("fork")
    held = context.Event()
    process = context.Process(target=_hold, args=(cache, held))
    process.start()
    assert held.wait(10)
    process.join(10)
    for key in ("b", "c", "d"):
        with cache.entry(key, Columns(), nothing):
            pass
    assert not (tmp_path / "cache" / "a").exists()


def test_what_a_killed_builder_left_of_another_entry_goes_too(cache: Cache, tmp_path: Path) -> None:
    left = tmp_path / "cache" / ".aside-poison"
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"x" * 1_000)
    with cache.entry("a", Columns(), nothing) as folder:
        assert folder.is_dir()
        assert not left.exists()


def test_who_waits_for_another_builder_can_be_told_to_stop(cache: Cache, tmp_path: Path) -> None:
    class Told(Exception):
        pass

    def stop() -> None:
        raise Told

    def build(folder: Path) -> None:
        with pytest.raises(Told), cache.entry("a", Columns(), stop):
            pass
        folder.mkdir()

    with cache.entry("a", build, nothing) as folder:
        assert list(folder.iterdir()) == []


def test_room_is_made_before_an_entry_is_built(cache: Cache, tmp_path: Path) -> None:
    for used, key in enumerate(("old", "new")):
        with cache.entry(key, Columns(), nothing) as folder:
            pass
        os.utime(folder, (used, used))
    there: list[str] = []

    def build(folder: Path) -> None:
        there.extend(sorted(path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()))
        Columns(140)(folder)

    with cache.entry("large", build, nothing, 140):
        assert there == [".aside-large", "new"]
