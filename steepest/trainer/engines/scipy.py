"""SciPy's entry points to its BLAS. The only file that imports SciPy."""

import ctypes

from scipy.linalg import cython_blas


def address(name: str) -> int:
    """Where a function of BLAS lies, which takes everything by reference and integers of 32 bits."""
    capsule = cython_blas.__pyx_capi__[name]
    kind, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    kind.restype, kind.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    place: int = pointer(capsule, kind(capsule))
    return place
