"""Train feed-forward neural networks: in process, or on a steepest service.

Names are found when they are first used: `import steepest` by itself loads nothing heavy.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.client import Client
    from steepest.run import Run, load, train, warm_up
    from steepest.spec.job import JobSpec
    from steepest.spec.training import TrainSpec

    __version__: str

__all__ = ["Client", "JobSpec", "Run", "TrainSpec", "__version__", "load", "train", "warm_up"]

_HOMES = {
    "Client": "steepest.client",
    "JobSpec": "steepest.spec.job",
    "Run": "steepest.run",
    "TrainSpec": "steepest.spec.training",
    "load": "steepest.run",
    "train": "steepest.run",
    "warm_up": "steepest.run",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = version("steepest")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
