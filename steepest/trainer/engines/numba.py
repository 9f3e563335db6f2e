"""What kernels are made of: the compiler, and the few instructions that Python has no word for.

The only file that imports numba. Kernels work on bare memory: an address is an integer, `view` makes an array of the
numbers that lie there, and `like` is any number of the precision in use.
"""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

__all__ = [
    "at",
    "atomic_add",
    "atomic_load",
    "atomic_store",
    "bits",
    "by_precision",
    "call",
    "call_gemm",
    "fingerprint",
    "from_bits",
    "kernel",
    "piece",
    "prefetch",
    "summing",
    "view",
]

_SAFE: Final = {"contract", "nsz", "arcp"}
"""Liberties with arithmetic that leave NaN and infinity what they are: divergence must be seen."""

piece: Final[Callable[..., Any]] = partial(njit, error_model="numpy", fastmath=_SAFE, no_cpython_wrapper=True)
"""Compile a part of a kernel."""

summing: Final[Callable[..., Any]] = partial(piece, fastmath=_SAFE | {"reassoc"})
"""Compile a part that takes sums in any order, as a machine's vectors need."""


def kernel(function: Callable[..., Any], *, cache: bool = True) -> Any:
    """Compile an entry, and keep it on disk where that can be: beside its file, or in the user's cache."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(function, cache=cache, **options)
    except RuntimeError:  # nowhere to write
        return njit(function, **options)


def fingerprint(folder: Path) -> int:
    """A number that is another one as soon as a file that kernels come from is.

    On disk, numba knows a kernel by its entry's file and the types of its arguments, of which this shall be the last.
    """
    files = [Path(__file__), *sorted(folder.glob("*.py"))]
    return int.from_bytes(sha256(b"".join(file.read_bytes() for file in files)).digest()[:7])


def by_precision(single: Callable[[Any], Any], double: Callable[[Any], Any]) -> Any:
    """A function of one number x that is worked out differently in single and in double precision."""

    def function(x: Any) -> Any:
        raise NotImplementedError("for kernels only")

    def choose(x: Any) -> Any:
        return single if x == types.float32 else double

    for each in (single, double, choose):
        each.__annotations__ = {}  # numba compares them
    overload(function, jit_options={"error_model": "numpy", "fastmath": _SAFE})(choose)
    return function


_BYTE: Final = ir.IntType(8)
_INT: Final = ir.IntType(32)
_LONG: Final = ir.IntType(64)
_POINTER: Final = _BYTE.as_pointer()


_instruct: Final[Callable[[Callable[..., Any]], Callable[..., Any]]] = intrinsic


def _instruction(generate: Callable[..., Any]) -> Callable[..., Any]:
    """What numba asks of an intrinsic's body, of a function of the builder and the arguments."""

    def body(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        result = generate(builder, *arguments)
        return context.get_dummy_value() if signature.return_type == types.void else result

    return body


@_instruct
def _pointer(_: Any, address: Any, like: Any) -> Any:
    pointer = (ir.FloatType() if like == types.float32 else ir.DoubleType()) if isinstance(like, types.Float) else None
    kind = (pointer or ir.IntType(like.bitwidth)).as_pointer()
    return types.CPointer(like)(address, like), _instruction(lambda builder, at, _: builder.inttoptr(at, kind))


@_instruct
def at(_: Any, address: Any, index: Any, like: Any) -> Any:
    """The address of the number `index` of those that begin at `address`."""

    def generate(builder: Any, address: Any, index: Any, _: Any) -> Any:
        return builder.add(address, builder.mul(index, ir.Constant(_LONG, like.bitwidth // 8)))

    return types.int64(types.int64, types.int64, like), _instruction(generate)


@piece
def view(address: int, start: int, size: int, like: Any) -> Any:
    """The numbers from `start` to `start + size` of those that begin at `address`, as an array."""
    return carray(_pointer(at(address, start, like), like), (size,))


@_instruct
def call_gemm(_: Any, function: Any, flips: Any, sizes: Any, scales: Any, a: Any, b: Any, c: Any) -> Any:
    """BLAS's C = alpha op(A) op(B) + beta C, columns first.

    Integers are handed over in 64 bits: who reads only 32 of them finds the lower half first.

    Args:
        _: The compiler's.
        function: Where it lies.
        flips: Whether A and B are transposed.
        sizes: Rows of C, columns of C, and what is summed over.
        scales: Alpha and beta.
        a: Where A lies, and from one column of it to the next.
        b: Where B lies, and from one column of it to the next.
        c: Where C lies, and from one column of it to the next.
    """

    def generate(builder: Any, function: Any, *tuples: Any) -> Any:
        flips, sizes, (alpha, beta), *matrices = (cgutils.unpack_tuple(builder, each) for each in tuples)

        def reference(value: Any) -> Any:
            place = cgutils.alloca_once(builder, value.type)
            builder.store(value, place)
            return builder.bitcast(place, _POINTER)

        def letter(flip: Any) -> Any:
            yes, no = ir.Constant(_BYTE, ord("T")), ir.Constant(_BYTE, ord("N"))
            return reference(builder.select(builder.trunc(flip, ir.IntType(1)), yes, no))

        (a, lda), (b, ldb), (c, ldc) = ((builder.inttoptr(at, _POINTER), reference(lead)) for at, lead in matrices)
        gemm = builder.inttoptr(function, ir.FunctionType(ir.VoidType(), [_POINTER] * 13).as_pointer())
        given = [*map(letter, flips), *map(reference, sizes)]
        return builder.call(gemm, [*given, reference(alpha), a, lda, b, ldb, reference(beta), c, ldc])

    return types.void(function, flips, sizes, scales, a, b, c), _instruction(generate)


@_instruct
def call(_: Any, function: Any) -> Any:
    """Call a C function without arguments, whose result nobody needs."""

    def generate(builder: Any, function: Any) -> Any:
        return builder.call(builder.inttoptr(function, ir.FunctionType(_INT, []).as_pointer()), [])

    return types.void(function), _instruction(generate)


def _integer(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, _LONG.as_pointer())


@_instruct
def atomic_add(_: Any, address: Any, value: Any) -> Any:
    """Add to the 64-bit integer at an address, as one act, and return what it was."""

    def generate(builder: Any, address: Any, value: Any) -> Any:
        return builder.atomic_rmw("add", _integer(builder, address), value, "seq_cst")

    return types.int64(address, types.int64), _instruction(generate)


@_instruct
def atomic_load(_: Any, address: Any) -> Any:
    """The 64-bit integer at an address; what was written before it can be read after."""

    def generate(builder: Any, address: Any) -> Any:
        return builder.load_atomic(_integer(builder, address), "seq_cst", 8)

    return types.int64(address), _instruction(generate)


@_instruct
def atomic_store(_: Any, address: Any, value: Any) -> Any:
    """Write the 64-bit integer at an address, after all that was written before it."""

    def generate(builder: Any, address: Any, value: Any) -> Any:
        return builder.store_atomic(value, _integer(builder, address), "seq_cst", 8)

    return types.void(address, types.int64), _instruction(generate)


@_instruct
def prefetch(_: Any, address: Any) -> Any:
    """Ask for the cache line at an address, which will be read soon."""

    def generate(builder: Any, address: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_POINTER, _INT, _INT, _INT])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, keep, data = (ir.Constant(_INT, number) for number in (0, 2, 1))
        return builder.call(function, [builder.inttoptr(address, _POINTER), read, keep, data])

    return types.void(address), _instruction(generate)


@_instruct
def bits(_: Any, number: Any) -> Any:
    """The bits of a single-precision number, as an integer."""
    return types.int32(number), _instruction(lambda builder, number: builder.bitcast(number, _INT))


@_instruct
def from_bits(_: Any, number: Any) -> Any:
    """The single-precision number that has the bits of an integer."""
    return types.float32(types.int32), _instruction(lambda builder, number: builder.bitcast(number, ir.FloatType()))
