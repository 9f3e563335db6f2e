"""What a kind of long computation is given, and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass

from store.models import ComputationResult, ComputationRow
from worker.process import Process


@dataclass(frozen=True)
class Task:
    """A computation to work out."""

    here: Process
    computation: ComputationRow
    watch: Callable[[], None]
    """Called often; raises to end the work."""


@dataclass(frozen=True)
class Outcome:
    """What came out of it."""

    result: ComputationResult
    blob_id: str | None = None
    """A complete blob that nothing refers to yet: the file beside the result."""
