"""The tables. Every row has its account, and indexes lead with it; what a row may never be, a constraint refuses.

Where an index does not begin with the account, the reconciler walks it, which serves all accounts alike.
"""

from store.models.accounts import AccountRow, IdempotencyRow, KeyRow, WorkerRow
from store.models.base import DEFAULT_ACCOUNT, Base
from store.models.blobs import BlobRow, BlobState, ChunkRow
from store.models.computations import ComputationKind, ComputationResult, ComputationRow
from store.models.datasets import DatasetRow
from store.models.jobs import CheckpointRow, EpochRow, EventRow, JobRow, LabelRow, LineageRow, SplitRow

__all__ = [
    "DEFAULT_ACCOUNT",
    "AccountRow",
    "Base",
    "BlobRow",
    "BlobState",
    "CheckpointRow",
    "ChunkRow",
    "ComputationKind",
    "ComputationResult",
    "ComputationRow",
    "DatasetRow",
    "EpochRow",
    "EventRow",
    "IdempotencyRow",
    "JobRow",
    "KeyRow",
    "LabelRow",
    "LineageRow",
    "SplitRow",
    "WorkerRow",
]
