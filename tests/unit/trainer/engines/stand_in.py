"""A stand-in for CuPy's arrays, as strict as they are, and a device to train on that is none.

An array of it wraps one of NumPy. It refuses to become one of NumPy unasked, refuses to be mixed with them, and has the
functions, methods and arguments that CuPy 14 has (checked against `cupy/_core/core.pyx`, `_core/_kernel.pyx`,
`_manipulation/basic.py`, `_indexing/indexing.py`) and no more. Underneath the same NumPy functions run: results are
equal to the bit.
"""

import ctypes
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike

from steepest.trainer.arrays import HERE, PLACES, Array, Operation, Plan
from steepest.trainer.chunks import CORE
from steepest.trainer.engines.cuda_source import EXPRESSIONS
from steepest.trainer.engines.device import Device, OnDevice
from steepest.trainer.engines.segments import Call, Elementwise, Product, Reduction, largest, look_up, segments
from steepest.trainer.engines.streamed import Transfer
from steepest.trainer.quasi_newton import QuasiNewton

UFUNCS = frozenset(
    {"absolute", "add", "divide", "equal", "exp", "expm1", "fmin", "greater", "greater_equal", "isfinite", "less"}
    | {"less_equal", "log", "log1p", "matmul", "maximum", "minimum", "multiply", "negative", "not_equal", "sign"}
    | {"sqrt", "square", "subtract", "tanh"}
)
REDUCED = frozenset({"add", "multiply"})
FUNCTIONS = {
    "array_equal": ("a1", "a2"),
    "clip": ("a", "a_min", "a_max", "out"),
    "copyto": ("dst", "src", "casting", "where"),
    "count_nonzero": ("a", "axis"),
    "empty_like": ("prototype", "dtype", "order", "subok", "shape"),
}
"""With the arguments that CuPy's have."""

UNASKED = (
    "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array explicitly."
)


