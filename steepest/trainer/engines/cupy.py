"""CuPy: arrays on an NVIDIA GPU. No other file imports it, and this one is imported only where a GPU is asked for.

A plan becomes kernels and products of matrices. When it runs for the first time they are launched one by one; the
second time they are recorded as a CUDA graph, which from then on is replayed whole. Everything else, such as bringing
in a chunk's rows, runs on CuPy's current stream; events keep the two in order. Nothing is atomic, products use fixed
workspaces and full precision: on one model of device, equal inputs give equal bits.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property, partial
from typing import Any, Final

import cupy
import cupyx
import numpy as np
from cupy_backends.cuda.libs import cublas
from numpy.typing import DTypeLike

from steepest.trainer.arrays import PLACES, Array, Operation, Plan
from steepest.trainer.engines.cublas import WORKSPACE, Cublas
from steepest.trainer.engines.cuda_source import EXPRESSIONS, Kernel, elementwise, narrow, reduction, shares_of
from steepest.trainer.engines.device import Device, OnDevice
from steepest.trainer.engines.segments import Call, Elementwise, Product, Segment, largest, look_up, segments
from steepest.trainer.engines.streamed import Transfer
from steepest.trainer.quasi_newton import QuasiNewton

OPTIONS: Final = ("--std=c++17", "--fmad=false")
"""Of the compiler: a product and a sum are rounded each, as NumPy's are."""

EXACT: Final = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "CUPY_TF32": "0"}
"""For products of matrices, read when the first is taken: the same way each time, and in full single precision."""

OUT_OF_MEMORY: Final = 2
"""cudaErrorMemoryAllocation."""


