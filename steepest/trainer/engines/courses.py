"""The way down by each engine."""

from collections.abc import Sequence

from steepest.spec.resolve import batch_rows
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.course import Course
from steepest.trainer.engines.choice import Engine, kernels_can
from steepest.trainer.engines.gpu import course_on_gpu
from steepest.trainer.network import Network
from steepest.trainer.quasi_newton import QuasiNewton
from steepest.trainer.rows import Rows


def course_for(
    specs: Sequence[ResolvedTrainSpec], network: Network, rows: Rows, engine: Engine, *, validated: bool
) -> Course:
    """The course of M networks; `validated`: whether there are validation rows.

    Raises:
        ValidationFailed: the engine is a GPU's, and there is none.
        OutOfMemory: the GPU has too little.
    """
    if engine.name == "cupy":
        return course_on_gpu(specs[0])(specs, network, rows, validated=validated)
    if specs[0].optimizer.name == "lbfgs":
        return QuasiNewton(specs, network, rows, validated=validated)
    batch = batch_rows(specs[0].batch_size, len(rows))
    if engine.name == "numba" and kernels_can(specs[0], network, batch):
        from steepest.trainer.engines.kernel_course import KernelCourse

        return KernelCourse(specs, network, rows, validated=validated, threads=engine.threads)
    return Course(specs, network, rows, validated=validated)