class Strict(NDArrayOperatorsMixin):
    """An array that lives elsewhere."""

    __array_priority__ = 100
    waits = 0
    """How often someone asked for a number, and so waited for the device."""

    def __init__(self, array: Any) -> None:
        self._array = np.asarray(array)

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError(UNASKED)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **named: Any) -> Any:
        if ufunc.__name__ not in UFUNCS or method not in ("__call__", "reduce"):
            return NotImplemented
        if method == "reduce" and (
            ufunc.__name__ not in REDUCED or named.keys() - {"axis", "dtype", "out", "keepdims"}
        ):
            raise NotImplementedError(f"`cupy_{ufunc.__name__}.reduce` is not supported yet")
        if method == "__call__" and named.keys() - {"out", "dtype", "casting"}:
            raise TypeError(f"Wrong arguments {named}")
        outs = named.pop("out", ())
        if not all(isinstance(out, Strict) for out in outs):
            raise TypeError("the output is not on the device")
        if outs:
            named["out"] = tuple(bare(out) for out in outs)
        result = getattr(ufunc, method)(*map(bare, inputs), **named)
        return outs[0] if outs else Strict(result)

    def __array_function__(self, function: Any, types: Any, args: Any, named: dict[str, Any]) -> Any:
        known = FUNCTIONS.get(function.__name__)
        if known is None or not all(issubclass(each, Strict) for each in types):
            return NotImplemented
        if len(args) > len(known) or named.keys() - set(known):
            raise TypeError(f"cupy.{function.__name__} has no such arguments")
        result = function(*map(bare, args), **{name: bare(value) for name, value in named.items()})
        if function.__name__ == "copyto":
            return None
        return args[3] if function.__name__ == "clip" and len(args) == 4 else Strict(result)

    def __getitem__(self, index: Any) -> "Strict":
        return Strict(self._array[bare_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._array[bare_index(index)] = bare(value)

    def __iter__(self) -> Iterator["Strict"]:
        return (self[place] for place in range(len(self)))

    def __len__(self) -> int:
        return len(self._array)

    def _number(self) -> Any:
        Strict.waits += 1
        return self._array.item()

    def __bool__(self) -> bool:
        return bool(self._number())

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    shape = property(lambda self: self._array.shape)
    strides = property(lambda self: self._array.strides)
    flags = property(lambda self: self._array.flags)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    nbytes = property(lambda self: self._array.nbytes)
    itemsize = property(lambda self: self._array.itemsize)

    @property
    def T(self) -> "Strict":  # noqa: N802
        return Strict(self._array.T)

    def get(self) -> Array:
        Strict.waits += 1
        return self._array.copy()

    def view(self, dtype: Any = None) -> "Strict":
        return Strict(self._array.view(dtype))

    def reshape(self, *shape: Any) -> "Strict":
        return Strict(self._array.reshape(*shape))

    def swapaxes(self, one: int, other: int) -> "Strict":
        return Strict(self._array.swapaxes(one, other))

    def astype(self, dtype: DTypeLike) -> "Strict":
        return Strict(self._array.astype(dtype))

    def copy(self) -> "Strict":
        return Strict(self._array.copy())

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> "Strict":
        return self._reduced(np.ndarray.sum, axis, dtype, out, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> "Strict":
        return self._reduced(np.ndarray.mean, axis, dtype, out, keepdims)

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> "Strict":
        return self._reduced(np.ndarray.max, axis, out, keepdims)

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> "Strict":
        return self._reduced(np.ndarray.all, axis, out, keepdims)

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> "Strict":
        return self._reduced(np.ndarray.any, axis, out, keepdims)

    def argmax(self, axis: Any = None) -> "Strict":
        return Strict(self._array.argmax(axis))

    def _reduced(self, function: Any, *args: Any) -> "Strict":
        *rest, out, keepdims = args
        result = function(self._array, *rest, None if out is None else bare_array(out), keepdims=keepdims)
        return Strict(result) if out is None else out

    def dot(self, other: "Strict", out: "Strict | None" = None) -> "Strict":
        if out is None:
            return Strict(self._array.dot(bare_array(other)))
        if np.result_type(self.dtype, other.dtype) != out.dtype:
            raise ValueError("Not supported dtype combination.")
        if not bare_array(out).flags.c_contiguous:
            raise ValueError("Output array must be C-contiguous")
        self._array.dot(bare_array(other), bare_array(out))
        return out

    def take(self, indices: "Strict", axis: int | None = None, out: "Strict | None" = None) -> "Strict":
        taken = self._array.take(bare_array(indices), axis, mode="wrap")
        if out is None:
            return Strict(taken)
        if out.dtype != self.dtype or out.shape != taken.shape:
            raise ValueError("Output shape or dtype mismatch")
        np.copyto(out._array, taken)
        return out


def bare(value: Any) -> Any:
    """What is underneath; numbers pass, arrays of NumPy do not."""
    if isinstance(value, Strict):
        return value._array
    if isinstance(value, np.ndarray) or (isinstance(value, list | tuple) and any(map(np.ndim, value))):
        raise TypeError(f"Unsupported type {type(value)}")
    return value


def bare_array(value: Any) -> Array:
    if not isinstance(value, Strict):
        raise TypeError(f"Argument has incorrect type (expected an array of the device, got {type(value)})")
    return value._array


def bare_index(index: Any) -> Any:
    return tuple(map(bare_index, index)) if isinstance(index, tuple) else index if type(index) is list else bare(index)


class Letter(Transfer):
    """A transfer that insists on its protocol: what is on its way does not change, and goes where room was made."""

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.here = np.zeros(shape, dtype)
        self.here.flags.writeable = False
        self._there = Strict(np.zeros(shape, dtype))
        self._state = "used"

    def begin(self) -> None:
        assert self._state in ("used", "sent"), self._state
        self.here.flags.writeable = True
        self._state = "begun"

    def send(self) -> None:
        assert self._state == "begun"
        self.here.flags.writeable = False
        self._state = "sent"

    def arrived(self) -> Any:
        assert self._state == "sent"
        np.copyto(self._there._array, self.here)
        return self._there

    def used(self) -> None:
        self._there._array[...] = np.nan if self._there.dtype.kind == "f" else 0
        self._state = "used"


class StandIn(Device):
    """Plans run here segment by segment, as kernels would: numbers are read once, and written once at the end."""

    name = "stand-in"
    free = 2**40
    fused = True

    def __init__(self) -> None:
        self.allocated = 0

    def zeros(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> Any:
        array = Strict(HERE.zeros(shape, dtype))
        self.allocated += array.nbytes
        if self.allocated > self.free:
            raise MemoryError
        return array

    def number(self, value: float, dtype: DTypeLike) -> Any:
        kind: Any = np.dtype(dtype).type
        return kind(value)

    def put(self, out: Any, values: Any) -> None:
        np.copyto(bare_array(out), values._array if isinstance(values, Strict) else values)

    def fetch(self, array: Any, out: Array | None = None) -> Array:
        fetched: Array = array.get()
        if out is None:
            return fetched
        np.copyto(out, fetched)
        return out

    def take(self, array: Any, rows: Array, out: Any) -> None:
        array.take(Strict(rows), 0, out)

    def look_up(self, table: Any, places: Any, out: Any) -> Operation:
        return partial(look_up, table, places, out)

    def largest(self, array: Any, axis: int, out: Any) -> Operation:
        return partial(largest, array, axis, out)

    def transfer(self, shape: tuple[int, ...], dtype: DTypeLike) -> Letter:
        return Letter(shape, dtype)

    def prepare(self, plan: Plan) -> Plan:
        if not self.fused:
            return plan
        return tuple(runner(segment) for segment in segments(plan, EXPRESSIONS, address))


def address(array: Any) -> int:
    return int(bare_array(array).__array_interface__["data"][0])


def runner(segment: Any) -> Operation:
    """Run a segment as its kernel would."""
    kinds: dict[type, Callable[[Any], Operation]] = {
        Elementwise: lambda each: partial(elements, each),
        Reduction: lambda each: partial(reduced, each),
        Product: lambda each: partial(multiplied, each),
        Call: lambda each: each.operation,
    }
    return kinds[type(segment)](segment)


def multiplied(segment: Product) -> None:
    """Each product in its turn."""
    for number in range(segment.count):
        a, b, out = (
            at(address(array) + number * stride, array)
            for array, stride in zip(segment.arrays, segment.strides, strict=True)
        )
        a.dot(b, out)


def at(place: int, like: Any) -> Array:
    """The memory at an address as an array like another."""
    shape, strides, dtype = like.shape, like.strides, like.dtype
    reach = sum((length - 1) * step for length, step in zip(shape, strides, strict=True)) + dtype.itemsize
    return np.ndarray(shape, dtype, (ctypes.c_char * reach).from_address(place), 0, strides)


def elements(segment: Elementwise) -> None:
    """The segment's elements, all at once: what a kernel does for each."""
    arrays = [bare_array(each) for each in segment.arrays]
    kept: list[Array | None] = [None] * len(arrays)
    for place in segment.read:
        array = arrays[place]
        surplus = max(0, array.ndim - len(segment.shape))  # axes of length 1
        kept[place] = np.array(np.broadcast_to(array.reshape(array.shape[surplus:]), segment.shape))

    def value(operand: Any, dtype: Any) -> Any:
        if operand.place is None:
            return dtype.type(operand.value)
        found = kept[operand.place]
        assert found is not None
        return found.view(operand.dtype).astype(dtype, copy=False)

    for operation in segment.operations:
        inputs = [value(each, dtype) for each, dtype in zip(operation.inputs, operation.loop, strict=False)]
        if operation.table is not None:
            result = bare_array(operation.table).take(inputs[0], mode="clip")
        elif operation.name == "copy":
            result = inputs[0]
        else:
            result = getattr(np, operation.name)(*inputs)
        assert operation.out.place is not None
        result = np.array(np.broadcast_to(result, segment.shape)).astype(operation.out.dtype)
        kept[operation.out.place] = result.view(arrays[operation.out.place].dtype)
    for place in segment.written:
        np.copyto(arrays[place], kept[place])  # type: ignore[arg-type]


def reduced(segment: Reduction) -> None:
    """The sums of a segment."""
    one, *other = map(bare_array, segment.inputs)
    out = bare_array(segment.out)
    if segment.kind == "dot":
        columns = other[0].swapaxes(-1, -2)
        np.copyto(out, np.matmul(one, columns).reshape(out.shape))
    elif segment.kind == "maximum":
        np.maximum.reduce(one, segment.axis, out=out, keepdims=True)
    else:
        np.add.reduce(one, segment.axis, out=out, keepdims=True)


DEVICE = StandIn()
PLACES[Strict] = DEVICE


class StandInCourse(OnDevice):
    """Chunks are those of a processor, so that sums have the same terms."""

    device = DEVICE
    capacity = CORE


class StandInQuasiNewton(OnDevice, QuasiNewton):
    device = DEVICE
    capacity = CORE
