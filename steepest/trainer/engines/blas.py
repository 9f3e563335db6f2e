"""Where BLAS keeps its matrix product, for kernels that call it without Python in between.

NumPy's own BLAS comes first: it is loaded already, and a kernel's products are then those of the NumPy plan. NumPy's
wheels bring OpenBLAS under names of their own, with 64-bit integers. Where NumPy has another BLAS, SciPy's serves.
"""

import ctypes
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import DTypeLike

LETTERS: Final = {np.dtype(np.float32): "s", np.dtype(np.float64): "d"}
"""By which BLAS names precisions."""


@cache
def gemm(dtype: DTypeLike) -> int:
    """The address of BLAS's general matrix product in a precision, which takes everything by reference."""
    letter = LETTERS[np.dtype(dtype)]
    address = _of_numpy(letter)
    if address is None:
        from steepest.trainer.engines import scipy

        address = scipy.address(f"{letter}gemm")
    return address


@cache
def needs_scipy() -> bool:
    """Whether NumPy's BLAS has no product that kernels can call."""
    return _of_numpy("s") is None


def _of_numpy(letter: str) -> int | None:
    """The address of the product in the OpenBLAS that came with NumPy, if there is one."""
    package = Path(np.__file__).parent
    for library in chain(package.parent.glob("numpy.libs/*openblas*"), package.glob(".dylibs/*openblas*")):
        function = getattr(ctypes.CDLL(str(library)), f"scipy_{letter}gemm_64_", None)
        if function is not None:
            return ctypes.cast(function, ctypes.c_void_p).value
    return None
