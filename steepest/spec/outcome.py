"""What training gives beside weights: figures, and the numeric environment that they come from."""

import hashlib

from pydantic import Field

from steepest.spec.answer import Answer


class Environment(Answer):
    """The numeric environment of a job's first attempt: what must be equal for equal bits."""

    engine: str
    steepest: str
    python: str
    numpy: str
    blas: str = Field(description="The BLAS library, its version and the kernel it chose for this processor.")
    threads: int
    device: str
    numba: str | None = Field(default=None, description="Its version, where the engine is made of its kernels.")
    scipy: str | None = Field(default=None, description="Its version, where kernels call its BLAS.")

    @property
    def sha256(self) -> str:
        """Names it: equal for equal environments alone."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Result(Answer):
    """What came out of a finished job. Figures are null where there were no such rows."""

    epochs: int
    best_epoch: int | None = None
    parameters: int
    training_loss: float | None = None
    validation_loss: float | None = None
    test_loss: float | None = None
    training_accuracy: float | None = None
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    training_r2: float | None = None
    validation_r2: float | None = None
    test_r2: float | None = None
