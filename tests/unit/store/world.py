"""The store as its users drive it: a clock that stands still, and the shortest way to a job."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from steepest.spec.answers import Epoch
from steepest.spec.columns import Column
from steepest.spec.figures import EvaluationResult, ValueFigures
from steepest.spec.job import JobSpec
from steepest.spec.outcome import Environment, Result
from steepest.spec.resolve import resolve
from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.tasks import TargetFacts
from store import attempts, blobs, computations, datasets, jobs
from store.database import Database
from store.fence import Claim
from store.models import DEFAULT_ACCOUNT, ComputationKind, ComputationRow, DatasetRow, JobRow

LEASE = 15.0


@dataclass
class Clock:
    """The time, which passes when it is told to."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class World:
    """The store as its users drive it, one transaction a call."""

    database: Database
    clock: Clock
    account_id: str = DEFAULT_ACCOUNT
    _uploads: int = field(default=0)

    def upload(self, data: bytes = b"x,y\n1,a\n2,b\n") -> DatasetRow:
        blob = blobs.write(self.database, self.account_id, [data])
        with self.database.write() as session:
            return datasets.create(session, self.account_id, blob.id, "iris", "csv")

    def dataset(self, data: bytes = b"x,y\n1,a\n2,b\n") -> DatasetRow:
        row = self.upload(data)
        with self.database.write() as session:
            claim = datasets.claim(session, row.id, "worker", LEASE)
            assert claim is not None
            return datasets.mark_ready(session, claim, 2, COLUMNS, [])

    def submit(self, dataset: DatasetRow | None = None, **fields: object) -> JobRow:
        dataset = dataset or self.dataset()
        spec = JobSpec.model_validate({"dataset": dataset.id, "target": "y", "epochs": 9, **fields})
        with self.database.write() as session:
            return jobs.submit(session, self.account_id, spec, resolved(spec), ["a warning"])

    def claim(self, job_id: str, worker: str = "worker") -> Claim:
        with self.database.write() as session:
            claim = attempts.claim(session, job_id, worker, LEASE)
        assert claim is not None
        return claim

    def running(self, **fields: object) -> Claim:
        return self.claim(self.submit(None, **fields).id)

    def succeeded(self) -> JobRow:
        claim = self.running()
        with self.database.write() as session:
            return attempts.finish(session, claim, RESULT, "epochs")

    def computation(
        self, job: JobRow | None = None, kind: ComputationKind = ComputationKind.EVALUATION, dataset: str | None = None
    ) -> ComputationRow:
        job = job or self.succeeded()
        with self.database.write() as session:
            return computations.create(session, job, kind, dataset or job.dataset_id, {"seed": 1})

    def job(self, job_id: str) -> JobRow:
        with self.database.read() as session:
            return jobs.get(session, self.account_id, job_id)

    def blob(self, data: bytes) -> str:
        return blobs.write(self.database, self.account_id, [data]).id


COLUMNS = [
    Column(name="x", kind="numeric", count=2, missing=0, min=1.0, max=2.0, mean=float("nan"), distinct=2),
    Column(name="y", kind="categorical", count=2, missing=0, distinct=2, values=["a", "b"], value_counts=[1, 1]),
]
RESULT = Result(epochs=2, parameters=5, training_loss=0.25, test_loss=float("inf"))
EVALUATION = EvaluationResult(
    rows=3,
    figures=ValueFigures(
        task="regression",
        mean_squared_error=1.0,
        root_mean_squared_error=1.0,
        mean_absolute_error=float("inf"),
        r2=None,
        columns=[],
        quantile_rows=3,
    ),
    worst_rows=[],
)
ENVIRONMENT = Environment(
    engine="numpy", steepest="0.1.0", python="3.11", numpy="2.4", blas="OpenBLAS Haswell", threads=1, device="cpu"
)


def resolved(spec: JobSpec) -> ResolvedJobSpec:
    facts = TargetFacts(name="y", rows=20, distinct=2, numeric=False, whole=False, classes=("a", "b"), counts=(10, 10))
    fields = resolve(spec, [facts]).spec.model_dump() | {"target": "y", "features": ("x",)}
    return ResolvedJobSpec.model_validate(spec.model_dump() | fields)


def epoch(number: int, loss: float = 0.5) -> Epoch:
    return Epoch(epoch=number, training_loss=loss, training_accuracy=0.5, learning_rate=0.001, seconds=0.1)
