"""The very text of CUDA kernels, compiled by a C++ compiler and run by threads of this machine."""

import ctypes
import shutil
import subprocess
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from steepest.trainer.arrays import Operation, Plan
from steepest.trainer.engines.cuda_source import EXPRESSIONS, PRELUDE, Kernel, elementwise, reduction, shares_of
from steepest.trainer.engines.segments import Call, Elementwise, Product, segments
from tests.unit.trainer.engines.stand_in import Strict, address, multiplied

COMPILER = shutil.which("g++") or shutil.which("clang++")

SHIM = """\
#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>
using namespace std;
#define __device__
#define __forceinline__ inline
#define __global__
#define __shared__ static
struct Place { unsigned x; };
static thread_local Place blockIdx, threadIdx;
static Place gridDim;
static barrier<>* together;
#define __syncthreads() together->arrive_and_wait()
template <class... A, size_t... I>
void with(void (*kernel)(A...), void** arrays, index_sequence<I...>) { kernel((A)arrays[I]...); }
template <class... A>
void launch(void (*kernel)(A...), unsigned blocks, unsigned threads, bool meet, void** arrays) {
  gridDim.x = blocks;
  const auto thread_of = [&](unsigned x) {
    threadIdx.x = x;
    for (unsigned block = 0; block < blocks; ++block) {
      blockIdx.x = block;
      if (meet) together->arrive_and_wait();
      with(kernel, arrays, index_sequence_for<A...>{});
      if (meet) together->arrive_and_wait();
    }
  };
  if (!meet) {
    for (unsigned x = 0; x < threads; ++x) thread_of(x);
    return;
  }
  barrier all(threads);
  together = &all;
  vector<thread> workers;
  for (unsigned x = 0; x < threads; ++x) workers.emplace_back(thread_of, x);
  for (auto& worker : workers) worker.join();
}
"""


class Processor:
    """Compiles kernels in a folder, all of a plan at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._compiled: dict[str, Any] = {}

    def prepare(self, plan: Plan) -> Plan:
        """The plan with its segments as compiled kernels."""
        found: list[list[Kernel] | Operation] = [
            as_it_is(each) if isinstance(each, Call | Product) else kernels_of(each)
            for each in segments(plan, EXPRESSIONS, address)
        ]
        self.compile({kernel.source for each in found if isinstance(each, list) for kernel in each})
        operations: list[Operation] = []
        for each in found:
            operations += [partial(self._run, kernel) for kernel in each] if isinstance(each, list) else [each]
        return tuple(operations)

    def compile(self, sources: set[str]) -> None:
        """Compile what has not been compiled yet."""
        new = sorted(sources - self._compiled.keys())
        if not new:
            return
        text = SHIM + PRELUDE
        for number, source in enumerate(new):
            meet = "true" if "__syncthreads" in source else "false"
            text += source.removeprefix(PRELUDE).replace(" segment(", f" segment{number}(")
            text += f'extern "C" void launch{number}(unsigned blocks, unsigned threads, void** arrays) '
            text += f"{{ launch(segment{number}, blocks, threads, {meet}, arrays); }}\n"
        path = self._folder / sha256(text.encode()).hexdigest()[:16]
        path.with_suffix(".cpp").write_text(text)
        flags = ["-std=c++20", "-O1", "-ffp-contract=off", "-fPIC", "-shared", "-pthread", "-Wall", "-Werror"]
        flags += ["-Wno-unused-variable", "-Wno-tautological-compare"]
        command = [str(COMPILER), *flags, str(path.with_suffix(".cpp")), "-o", str(path.with_suffix(".so"))]
        subprocess.run(command, check=True)
        library = ctypes.CDLL(str(path.with_suffix(".so")))
        self._compiled |= {source: getattr(library, f"launch{number}") for number, source in enumerate(new)}

    def launch(self, source: str, blocks: int, threads: int, arrays: Sequence[Any]) -> None:
        """Run a kernel."""
        pointers = (ctypes.c_void_p * len(arrays))(*(address(each) for each in arrays))
        self._compiled[source](blocks, threads, pointers)

    def _run(self, kernel: Kernel) -> None:
        self.launch(kernel.source, kernel.blocks, kernel.threads, kernel.arrays)


def as_it_is(segment: Call | Product) -> Operation:
    """What is no kernel of ours."""
    return segment.operation if isinstance(segment, Call) else partial(multiplied, segment)


def kernels_of(segment: Any) -> list[Kernel]:
    """The kernels that a segment is."""
    if isinstance(segment, Elementwise):
        return [elementwise(segment)]
    room: Any = Strict(np.zeros(segment.out.size * shares_of(segment)))
    return reduction(segment, address, room)
