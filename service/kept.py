"""Things that are dear to make and small to keep: the least recently used go when they take too much memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Made once per key, however many threads ask at the same time, and kept while there is room.

    Args:
        most_bytes: The room. What is larger than all of it is made anew for each who asks.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[T, int]] = OrderedDict()
        self._making: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: str, size: int, make: Callable[[], T]) -> T:
        """The thing of `key`, which takes about `size` bytes and comes from `make`."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._kept:
                    return self._kept[key][0]
            try:
                value = make()
                with self._lock:
                    self._put(key, value, size)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value

    def _put(self, key: str, value: T, size: int) -> None:
        if size > self._most_bytes:
            return
        self._kept[key] = (value, size)
        self._bytes += size
        while self._bytes > self._most_bytes:
            _, (_, freed) = self._kept.popitem(last=False)
            self._bytes -= freed
