"""What arrays must be like to serve as X and y, wherever they come from."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.spec.errors import FieldProblem
from steepest.spec.problems import pointer_to

_CHUNK: Final = 4_096


def array_problems(X: NDArray[Any], y: NDArray[Any] | None) -> list[FieldProblem]:
    """What is wrong with the kinds and shapes of X (n, d) and y (n,) or (n, 1); pointers `/X` and `/y`."""
    problems = _feature_problems(X) + ([] if y is None else _target_problems(y))
    if not problems and y is not None and len(X) != len(y):
        detail = f"y has {len(y):,} values, X has {len(X):,} rows: they must be equal"
        problems.append(FieldProblem(pointer="/y", detail=detail))
    if not problems and not len(X):
        problems.append(FieldProblem(pointer="/X", detail="X has no rows"))
    return problems


def infinite_problems(X: NDArray[Any], y: NDArray[Any] | None, names: Sequence[str], most: int) -> list[FieldProblem]:
    """The first infinite values of X and y, each with its place; pointers `/rows/<row>/<column>`."""
    problems: list[FieldProblem] = []
    arrays = [("X", X, names)] + ([] if y is None else [("y", y.reshape(len(y), 1), ("y",))])
    for array, values, columns in arrays:
        for start in range(0, len(values) if values.dtype.kind == "f" else 0, _CHUNK):
            infinite = np.isinf(values[start : start + _CHUNK])
            if infinite.any():  # asked first: it is much faster than looking for the places
                for row, column in np.argwhere(infinite)[: most - len(problems)].tolist():
                    problems.append(infinite_problem(array, start + row, column, columns[column]))
    return problems


def infinite_problem(array: str, row: int, column: int, name: str) -> FieldProblem:
    """An infinite value at a place, counted from 0 as NumPy does."""
    place = f"X[{row}, {column}]" if array == "X" else f"y[{row}]"
    return FieldProblem(pointer=pointer_to(["rows", row, name]), detail=f"{place} is infinite")


def _feature_problems(X: NDArray[Any]) -> list[FieldProblem]:
    if X.ndim != 2 or not X.shape[1]:
        detail = f"X has the shape {X.shape}; it must be (rows, features). Reshape it with X.reshape(len(X), -1)"
        return [FieldProblem(pointer="/X", detail=detail)]
    if X.dtype.kind not in "biuf":
        return [FieldProblem(pointer="/X", detail=f"X holds {_words(X.dtype)}; it must hold real numbers")]
    return []


def _target_problems(y: NDArray[Any]) -> list[FieldProblem]:
    if y.ndim != 1 and y.shape[1:] != (1,):
        detail = f"y has the shape {y.shape}; it must be (rows,): several targets are not supported by this release"
        return [FieldProblem(pointer="/y", detail=detail)]
    if y.dtype.kind not in "biufU":
        return [FieldProblem(pointer="/y", detail=f"y holds {_words(y.dtype)}; it must hold numbers, booleans or text")]
    return []


def _words(dtype: np.dtype[Any]) -> str:
    names = {"O": "Python objects", "c": "complex numbers", "U": "text", "S": "bytes", "M": "dates", "m": "durations"}
    return names.get(dtype.kind, f"values of type {dtype}")
