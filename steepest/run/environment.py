"""What must be equal for equal bits: libraries, processor, threads."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from threadpoolctl import ThreadpoolController

from steepest import __version__
from steepest.spec.outcome import Environment
from steepest.trainer.engines.blas import gemm, needs_scipy
from steepest.trainer.engines.choice import Engine, EngineName, kernels
from steepest.trainer.engines.gpu import description
from steepest.trainer.engines.ways import MOST_THREADS


@contextmanager
def limited_threads(engine: Engine) -> Iterator[Engine]:
    """Let an engine use as many threads as it wants, or as this process has; gives the engine with the number in force.

    Kernels bring their own threads, each of which calls BLAS by itself.
    """
    pools, most = _blas()
    allowed = max(1, min(engine.threads, most))
    if engine.name == "numba":
        pools = _every_blas()
    with pools.limit(limits=1 if engine.name == "numba" else allowed):
        yield replace(engine, threads=allowed)


def numeric_environment(engine: Engine) -> Environment:
    """What must be equal for equal bits.

    Raises:
        ValidationFailed: the engine is a GPU's, and there is none.
    """
    pools = _blas()[0].info()
    libraries: dict[str, str] = {}
    if engine.name == "numba":
        libraries["numba"] = version("numba")
        if needs_scipy():
            libraries["scipy"], pools = version("scipy"), _every_blas().info()
    kernels = [f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip() for pool in pools]
    return Environment(
        engine=engine.name,
        steepest=__version__,
        python=platform.python_version(),
        numpy=np.__version__,
        blas=", ".join(kernels) or "unknown",
        threads=engine.threads,
        device=description() if engine.name == "cupy" else _processor(),
        **libraries,
    )


@cache
def numeric_environments(device: str) -> tuple[Environment, ...]:
    """Every one that a job for `device` (`cpu` or `gpu`) may find here: of each engine, with each number of threads."""
    if device == "gpu":
        return (numeric_environment(Engine("cupy", 1)),)
    names: tuple[EngineName, ...] = ("numpy", "numba") if kernels() else ("numpy",)
    threads = range(1, min(_blas()[1], MOST_THREADS) + 1)
    return tuple(numeric_environment(Engine(name, count)) for name in names for count in threads)


def _processor() -> str:
    """Its kind, and the widest instructions that NumPy uses of it."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]
    return " ".join(["cpu", platform.machine(), *simd.get("found", [])[-1:]])


@cache
def _every_blas() -> ThreadpoolController:
    """NumPy's BLAS, and the one that kernels call where that is another; loads it."""
    gemm(np.float32)
    return ThreadpoolController().select(user_api="blas")


@cache
def _blas() -> tuple[ThreadpoolController, int]:
    """The BLAS that came with NumPy, else all there are, and the threads that this process gave it at first."""
    pools = ThreadpoolController().select(user_api="blas")
    # SciPy may have brought one of its own.
    folders = ("numpy.libs", "numpy/.dylibs")
    files = [pool["filepath"] for pool in pools.info()]
    ours = [file for file in files if Path(file).parent.as_posix().endswith(folders)]
    pools = pools.select(filepath=ours) if ours else pools
    return pools, max((pool["num_threads"] for pool in pools.info()), default=1)
