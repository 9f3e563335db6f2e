"""What cuBLAS is asked, on a library in its place that counts down columns as it does."""

import ctypes
from typing import Any

import numpy as np
import pytest

from steepest.trainer.engines import cublas
from steepest.trainer.engines.cublas import Cublas
from steepest.trainer.engines.segments import Product


def address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


class Library:
    """cuBLAS's functions, written down from its documentation: C = alpha op(A) op(B) + beta C, column by column."""

    calls: list[str]

    def __init__(self, _: str) -> None:
        self.calls = Library.calls = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self._called(name, arguments)

    def _called(self, name: str, arguments: tuple[Any, ...]) -> int:
        self.calls.append(name)
        given = [getattr(each, "value", each) for each in arguments]
        if name.endswith("gemm_v2"):
            self._gemm(name, *given[1:9], 0, *given[9:11], 0, *given[11:14], 0, 1)
        elif name.endswith("gemmStridedBatched"):
            self._gemm(name, *given[1:])
        return 7 if name == "cublasCreate_v2" and not LIVES else 0

    def _gemm(self, name: str, *given: Any) -> None:
        a_flip, b_flip, m, n, k, _, a, lda, a_step, b, ldb, b_step, _, c, ldc, c_step, count = given
        dtype = np.dtype(np.float32 if name[6] == "S" else np.float64)
        for number in range(count):
            A = columns(a, (k, m) if a_flip else (m, k), lda, a_step * number, dtype)
            B = columns(b, (n, k) if b_flip else (k, n), ldb, b_step * number, dtype)
            C = columns(c, (m, n), ldc, c_step * number, dtype)
            C[:] = (A.T if a_flip else A) @ (B.T if b_flip else B)


LIVES = True


def columns(place: int, shape: tuple[int, int], leading: int, offset: int, dtype: Any) -> Any:
    assert leading >= shape[0]
    size = dtype.itemsize
    reach = size * ((shape[1] - 1) * leading + shape[0])
    memory = (ctypes.c_char * reach).from_address(place + offset * size)
    return np.ndarray(shape, dtype, memory, 0, (size, leading * size))


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch) -> Cublas:
    monkeypatch.setattr(ctypes, "CDLL", Library)
    return Cublas("somewhere", 1, 2)


def views(rows: int, columns: int, dtype: str, random: np.random.Generator) -> list[Any]:
    """The same shape in every form that a plan has."""
    wide = random.standard_normal((rows, columns + 3)).astype(dtype)
    tall = random.standard_normal((columns + 3, rows)).astype(dtype)
    return [wide[:, :columns].copy(), wide[:, 1 : columns + 1], tall[:columns].T, tall.T[:, :columns]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "between", "across"), [(3, 5, 4), (1, 5, 4), (3, 1, 4), (3, 5, 1), (1, 1, 6)])
def test_a_product_of_all_kinds_of_views(dtype: str, rows: int, between: int, across: int, handle: Cublas) -> None:
    random = np.random.default_rng(3)
    for a in views(rows, between, dtype, random):
        for b in views(between, across, dtype, random):
            for out in views(rows, across, dtype, random):
                handle.product(Product(a, b, out), address)()
                np.testing.assert_allclose(out, a @ b, rtol=1e-5)


def test_many_products_at_once(handle: Cublas) -> None:
    random = np.random.default_rng(3)
    W, a = random.standard_normal((3, 4, 5)), random.standard_normal((2, 5))
    for out, strides in ((np.zeros((3, 4, 2)), (160, 0, 64)), (np.zeros((3, 2, 4)).swapaxes(1, 2), (160, 0, 64))):
        handle.product(Product(W[0], a.T, out[0], 3, strides), address)()
        np.testing.assert_allclose(out, W @ a.T)
    assert Library.calls[-1] == "cublasDgemmStridedBatched"


def test_it_has_its_stream_and_its_workspace_before_anything_else(handle: Cublas) -> None:
    assert Library.calls == ["cublasCreate_v2", "cublasSetStream_v2", "cublasSetWorkspace_v2"]


def test_gaps_within_rows_are_refused(handle: Cublas) -> None:
    a = np.zeros((4, 8))[:, ::2]
    with pytest.raises(ValueError, match="without gaps"):
        handle.product(Product(a, np.zeros((4, 2)), np.zeros((4, 2))), address)


def test_a_refusal_of_cublas_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", Library)
    monkeypatch.setitem(globals(), "LIVES", False)
    with pytest.raises(RuntimeError, match="Create_v2 answered with status 7"):
        Cublas("somewhere", 1, 2)
    assert cublas.WORKSPACE == 32 * 2**20
