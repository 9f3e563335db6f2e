"""Modules in place of `cupy` and `cupyx`, to run the engine's own code without a GPU.

Arrays are the stand-in's. Kernels are compiled for this machine's processor. Streams but the null one are as late as
they may be: what is asked of them happens when somebody waits for it, so that whoever forgets to wait reads old
numbers. A recording takes operations without running them, and refuses what CUDA refuses.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.unit.trainer.engines.processor import Processor
from tests.unit.trainer.engines.stand_in import Strict, address, multiplied

Work = Callable[[], object]


class Stream:
    """A queue; the null stream's is worked off at once."""

    current: "Stream"
    null: "Stream"

    def __init__(self, non_blocking: bool = False) -> None:
        self.ptr = self
        self._queue: list[Work] = []
        self._recording: list[Work] | None = None
        self._entered: list[Stream] = []

    def __enter__(self) -> "Stream":
        self._entered.append(Stream.current)
        Stream.current = self
        return self

    def __exit__(self, *_: object) -> None:
        Stream.current = self._entered.pop()

    def ask(self, work: Work) -> None:
        if self._recording is not None:
            self._recording.append(work)
        elif self is Stream.null:
            work()
        else:
            self._queue.append(work)

    def wait_event(self, event: "Event") -> None:
        assert self._recording is None
        self.ask(event.synchronize)

    def flush_until(self, event: "Event") -> None:
        while not event.done:
            self._queue.pop(0)()

    def begin_capture(self) -> None:
        assert self._recording is None
        assert self is not Stream.null
        self._recording = []

    def end_capture(self) -> "Graph":
        assert self._recording is not None
        graph, self._recording = Graph(self._recording), None
        return graph

    @property
    def records(self) -> bool:
        return self._recording is not None


class Graph:
    launched = 0

    def __init__(self, works: list[Work]) -> None:
        self._works = works

    def launch(self, stream: Stream) -> None:
        Graph.launched += 1
        for work in self._works:
            stream.ask(work)


class Event:
    def __init__(self, disable_timing: bool = False) -> None:
        self.done = True
        self._stream: Stream | None = None

    def record(self, stream: Stream) -> None:
        self.done, self._stream = False, stream
        stream.ask(self._reached)

    def _reached(self) -> None:
        self.done = True

    def synchronize(self) -> None:
        if self._stream is not None:
            self._stream.flush_until(self)


class CudaError(Exception):
    status = 2


def _refuse_while_recording() -> None:
    assert not Stream.current.records, "a recording can neither allocate nor copy from here or to here"


def kernels_in(folder: Path) -> type:
    """The class `RawKernel`, which compiles in a folder; all that is new at the first call."""
    processor, waiting = Processor(folder), set[str]()

    class RawKernel:
        def __init__(self, source: str, name: str, options: tuple[str, ...]) -> None:
            assert name == "segment"
            assert all(option.startswith("--") for option in options)
            self._source = source
            waiting.add(source)

        def __call__(self, blocks: tuple[int], threads: tuple[int], arrays: tuple[Any, ...]) -> None:
            processor.compile(waiting)
            waiting.clear()
            Stream.current.ask(lambda: processor.launch(self._source, blocks[0], threads[0], arrays))

    return RawKernel


def allocated(shape: Any, dtype: Any) -> Any:
    _refuse_while_recording()
    return Strict(np.zeros(shape, dtype))


def copied(values: Any) -> Any:
    _refuse_while_recording()
    assert type(values) is np.ndarray
    return Strict(values.copy())


def fetched(array: Any, out: Any = None) -> Any:
    _refuse_while_recording()
    found = array.get()
    if out is None:
        return found
    assert out.flags.c_contiguous
    assert (out.shape, out.dtype) == (found.shape, found.dtype)
    np.copyto(out, found)
    return out


@contextmanager
def using_allocator(allocator: Any) -> Iterator[None]:
    assert Stream.current.records
    yield


class Cublas:
    """In place of the engine's: products on the stream it was made with, also while that records."""

    def __init__(self, library: str, stream: Stream, workspace: int) -> None:
        assert library == "libraries"
        self._stream = stream

    def product(self, product: Any, _: Any) -> Work:
        return lambda: self._ask(product)

    def _ask(self, product: Any) -> None:
        assert Stream.current is self._stream
        self._stream.ask(lambda: multiplied(product))


_dot = Strict.dot


def asked_dot(self: Any, other: Any, out: Any = None) -> Any:
    if out is None:
        return _dot(self, other)
    assert not Stream.current.records, "calling cuBLAS API during stream capture is currently unsupported"
    Stream.current.ask(lambda: _dot(self, other, out))
    return out


def sent(self: Any, values: Any, stream: Stream | None = None) -> None:
    assert (self.shape, self.dtype) == (values.shape, values.dtype)
    assert self.flags.c_contiguous
    assert not Stream.current.records
    (stream or Stream.current).ask(lambda: np.copyto(self._array, values))


def install(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Put the modules where imports find them, until the test is over."""
    Stream.null = Stream.current = Stream()
    Graph.launched = 0
    asked_dot.__name__ = "dot"
    patch.setattr(Strict, "dot", asked_dot)
    patch.setattr(Strict, "data", property(lambda self: SimpleNamespace(ptr=address(self))), raising=False)
    patch.setattr(Strict, "set", sent, raising=False)
    cuda = SimpleNamespace(
        Device=lambda: SimpleNamespace(id=0, mem_info=(2**40, 2**40)),
        Event=Event,
        MemoryPool=lambda: SimpleNamespace(malloc=None),
        Stream=Stream,
        get_current_stream=lambda: Stream.current,
        runtime=SimpleNamespace(
            CUDARuntimeError=CudaError,
            getDeviceCount=lambda: 1,
            getDeviceProperties=lambda number: {"name": b"Paper 3000"},
            runtimeGetVersion=lambda: 12090,
        ),
        using_allocator=using_allocator,
    )
    cupy, cupyx = ModuleType("cupy"), ModuleType("cupyx")
    cupy.__dict__.update(
        RawKernel=kernels_in(folder),
        __version__="14",
        asarray=copied,
        asnumpy=fetched,
        copyto=np.copyto,
        cuda=cuda,
        empty=allocated,
        get_default_memory_pool=lambda: SimpleNamespace(free_bytes=lambda: 0),
        ndarray=Strict,
        zeros=allocated,
    )
    cupyx.__dict__.update(zeros_pinned=np.zeros)
    patch.setitem(sys.modules, "cupy", cupy)
    patch.setitem(sys.modules, "cupyx", cupyx)
    libraries: Any = ModuleType("cupy_backends.cuda.libs")
    libraries.cublas = SimpleNamespace(__file__="libraries")
    for name in ("cupy_backends", "cupy_backends.cuda", "cupy_backends.cuda.libs"):
        patch.setitem(sys.modules, name, libraries)
    patch.setattr("steepest.trainer.engines.cublas.Cublas", Cublas)
    patch.delitem(sys.modules, "steepest.trainer.engines.cupy", raising=False)
