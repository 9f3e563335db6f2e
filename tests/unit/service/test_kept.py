"""What is kept: made once, used again, and let go when there is no room."""

import threading

import pytest

from service.kept import Kept


class Made:
    """Remembers what was made."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, key: str) -> str:
        self.keys.append(key)
        return key.upper()


def test_the_least_recently_used_goes_first() -> None:
    kept, made = Kept[str](30), Made()

    def get(key: str, size: int = 10) -> str:
        return kept.get(key, size, lambda: made(key))

    assert [get(key) for key in "abcab"] == ["A", "B", "C", "A", "B"]
    assert made.keys == ["a", "b", "c"]
    get("d")  # c is the oldest
    assert [get(key) for key in "abd"] == ["A", "B", "D"]
    assert made.keys == ["a", "b", "c", "d"]
    get("c")
    get("e", 25)
    assert made.keys == ["a", "b", "c", "d", "c", "e"]


def test_what_is_larger_than_all_of_the_room_is_not_kept_and_drives_nothing_out() -> None:
    kept, made = Kept[str](30), Made()
    kept.get("small", 10, lambda: made("small"))
    for _ in range(2):
        kept.get("large", 31, lambda: made("large"))
    kept.get("small", 10, lambda: made("small"))
    assert made.keys == ["small", "large", "large"]


def test_many_who_ask_at_once_have_it_made_once() -> None:
    kept, made, barrier = Kept[str](10), Made(), threading.Barrier(8)

    def ask() -> None:
        barrier.wait(10)
        kept.get("key", 1, lambda: made("key"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert made.keys == ["key"]


def test_a_failure_is_not_kept() -> None:
    kept = Kept[int](10)

    def fail() -> int:
        raise ValueError

    with pytest.raises(ValueError):
        kept.get("key", 1, fail)
    assert kept.get("key", 1, lambda: 4) == 4