class Gpu(Device):
    """The device that CUDA calls the current one."""

    def __init__(self) -> None:
        """Find it.

        Raises:
            cupy.cuda.runtime.CUDARuntimeError: there is none.
        """
        os.environ.update(EXACT)
        self._device = cupy.cuda.Device()
        self._kernels: dict[str, Any] = {}
        self.working, self.copying = (cupy.cuda.Stream(non_blocking=True) for _ in range(2))
        self._workspace = cupy.empty(WORKSPACE, np.uint8)
        self._cublas = Cublas(cublas.__file__, self.working.ptr, address(self._workspace))

    @cached_property
    def name(self) -> str:
        """Its model."""
        found: bytes = cupy.cuda.runtime.getDeviceProperties(self._device.id)["name"]
        return found.decode()

    @property
    def description(self) -> str:
        """Model and libraries."""
        cuda = int(cupy.cuda.runtime.runtimeGetVersion())
        return f"gpu {self.name}, CUDA {cuda // 1000}.{cuda % 1000 // 10}, CuPy {cupy.__version__}"

    @property
    def free(self) -> int:
        """Bytes of its memory that are not in use."""
        return int(self._device.mem_info[0] + cupy.get_default_memory_pool().free_bytes())

    def zeros(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
        """A zeroed array there."""
        array: Array = cupy.zeros(shape, dtype)
        return array

    def number(self, value: float, dtype: DTypeLike) -> Array:
        """A number of NumPy's, which goes to a kernel by value."""
        kind: Any = np.dtype(dtype).type
        number: Array = kind(value)
        return number

    def put(self, out: Any, values: Array) -> None:
        """Copy values that are here or there."""
        if isinstance(values, cupy.ndarray):
            cupy.copyto(out, values)
            return
        here = np.asarray(np.broadcast_to(values, out.shape), out.dtype, order="C")
        if out.flags.c_contiguous:
            out.set(here)
        else:
            cupy.copyto(out, cupy.asarray(here))

    def fetch(self, array: Array, out: Array | None = None) -> Array:
        """A copy that is here."""
        fetched: Array = cupy.asnumpy(array, out=out)
        return fetched

    def take(self, array: Array, rows: Array, out: Array) -> None:
        """Bring rows together by their numbers."""
        array.take(cupy.asarray(rows), 0, out)

    def look_up(self, table: Array, places: Array, out: Array) -> Operation:
        """Entries of a table."""
        return partial(look_up, table, places, out)

    def largest(self, array: Array, axis: int, out: Array) -> Operation:
        """The largest along an axis."""
        return partial(largest, array, axis, out)

    def transfer(self, shape: tuple[int, ...], dtype: DTypeLike) -> Transfer:
        """A page-locked buffer and one on the device."""
        return PageLocked(self, shape, dtype)

    def prepare(self, plan: Plan) -> Plan:
        """One operation: the recording of all."""
        return (Recording(self, plan),)

    def launches(self, segment: Segment) -> list[Operation]:
        """What a segment launches."""
        if isinstance(segment, Call):
            return [segment.operation]
        if isinstance(segment, Product):
            few_rows = segment.narrow
            return [self._launch(narrow(few_rows)) if few_rows else self._cublas.product(segment, address)]
        if isinstance(segment, Elementwise):
            return [self._launch(elementwise(segment))]
        shares = shares_of(segment)
        room = cupy.empty(segment.out.size * shares, np.float64) if shares > 1 else None
        return [self._launch(kernel) for kernel in reduction(segment, address, room)]

    def _launch(self, kernel: Kernel) -> Operation:
        if kernel.source not in self._kernels:
            self._kernels[kernel.source] = cupy.RawKernel(kernel.source, "segment", OPTIONS)
        return partial(self._kernels[kernel.source], (kernel.blocks,), (kernel.threads,), kernel.arrays)


def address(array: Any) -> int:
    """Where an array of CuPy begins."""
    return int(array.data.ptr)


class Recording:
    """A plan that is replayed. It allocates nothing but what the recording keeps."""

    def __init__(self, device: Gpu, plan: Plan) -> None:
        self._device, self._plan = device, plan
        self._launches: list[Operation] = []
        self._graph: Any = None
        self._pool = cupy.cuda.MemoryPool()
        """Of the graph alone: what it uses nobody else may."""
        self._before, self._after = (cupy.cuda.Event(disable_timing=True) for _ in range(2))

    def __call__(self) -> None:
        """Run the plan, after all that was asked for before, and before all that will be."""
        current, working = cupy.cuda.get_current_stream(), self._device.working
        self._before.record(current)
        working.wait_event(self._before)
        with working, _memory_errors():
            self._run(working)
        self._after.record(working)
        current.wait_event(self._after)

    def _run(self, stream: Any) -> None:
        if self._graph is not None:
            self._graph.launch(stream)
        elif not self._launches:
            # The first time everything is compiled and set up, which cannot be recorded.
            found = segments(self._plan, EXPRESSIONS, address)
            self._launches = [launch for segment in found for launch in self._device.launches(segment)]
            self._launch_all()
        else:
            stream.begin_capture()
            try:
                with cupy.cuda.using_allocator(self._pool.malloc):
                    self._launch_all()
            finally:
                graph = stream.end_capture()
            self._graph = graph
            graph.launch(stream)

    def _launch_all(self) -> None:
        for launch in self._launches:
            launch()


class PageLocked(Transfer):
    """A transfer on a stream of its own."""

    def __init__(self, device: Gpu, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        with _memory_errors():
            self.here = cupyx.zeros_pinned(shape, dtype)
        self._there = cupy.empty(shape, dtype)
        self._stream = device.copying
        self._arrived, self._free = (cupy.cuda.Event(disable_timing=True) for _ in range(2))
        self.used()

    def begin(self) -> None:
        """Wait until the last copy has left."""
        self._arrived.synchronize()

    def send(self) -> None:
        """Copy, as soon as the buffer there is free."""
        self._stream.wait_event(self._free)
        self._there.set(self.here, stream=self._stream)
        self._arrived.record(self._stream)

    def arrived(self) -> Array:
        """What was sent; work that is asked for from now on waits for it."""
        cupy.cuda.get_current_stream().wait_event(self._arrived)
        there: Array = self._there
        return there

    def used(self) -> None:
        """Free from here on."""
        self._free.record(cupy.cuda.get_current_stream())


@contextmanager
def _memory_errors() -> Iterator[None]:
    """CUDA has its own error for want of memory."""
    try:
        yield
    except cupy.cuda.runtime.CUDARuntimeError as error:
        if error.status == OUT_OF_MEMORY:
            raise MemoryError(str(error)) from error
        raise


class GpuCourse(OnDevice):
    """A course on the GPU."""


class GpuQuasiNewton(OnDevice, QuasiNewton):
    """A course by L-BFGS on the GPU."""


def missing() -> str | None:
    """Why CUDA cannot be used, and what to do about it; None if it can. No memory of a device is taken."""
    try:
        found = int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CUDA finds no GPU ({error}); see to NVIDIA's driver and to CUDA_VISIBLE_DEVICES"
    return None if found else "CUDA finds no GPU; see to CUDA_VISIBLE_DEVICES"


@cache
def gpu() -> Gpu:
    """This process's GPU, found on first use.

    Raises:
        cupy.cuda.runtime.CUDARuntimeError: there is none.
    """
    found = Gpu()
    PLACES[cupy.ndarray] = found
    GpuCourse.device = GpuQuasiNewton.device = found
    return found
