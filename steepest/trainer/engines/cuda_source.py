"""Segments written down as CUDA kernels: text alone, so that it can be read, tested and compiled without a device.

Kernels take pointers to the arrays in the order of the segment's locations; shapes, strides and constants are written
into the text. So steps that differ in their buffers alone share a kernel. Nothing is atomic and every sum has an order
of its own: equal inputs give equal bits. Sums are taken in double precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isinf, isnan, prod
from typing import Any, Final

import numpy as np

from steepest.trainer.arrays import Array
from steepest.trainer.engines.segments import (
    Address,
    Apply,
    Elementwise,
    Location,
    Operand,
    Product,
    Reduction,
    collapsed,
)

THREADS: Final = 256
"""Of a block."""

SERIAL: Final = 64
"""Numbers that a thread sums up alone."""

SHARE: Final = 1 << 15
"""Numbers that a block sums up; a longer sum is divided among several."""

MOST_SHARES: Final = 512

MANY: Final = 4096
"""Sums that keep a device busy with a thread for each."""

TILE: Final = 32
"""Neighbours of a narrow product's result that a block brings forth, and parts of their sums that it takes at once."""

EXPRESSIONS: Final[dict[str, str]] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "absolute": "fabs({0})",
    "sqrt": "sqrt({0})",
    "exp": "exp({0})",
    "expm1": "expm1({0})",
    "log1p": "log1p({0})",
    "tanh": "tanh({0})",
    "sign": "{0} != {0} ? {0} : ({t})(({0} > 0) - ({0} < 0))",
    # What is not a number stays so, as in NumPy.
    "maximum": "({0} > {1} || {0} != {0}) ? {0} : {1}",
    "minimum": "({0} < {1} || {0} != {0}) ? {0} : {1}",
    "fmin": "({0} < {1} || {1} != {1}) ? {0} : {1}",
    "clip": "{0} < {1} ? {1} : ({0} > {2} ? {2} : {0})",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "copy": "{0}",
    "look_up": "{table}[{0} < 0 ? 0 : ({0} < {length} ? {0} : {length} - 1)]",
}
"""By the name of a function of elements; a plan's other functions run by themselves."""

TYPES: Final[dict[str, str]] = {
    "f4": "float",
    "f8": "double",
    "i4": "int",
    "i8": "long long",
    "u2": "unsigned short",
    "u8": "unsigned long long",
    "b1": "bool",
}

PRELUDE: Final = """\
template <class To, class From> __device__ __forceinline__ To bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "bits of equal size");
  To to;
  memcpy(&to, &from, sizeof(To));
  return to;
}
"""

TREE: Final = """\
  __shared__ {t} kept[{threads}];
  kept[threadIdx.x] = sum;
  for (unsigned half = {threads} / 2; half > 0; half /= 2) {{
    __syncthreads();
    if (threadIdx.x < half) {{
      const {t} other = kept[threadIdx.x + half];
      sum = {joined};
      kept[threadIdx.x] = sum;
    }}
  }}
"""


@dataclass(frozen=True)
class Kernel:
    """A kernel and what it is launched on."""

    source: str
    blocks: int
    threads: int
    arrays: tuple[Array, ...]
    """Its pointers, in order."""


def c_type(dtype: np.dtype[Any]) -> str:
    """The type of a number."""
    return TYPES[f"{dtype.kind}{dtype.itemsize}"]


def literal(value: Any) -> str:
    """A constant, exactly."""
    dtype = np.asarray(value).dtype
    if dtype.kind != "f":
        return f"(({c_type(dtype)}){int(value)})"
    if isinf(value) or isnan(value):
        whole = np.asarray(value).view(f"u{dtype.itemsize}")
        return f"bits<{c_type(dtype)}>({int(whole):#x}{'u' if dtype.itemsize == 4 else 'ull'})"
    return f"{float(value).hex()}{'f' if dtype.itemsize == 4 else ''}"


