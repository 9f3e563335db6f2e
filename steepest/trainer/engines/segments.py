"""From a plan to segments: what a device runs at a time.

A plan is data: functions bound to their arrays. Neighbours that work element by element on arrays of one shape become
one segment, whose elements are independent of each other: each number is read once, kept while the operations run in
their order, and written once. A sum or a maximum along an axis is a segment of its own. So is a product of matrices,
together with its neighbours of the same form where all lie at equal distances, as the networks of a stack do. Whatever
else a plan holds runs as it is.

All here is a pure function of the plan: `steepest.trainer.engines.cuda_source` writes the segments down as kernels.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

import numpy as np

from steepest.trainer.arrays import Array, Operation

Address = Callable[[Array], int]
"""Where the memory of an array begins."""

NARROW: Final = 16
"""Rows of a product's result for which the tiles of libraries are far too large, ..."""

MOST_COLUMNS: Final = 1024
MOST_TERMS: Final = 1024
"""... up to so many columns, and terms of a sum: beyond them a library is as quick."""

FAR_TERMS: Final = 128
"""Terms up to which a block's share of an operand stays near it, even if neighbours do not lie side by side."""

CONSTANT: Final = np.generic
"""A number that is not in the device's memory is written into the kernel."""


def look_up(table: Array, places: Array, out: Array) -> None:
    """Entries of a table at integer places; what lies beyond its ends may be any entry."""
    table.take(places, None, out)


def largest(array: Array, axis: int, out: Array) -> None:
    """The largest along an axis, which stays."""
    array.max(axis, out, keepdims=True)


@dataclass(frozen=True)
class Location:
    """Memory of one number for each element of a segment's shape."""

    address: int
    strides: tuple[int, ...]
    """Bytes; 0 along an axis that is broadcast."""
    size: int
    """Bytes of a number."""
    extent: tuple[int, int]
    """First byte, and first byte behind it."""

    @classmethod
    def of(cls, array: Array, shape: tuple[int, ...], address: Address) -> "Location":
        """Where an array lies that is broadcast to a shape."""
        missing = max(0, len(shape) - array.ndim)
        lengths = ((1,) * missing + array.shape)[-len(shape) or array.ndim :]
        steps = ((0,) * missing + array.strides)[-len(shape) or array.ndim :]
        strides = tuple(0 if length == 1 else step for length, step in zip(lengths, steps, strict=True))
        start, size = address(array), array.dtype.itemsize
        reach = [(length - 1) * step for length, step in zip(lengths, strides, strict=True)]
        lowest, highest = sum(min(0, each) for each in reach), sum(max(0, each) for each in reach)
        return cls(start, strides, size, (start + lowest, start + highest + size))

    def clashes(self, other: "Location") -> bool:
        """Whether the two share memory, but not so that each element has its own."""
        apart = self.extent[1] <= other.extent[0] or other.extent[1] <= self.extent[0]
        return not apart and self != other


@dataclass(frozen=True)
class Operand:
    """An input or an output: a number in memory, read as a type, or a constant."""

    dtype: np.dtype[Any]
    place: int | None
    """Among the segment's locations."""
    value: Any = None
    """Of a constant."""


@dataclass(frozen=True)
class Apply:
    """An operation on each element: out = name(inputs)."""

    name: str
    inputs: tuple[Operand, ...]
    out: Operand
    loop: tuple[np.dtype[Any], ...]
    """Types that it computes in: of the inputs, then of the result."""
    table: Array | None = None
    """Of a look-up: what its only input is a place in."""


@dataclass
class Elementwise:
    """Operations on arrays of one shape."""

    shape: tuple[int, ...]
    operations: list[Apply] = field(default_factory=list)
    locations: list[Location] = field(default_factory=list)
    arrays: list[Array] = field(default_factory=list)
    """The first array seen at each location."""
    read: set[int] = field(default_factory=set)
    """Locations whose first use is to be read."""
    written: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Reduction:
    """Sums, or the largest, along an axis of an array, or sums of the products of two vectors, network by network."""

    kind: Literal["add", "maximum", "dot"]
    inputs: tuple[Array, ...]
    axis: int
    out: Array


