"""Whether there is a GPU to train on. Nothing of CuPy is imported before someone asks."""

from functools import cache
from importlib import import_module
from types import ModuleType

from steepest.spec.errors import FieldProblem
from steepest.spec.problems import raised
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.trainer.course import Course

ENGINE = "steepest.trainer.engines.cupy"
REMEDY = 'or train on processors: device "cpu"'


@cache
def why_not() -> str | None:
    """Why this process cannot train on a GPU, and what to do about it; None if it can."""
    try:
        missing: str | None = import_module(ENGINE).missing()
    except ImportError:
        missing = "CuPy is not installed; run pip install 'steepest[gpu]'"
    return missing and f"{missing}, {REMEDY}"


def course_on_gpu(spec: ResolvedTrainSpec) -> type[Course]:
    """The kind of course that trains a spec on this process's GPU.

    Raises:
        ValidationFailed: there is none.
    """
    engine = _engine()
    kind: type[Course] = engine.GpuQuasiNewton if spec.optimizer.name == "lbfgs" else engine.GpuCourse
    return kind


def description() -> str:
    """The GPU's model and what drives it: all that must be equal for equal bits.

    Raises:
        ValidationFailed: there is none.
    """
    found: str = _engine().gpu().description
    return found


def _engine() -> ModuleType:
    if (reason := why_not()) is not None:
        raise raised([FieldProblem(pointer="/device", detail=f"there is no GPU to train on: {reason}")])
    engine = import_module(ENGINE)
    engine.gpu()
    return engine