def elementwise(segment: Elementwise) -> Kernel:
    """One thread for each element, or for several."""
    lengths, strides = collapsed(segment.shape, [each.strides for each in segment.locations])
    size = prod(segment.shape)
    tables = [each.table for each in segment.operations if each.table is not None]
    types = [c_type(array.dtype) for array in segment.arrays]
    pointers = [
        f"{'' if place in segment.written else 'const '}{kind}* p{place}" for place, kind in enumerate(types)
    ] + [f"const {c_type(table.dtype)}* t{number}" for number, table in enumerate(tables)]
    index = (
        "int" if max(size, *(_reach(each, lengths, strides) for each in range(len(strides)))) < 1 << 30 else "long long"
    )
    body = _counters(lengths, index)
    for place, kind in enumerate(types):
        where = _offset(strides[place], segment.locations[place].size)
        body.append(f"const {index} o{place} = {where};")
        start = f" = p{place}[o{place}]" if place in segment.read else ""
        body.append(f"{kind} v{place}{start};")
    number = 0
    for operation in segment.operations:
        body.append(_statement(operation, types, number))
        number += operation.table is not None
    body += [f"p{place}[o{place}] = v{place};" for place in sorted(segment.written)]
    loop = _loop(index, size)
    source = _kernel(pointers, [loop + " {", *("  " + line for line in body), "}"])
    return Kernel(source, min(-(-size // THREADS), 1 << 20), THREADS, (*segment.arrays, *tables))


def reduction(segment: Reduction, address: Address, room: Array | None = None) -> list[Kernel]:
    """A thread for each sum, or a block; or several blocks, which leave their shares in `room`."""
    outs, length = segment.out.size, segment.inputs[0].shape[segment.axis]
    shares = shares_of(segment)
    if shares > 1 and room is not None:
        parts = room[: outs * shares].reshape(outs, shares)
        first = _blocks(segment, address, parts, shares)
        total = Reduction("maximum" if segment.kind == "maximum" else "add", (parts,), 1, segment.out.reshape(outs, 1))
        return [first, _blocks(total, address, None, 1)]
    beside = segment.inputs[0].strides[segment.axis] == segment.inputs[0].itemsize
    if length <= SERIAL or (outs >= MANY and not beside):
        return [_serial(segment, address)]
    return [_blocks(segment, address, None, 1)]


def shares_of(segment: Reduction) -> int:
    """Blocks that take part in a sum: a function of its size alone."""
    length = segment.inputs[0].shape[segment.axis]
    return min(MOST_SHARES, -(-length // SHARE)) if segment.out.size < MANY else 1


def narrow(product: Product) -> Kernel:
    """A product with few rows, of sums of moderate length: a block for each piece of a row.

    cuBLAS's tiles are far larger than such a result: it leaves most of the device idle, and at some shapes takes ten
    times as long. The threads of a warp take neighbours, which lie side by side; the warps share the sums' terms.
    """
    out, length = product.out, product.a.shape[1]
    kind, (rows, columns) = c_type(out.dtype), out.shape
    tiles = -(-columns // TILE)
    a, b, o = (tuple(stride // out.itemsize for stride in each.strides) for each in product.arrays)
    body = [
        f"__shared__ double kept[{TILE * TILE}];",
        f"const int row = blockIdx.x / {tiles}, column = (blockIdx.x % {tiles}) * {TILE} + threadIdx.x % {TILE};",
        "double sum = 0;",
        f"if (column < {columns}) {{",
        f"  for (int k = threadIdx.x / {TILE}; k < {length}; k += {TILE}) {{",
        f"    sum += (double)a[row * {a[0]} + k * {a[1]}] * b[k * {b[0]} + column * {b[1]}];",
        "  }",
        "}",
        "kept[threadIdx.x] = sum;",
        f"for (unsigned half = {TILE * TILE // 2}; half >= {TILE}; half /= 2) {{",
        "  __syncthreads();",
        "  if (threadIdx.x < half) kept[threadIdx.x] += kept[threadIdx.x + half];",
        "}",
        f"if (threadIdx.x < {TILE} && column < {columns}) {{",
        f"  out[row * {o[0]} + column * {o[1]}] = ({kind})kept[threadIdx.x];",
        "}",
    ]
    source = _kernel([f"const {kind}* a", f"const {kind}* b", f"{kind}* out"], body)
    return Kernel(source, rows * tiles, TILE * TILE, product.arrays)


def _serial(segment: Reduction, address: Address) -> Kernel:
    kind, setup, term, joined = _summed(segment, address)
    outs, length = segment.out.size, segment.inputs[0].shape[segment.axis]
    loop = _loop("long long", outs)
    body = [
        f"  {kind} sum = {_first(segment, kind)};",
        f"  for (int k = 0; k < {length}; ++k) {{",
        f"    const {kind} other = {term};",
        f"    sum = {joined};",
        "  }",
        f"  out[at] = ({c_type(segment.out.dtype)})sum;",
    ]
    source = _kernel(_pointers(segment, segment.out.dtype), [loop + " {", *("  " + line for line in setup), *body, "}"])
    return Kernel(source, min(-(-outs // THREADS), 1 << 20), THREADS, (*segment.inputs, segment.out))


def _blocks(segment: Reduction, address: Address, room: Array | None, shares: int) -> Kernel:
    kind, setup, term, joined = _summed(segment, address)
    outs, length = segment.out.size, segment.inputs[0].shape[segment.axis]
    own = -(-length // shares)
    out = segment.out if room is None else room
    body = [
        f"const long long i = blockIdx.x / {shares};",
        f"const long long stop = min({length}ll, (blockIdx.x % {shares} + 1) * {own}ll);",
        *setup,
        f"{kind} sum = {_first(segment, kind)};",
        f"for (long long k = (blockIdx.x % {shares}) * {own}ll + threadIdx.x; k < stop; k += {THREADS}) {{",
        f"  const {kind} other = {term};",
        f"  sum = {joined};",
        "}",
        *TREE.format(t=kind, threads=THREADS, joined=joined).rstrip().replace("\n  ", "\n").strip().split("\n"),
        f"if (threadIdx.x == 0) out[{'at' if room is None else 'blockIdx.x'}] = ({c_type(out.dtype)})sum;",
    ]
    return Kernel(_kernel(_pointers(segment, out.dtype), body), outs * shares, THREADS, (*segment.inputs, out))


def _summed(segment: Reduction, address: Address) -> tuple[str, list[str], str, str]:
    """The type that is summed in; how to find the start; a term; and a term added."""
    axis, inputs = segment.axis, segment.inputs
    kept = tuple(length for place, length in enumerate(inputs[0].shape) if place != axis)
    places = [Location.of(each, inputs[0].shape, address) for each in inputs]
    out = tuple(segment.out.reshape(kept).strides)
    lengths, strides = collapsed(kept, [*(_without(each.strides, axis) for each in places), out])
    setup = _counters(lengths, "long long")
    for number, each in enumerate(inputs):
        setup.append(f"const {c_type(each.dtype)}* x{number} = in{number} + {_offset(strides[number], each.itemsize)};")
    setup.append(f"const long long at = {_offset(strides[-1], segment.out.itemsize)};")
    terms = [f"x{n}[k * {place.strides[axis] // place.size}ll]" for n, place in enumerate(places)]
    if segment.kind == "maximum":
        return c_type(inputs[0].dtype), setup, terms[0], EXPRESSIONS["maximum"].format("sum", "other")
    return "double", setup, " * ".join(f"(double){term}" for term in terms), "sum + other"


def _first(segment: Reduction, kind: str) -> str:
    return literal(segment.inputs[0].dtype.type(-np.inf)) if segment.kind == "maximum" else f"({kind})0"


def _pointers(segment: Reduction, out: np.dtype[Any]) -> list[str]:
    return [*(f"const {c_type(each.dtype)}* in{n}" for n, each in enumerate(segment.inputs)), f"{c_type(out)}* out"]


def _without(strides: Sequence[int], axis: int) -> tuple[int, ...]:
    return (*strides[:axis], *strides[axis + 1 :])


def _kernel(pointers: Sequence[str], body: Sequence[str]) -> str:
    lines = "\n".join(f"  {line}" for line in body)
    return f'{PRELUDE}\nextern "C" __global__ void segment({", ".join(pointers)}) {{\n{lines}\n}}\n'


def _loop(index: str, size: int) -> str:
    """Each thread takes every so many-th of the elements."""
    start, step = f"blockIdx.x * ({index}){THREADS} + threadIdx.x", f"({index}){THREADS} * gridDim.x"
    return f"for ({index} i = {start}; i < {size}; i += {step})"


def _counters(lengths: Sequence[int], index: str) -> list[str]:
    """The place along each axis of element i."""
    if len(lengths) == 1:
        return [f"const {index} i0 = i;"]
    lines = [f"{index} left = i;"]
    for axis in reversed(range(1, len(lengths))):
        lines += [f"const {index} i{axis} = left % {lengths[axis]};", f"left /= {lengths[axis]};"]
    return [*lines, f"const {index} i0 = left;"]


def _offset(strides: Sequence[int], size: int) -> str:
    terms = [f"i{axis} * {stride // size}" for axis, stride in enumerate(strides) if stride]
    return " + ".join(terms) or "0"


def _reach(place: int, lengths: Sequence[int], strides: Sequence[Sequence[int]]) -> int:
    return sum((length - 1) * abs(stride) for length, stride in zip(lengths, strides[place], strict=True))


def _statement(operation: Apply, types: Sequence[str], tables: int) -> str:
    """An operation on what is kept."""
    *ins, result = operation.loop
    terms = [_read(each, types, kind) for each, kind in zip(operation.inputs, ins, strict=True)]
    table = operation.table
    length = 0 if table is None else table.size
    expression = EXPRESSIONS[operation.name].format(*terms, t=c_type(result), table=f"t{tables}", length=length)
    out = operation.out
    kind = c_type(out.dtype)
    value = f"({kind})({expression})"
    kept = types[out.place or 0]
    return f"v{out.place} = {value if kept == kind else f'bits<{kept}>({value})'};"


def _read(operand: Operand, types: Sequence[str], kind: np.dtype[Any]) -> str:
    if operand.place is None:
        return literal(kind.type(operand.value))
    own = c_type(operand.dtype)
    name = f"v{operand.place}"
    value = name if types[operand.place] == own else f"bits<{own}>({name})"
    return value if operand.dtype == kind else f"(({c_type(kind)}){value})"