@dataclass
class Product:
    """A product of matrices, out = a b, or several of one form, none of which needs what another leaves."""

    a: Array
    b: Array
    out: Array
    """Of the first."""
    count: int = 1
    strides: tuple[int, ...] = (0, 0, 0)
    """Bytes from each array to that of the next product."""

    @property
    def arrays(self) -> tuple[Array, Array, Array]:
        """The first's operands and result."""
        return self.a, self.b, self.out

    @property
    def narrow(self) -> "Product | None":
        """This product, or that of its turned operands, if the result has few rows and each sum is of moderate length.

        Such are the sums and the slopes of an output layer.
        """
        if self.count > 1:
            return None
        for each in (self, Product(self.b.T, self.a.T, self.out.T)):
            (rows, columns), terms = each.out.shape, each.a.shape[1]
            near = each.b.strides[1] == each.b.itemsize or terms <= FAR_TERMS
            if rows <= NARROW and columns <= MOST_COLUMNS and terms <= MOST_TERMS and near:
                return each
        return None


@dataclass(frozen=True)
class Call:
    """An operation that runs as it is."""

    operation: Operation


Segment = Elementwise | Reduction | Product | Call


@dataclass(frozen=True)
class _Parts:
    """An operation on elements, taken apart."""

    name: str
    inputs: tuple[Any, ...]
    out: Array
    loop: tuple[np.dtype[Any], ...]
    table: Array | None = None


def segments(plan: Iterable[Operation], known: Iterable[str], address: Address) -> list[Segment]:
    """Cut a plan into segments.

    Args:
        plan: Operations that change arrays of the device.
        known: Names of the functions of elements that kernels can be written for.
        address: Of the device's arrays.
    """
    names, found = frozenset(known), list[Segment]()
    for operation in plan:
        parts = _elementwise(operation)
        last = found[-1] if found else None
        if parts is None or parts.name not in names:
            segment = _reduction(operation) or _product(operation) or Call(operation)
            if not (isinstance(segment, Product) and isinstance(last, Product) and _continues(last, segment, address)):
                found.append(segment)
            continue
        if not (isinstance(last, Elementwise) and _joins(last, parts, address)):
            last = Elementwise(_bare(parts.out.shape))
            found.append(last)
        _join(last, parts, address)
    return found


def _elementwise(operation: Operation) -> _Parts | None:
    if not isinstance(operation, partial):
        return None
    function, args, named = operation.func, operation.args, operation.keywords
    if isinstance(function, np.ufunc):
        return _ufunc(function, args, named)
    if function is look_up:
        table, places, out = args
        return _Parts("look_up", (places,), out, (places.dtype, table.dtype), table)
    if function is np.clip and len(args) == 4:
        return _Parts("clip", args[:3], args[3], (args[3].dtype,) * 4)
    if function is np.copyto and not named:
        out, values = args
        return _Parts("copy", (values,), out, (values.dtype, out.dtype))
    return None


def _ufunc(function: np.ufunc, args: tuple[Any, ...], named: dict[str, Any]) -> _Parts | None:
    inputs, outs = args[: function.nin], args[function.nin :] or (named.get("out"),)
    typed = all(hasattr(each, "dtype") for each in (*inputs, *outs))
    if function.signature is not None or function.nout != 1 or named.keys() - {"out"} or not typed:
        return None
    loop = function.resolve_dtypes((*(each.dtype for each in inputs), None))
    return _Parts(function.__name__, inputs, outs[0], loop)


def _reduction(operation: Operation) -> Reduction | None:
    if not isinstance(operation, partial):
        return None
    function, args = operation.func, operation.args
    if function is largest:
        array, axis, out = args
        return Reduction("maximum", (array,), axis % array.ndim, out)
    if function is np.matmul and args[0].shape[-2] == args[1].shape[-1] == 1:
        row, column, out = args
        return Reduction("dot", (row, column.swapaxes(-1, -2)), row.ndim - 1, out)
    name, owner = getattr(function, "__name__", None), getattr(function, "__self__", None)
    if name == "reduce" and owner is np.add and args[2] is None and args[4] is True:
        array, axis, _, out, _ = args
        return Reduction("add", (array,), axis % array.ndim, out)
    if name == "dot" and owner is not None and args[1].size == 1:
        return Reduction("dot", (owner, args[0].T), 1, args[1])
    return None


