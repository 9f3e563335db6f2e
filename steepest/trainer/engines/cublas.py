"""cuBLAS's products of matrices, on a stream and in a workspace of their own, so that they can be recorded.

CuPy refuses to call cuBLAS while a stream records. cuBLAS itself allows it, if its handle keeps to the stream that
records and has memory from the start; with a workspace of its own it also gives equal bits for equal inputs (cuBLAS,
sections 2.1.4 and 2.1.9). Nothing of CuPy is imported here: the library is found through the extension that links it.
"""

import ctypes
from ctypes import byref, c_double, c_float, c_int, c_longlong, c_size_t, c_void_p
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from steepest.trainer.arrays import Array, Operation
from steepest.trainer.engines.segments import Address, Product

WORKSPACE: Final = 32 * 2**20
"""Bytes that cuBLAS recommends for NVIDIA's newest; older devices use less of it."""

LETTERS: Final[dict[str, tuple[str, Any]]] = {"float32": ("S", c_float), "float64": ("D", c_double)}


@dataclass(frozen=True)
class Matrix:
    """How cuBLAS, which counts down columns, sees an operand: as it lies, or transposed."""

    flipped: int
    """CUBLAS_OP_N or CUBLAS_OP_T."""
    leading: int
    """Numbers from the start of a column to the start of the next."""

    @classmethod
    def of(cls, array: Array) -> "Matrix":
        """An operand whose rows are the columns that cuBLAS wants, or which is turned to have such.

        Raises:
            ValueError: neither its rows nor its columns lie without gaps.
        """
        size = array.dtype.itemsize
        for flipped, view in enumerate((array, array.T)):
            (rows, columns), (down, along) = view.shape, view.strides
            if (along == size or columns == 1) and (down >= columns * size or rows == 1):
                return cls(flipped, down // size if rows > 1 else max(1, columns))
        raise ValueError(f"a product needs rows or columns without gaps, not strides {array.strides}")


class Cublas:
    """A handle that works on one stream, in full precision.

    Args:
        library: A file that links cuBLAS.
        stream: The stream's address.
        workspace: The address of `WORKSPACE` bytes on the device, which stay.
    """

    def __init__(self, library: str, stream: int, workspace: int) -> None:
        self._library = ctypes.CDLL(library)
        self._handle = c_void_p()
        self._call("Create_v2", byref(self._handle))
        self._call("SetStream_v2", self._handle, c_void_p(stream))
        self._call("SetWorkspace_v2", self._handle, c_void_p(workspace), c_size_t(WORKSPACE))

    def product(self, product: Product, address: Address) -> Operation:
        """What asks for out = a b, or for as many of them as lie at equal distances."""
        a, b, out = product.arrays
        a_step, b_step, out_step = product.strides
        if Matrix.of(out).flipped:
            a, b, out = b.T, a.T, out.T
            a_step, b_step = b_step, a_step
        letter, number = LETTERS[out.dtype.name]
        one, zero = number(1), number(0)
        (rows, columns), between = out.shape, a.shape[1]
        first, second = Matrix.of(b), Matrix.of(a)  # the transposed product, for columns are rows to cuBLAS
        numbers: list[Any] = [c_int(first.flipped), c_int(second.flipped), c_int(columns), c_int(rows), c_int(between)]
        places = [
            [c_void_p(address(array)), c_int(matrix.leading)]
            for array, matrix in ((b, first), (a, second), (out, Matrix.of(out)))
        ]
        if product.count == 1:
            return partial(
                self._call, f"{letter}gemm_v2", self._handle, *numbers, byref(one), *places[0], *places[1], byref(zero),
                *places[2],
            )  # fmt: skip
        steps = [c_longlong(stride // out.dtype.itemsize) for stride in (b_step, a_step, out_step)]
        return partial(
            self._call, f"{letter}gemmStridedBatched", self._handle, *numbers, byref(one), *places[0], steps[0],
            *places[1], steps[1], byref(zero), *places[2], steps[2], c_int(product.count),
        )  # fmt: skip

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, f"cublas{name}")(*arguments)
        if status:
            raise RuntimeError(f"cuBLAS: {name} answered with status {status}")
