"""Train and load networks in process: NumPy arrays and a spec in, a `Run` out."""

from steepest.run.environment import limited_threads, numeric_environment, numeric_environments
from steepest.run.result import Run, load, result_of
from steepest.run.training import train, warm_up

__all__ = [
    "Run",
    "limited_threads",
    "load",
    "numeric_environment",
    "numeric_environments",
    "result_of",
    "train",
    "warm_up",
]