def _product(operation: Operation) -> Product | None:
    function = operation.func if isinstance(operation, partial) else None
    a = getattr(function, "__self__", None)
    if getattr(function, "__name__", None) != "dot" or a is None or a.ndim != 2:
        return None
    return Product(a, *operation.args)  # type: ignore[attr-defined]  # a partial, or there were no function


def _continues(row: Product, next_one: Product, address: Address) -> bool:
    """Whether a product is the row's next, which then has one more."""
    pairs = list(zip(row.arrays, next_one.arrays, strict=True))
    if any((one.shape, one.strides, one.dtype) != (other.shape, other.strides, other.dtype) for one, other in pairs):
        return False
    distances = tuple(address(other) - address(one) for one, other in pairs)
    strides = distances if row.count == 1 else row.strides
    if any(distance != stride * row.count for distance, stride in zip(distances, strides, strict=True)):
        return False
    if min(strides) < 0 or _needs(row, next_one, strides, address):
        return False
    row.count, row.strides = row.count + 1, strides
    return True


def _needs(row: Product, next_one: Product, strides: tuple[int, ...], address: Address) -> bool:
    """Whether two products of the lengthened row share memory that one of them writes."""
    extents = [Location.of(each, each.shape, address).extent for each in row.arrays]
    (a, b, out) = [(start, stop + row.count * stride) for (start, stop), stride in zip(extents, strides, strict=True)]
    own = Location.of(next_one.out, next_one.out.shape, address).extent
    before = (out[0], out[1] - strides[2])
    return any(one[0] < other[1] and other[0] < one[1] for one, other in ((a, out), (b, out), (before, own)))


def _joins(segment: Elementwise, parts: _Parts, address: Address) -> bool:
    """Whether an operation can be the segment's next: its elements must not need what others of its elements leave."""
    if _bare(parts.out.shape) != segment.shape:
        return False
    written = [segment.locations[place] for place in segment.written]
    reads = [Location.of(each, segment.shape, address) for each in parts.inputs if not isinstance(each, CONSTANT)]
    writes = Location.of(parts.out, segment.shape, address)
    return not (
        any(one.clashes(other) for one in reads for other in written)
        or any(writes.clashes(other) for other in segment.locations)
        or (parts.table is not None and any(_holds(parts.table, each, address) for each in written))
    )


def _bare(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the axes of length 1 in front: one network's arrays may do without the axis of networks."""
    start = next((axis for axis, length in enumerate(shape) if length != 1), len(shape))
    return shape[start:]


def _holds(table: Array, location: Location, address: Address) -> bool:
    start = address(table)
    return location.extent[0] < start + table.nbytes and start < location.extent[1]


def _join(segment: Elementwise, parts: _Parts, address: Address) -> None:
    inputs = []
    for each in parts.inputs:
        if isinstance(each, CONSTANT):
            inputs.append(Operand(each.dtype, None, each))
            continue
        place = _place(segment, each, address)
        if place not in segment.written:
            segment.read.add(place)
        inputs.append(Operand(each.dtype, place))
    place = _place(segment, parts.out, address)
    segment.written.add(place)
    out = Operand(parts.out.dtype, place)
    segment.operations.append(Apply(parts.name, tuple(inputs), out, parts.loop, parts.table))


def _place(segment: Elementwise, array: Array, address: Address) -> int:
    location = Location.of(array, segment.shape, address)
    if location not in segment.locations:
        segment.locations.append(location)
        segment.arrays.append(array)
    return segment.locations.index(location)


def collapsed(shape: tuple[int, ...], strides: list[tuple[int, ...]]) -> tuple[list[int], list[list[int]]]:
    """The same elements with as few axes as will do: their lengths, and for each of several arrays its strides."""
    lengths, steps = [1], [[0] for _ in strides]
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        own = [each[axis] for each in strides]
        if lengths[-1] == 1 or all(outer[-1] == inner * length for outer, inner in zip(steps, own, strict=True)):
            lengths[-1] *= length
            for outer, inner in zip(steps, own, strict=True):
                outer[-1] = inner
        else:
            lengths.append(length)
            for outer, inner in zip(steps, own, strict=True):
                outer.append(inner)
    return lengths, steps
