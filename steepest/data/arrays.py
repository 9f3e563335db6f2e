"""What arrays must be like to serve as X, y and sample_weight, wherever they come from."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from steepest.spec.errors import FieldProblem
from steepest.spec.problems import pointer_to

_CHUNK: Final = 4_096


def array_problems(
    X: NDArray[Any], y: NDArray[Any] | None, sample_weight: NDArray[Any] | None = None
) -> list[FieldProblem]:
    """What is wrong with the kinds and shapes of X (n, d), y (n,) or (n, targets) and sample_weight (n,).

    Pointers `/X`, `/y` and `/sample_weight`.
    """
    problems = _feature_problems(X)
    problems += [] if y is None else _target_problems(y)
    problems += [] if sample_weight is None else _weight_problems(sample_weight)
    for name, array in (("y", y), ("sample_weight", sample_weight)):
        if not problems and array is not None and len(X) != len(array):
            detail = f"{name} has {len(array):,} values, X has {len(X):,} rows: they must be equal"
            problems.append(FieldProblem(pointer=f"/{name}", detail=detail))
    if not problems and not len(X):
        problems.append(FieldProblem(pointer="/X", detail="X has no rows"))
    return problems


def target_names(y: NDArray[Any]) -> tuple[str, ...]:
    """The columns that y (n,) or (n, targets) stands for: y, or y0, y1, ...."""
    targets = y.shape[1] if y.ndim > 1 else 1
    return ("y",) if targets == 1 else tuple(f"y{index}" for index in range(targets))


def infinite_problems(arrays: Mapping[str, NDArray[Any]], names: Sequence[str], most: int) -> list[FieldProblem]:
    """The first infinite values of arrays (n,) or (n, k), each with its place; pointers `/rows/<row>/<column>`.

    Args:
        arrays: By the name that the caller gave them.
        names: Of the columns of all arrays.
        most: Problems to list.
    """
    problems: list[FieldProblem] = []
    first = 0
    for array, given in arrays.items():
        values = given.reshape(len(given), -1)
        for start in range(0, len(values) if values.dtype.kind == "f" else 0, _CHUNK):
            infinite = np.isinf(values[start : start + _CHUNK])
            if infinite.any():  # asked first: it is much faster than looking for the places
                for row, column in np.argwhere(infinite)[: most - len(problems)].tolist():
                    place = f"{array}[{start + row}]" if given.ndim == 1 else f"{array}[{start + row}, {column}]"
                    pointer = pointer_to(["rows", start + row, names[first + column]])
                    problems.append(FieldProblem(pointer=pointer, detail=f"{place} is infinite"))
        first += values.shape[1]
    return problems


def _feature_problems(X: NDArray[Any]) -> list[FieldProblem]:
    if X.ndim != 2 or not X.shape[1]:
        detail = f"X has the shape {X.shape}; it must be (rows, features). Reshape it with X.reshape(len(X), -1)"
        return [FieldProblem(pointer="/X", detail=detail)]
    if X.dtype.kind not in "biuf":
        return [FieldProblem(pointer="/X", detail=f"X holds {_words(X.dtype)}; it must hold real numbers")]
    return []


def _target_problems(y: NDArray[Any]) -> list[FieldProblem]:
    if y.ndim not in (1, 2) or not all(y.shape[1:]):
        return [FieldProblem(pointer="/y", detail=f"y has the shape {y.shape}; it must be (rows,) or (rows, targets)")]
    if y.dtype.kind not in "biufU":
        return [FieldProblem(pointer="/y", detail=f"y holds {_words(y.dtype)}; it must hold numbers, booleans or text")]
    if y.dtype.kind == "U" and len(target_names(y)) > 1:
        return [FieldProblem(pointer="/y", detail="y holds text; several targets must hold numbers or booleans")]
    return []


def _weight_problems(sample_weight: NDArray[Any]) -> list[FieldProblem]:
    if sample_weight.ndim != 1:
        detail = f"sample_weight has the shape {sample_weight.shape}; it must be (rows,)"
        return [FieldProblem(pointer="/sample_weight", detail=detail)]
    if sample_weight.dtype.kind not in "biuf":
        detail = f"sample_weight holds {_words(sample_weight.dtype)}; it must hold real numbers"
        return [FieldProblem(pointer="/sample_weight", detail=detail)]
    return []


def _words(dtype: np.dtype[Any]) -> str:
    names = {"O": "Python objects", "c": "complex numbers", "U": "text", "S": "bytes", "M": "dates", "m": "durations"}
    return names.get(dtype.kind, f"values of type {dtype}")
