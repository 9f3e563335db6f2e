"""The states of jobs, data sets and computations, and the one table of transitions that all else is derived from."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class JobState(StrEnum):
    """Where a job is in its life. There are no flags beside the state."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DatasetState(StrEnum):
    """Where a data set is between its upload and its use."""

    VALIDATING = "validating"
    READY = "ready"
    FAILED = "failed"


class ComputationState(StrEnum):
    """Where a long computation about a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing further happens."""
        return self in (ComputationState.SUCCEEDED, ComputationState.FAILED)


MEANING: Final[Mapping[JobState, str]] = MappingProxyType(
    {
        JobState.QUEUED: "accepted and stored; waits for a worker",
        JobState.RUNNING: "one worker holds its lease and trains",
        JobState.PAUSING: "the worker has been asked to checkpoint and let go",
        JobState.PAUSED: "no worker holds it; its checkpoint waits to be resumed",
        JobState.CANCELLING: "the worker has been asked to stop for good",
        JobState.SUCCEEDED: "trained, evaluated, and its weights are stored",
        JobState.FAILED: "stopped by an error that its problem document explains",
        JobState.CANCELLED: "stopped at the user's wish",
    }
)

TRANSITIONS: Final[Mapping[JobState, frozenset[JobState]]] = MappingProxyType(
    {
        # queued: claimed | cancelled or paused before a worker came | refused for good (a poison job)
        JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.PAUSED, JobState.FAILED}),
        # running: done | failed | asked to pause or cancel | handed back (drain, lost lease)
        JobState.RUNNING: frozenset(
            {JobState.SUCCEEDED, JobState.FAILED, JobState.PAUSING, JobState.CANCELLING, JobState.QUEUED}
        ),
        # pausing and cancelling: the worker obeyed, or was faster and finished, or its lease ran out
        JobState.PAUSING: frozenset({JobState.PAUSED, JobState.CANCELLING, JobState.SUCCEEDED, JobState.FAILED}),
        JobState.CANCELLING: frozenset({JobState.CANCELLED, JobState.SUCCEEDED, JobState.FAILED}),
        JobState.PAUSED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
        JobState.FAILED: frozenset({JobState.QUEUED}),
        JobState.SUCCEEDED: frozenset(),
        JobState.CANCELLED: frozenset(),
    }
)

HELD: Final = frozenset({JobState.RUNNING, JobState.PAUSING, JobState.CANCELLING})
"""A worker holds the job's lease: the only states in which an attempt may write."""

TERMINAL: Final = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})
"""Nothing further happens unless a person asks for it."""

LEASE_EXPIRED: Final[Mapping[JobState, JobState]] = MappingProxyType(
    {
        JobState.RUNNING: JobState.QUEUED,
        JobState.PAUSING: JobState.PAUSED,
        JobState.CANCELLING: JobState.CANCELLED,
    }
)
"""What a held job becomes when its worker falls silent."""

REQUESTS: Final[Mapping[str, Mapping[JobState, JobState]]] = MappingProxyType(
    {
        "pause": MappingProxyType({JobState.QUEUED: JobState.PAUSED, JobState.RUNNING: JobState.PAUSING}),
        "resume": MappingProxyType({JobState.PAUSED: JobState.QUEUED}),
        "retry": MappingProxyType({JobState.FAILED: JobState.QUEUED}),
        "cancel": MappingProxyType(
            {
                JobState.QUEUED: JobState.CANCELLED,
                JobState.PAUSED: JobState.CANCELLED,
                JobState.RUNNING: JobState.CANCELLING,
                JobState.PAUSING: JobState.CANCELLING,
            }
        ),
    }
)
"""What a person may ask of a job: which of the transitions it makes, from each state that it is possible in."""

FULFILLED: Final[Mapping[str, frozenset[JobState]]] = MappingProxyType(
    {
        "pause": frozenset({JobState.PAUSING, JobState.PAUSED}),
        "resume": frozenset({JobState.QUEUED, JobState.RUNNING}),
        "retry": frozenset({JobState.QUEUED, JobState.RUNNING}),
        "cancel": frozenset({JobState.CANCELLING, JobState.CANCELLED}),
    }
)
"""The states in which a job already is, or is about to be, what a request asks for: to ask again changes nothing."""


def possible(state: JobState) -> tuple[str, ...]:
    """What may be asked of a job in this state with an effect; one that is over can also be deleted."""
    asked = tuple(name for name, moves in REQUESTS.items() if state in moves)
    return (*asked, "delete") if state in TERMINAL else asked


def sources(target: JobState) -> frozenset[JobState]:
    """The states that may become `target`: the right-hand side of a guarded UPDATE."""
    return frozenset(state for state, targets in TRANSITIONS.items() if target in targets)
