"""Where the weights of a job come from, and which earlier job came from the same."""

import hashlib
import json
from collections.abc import Sequence
from typing import Final, TypedDict

from sqlalchemy import Text, case, literal, or_, select, type_coerce, update
from sqlalchemy.orm import Session

from steepest.spec.resolved import ResolvedJobSpec
from steepest.spec.states import JobState
from store import warm_starts
from store.fence import Claim
from store.models import DatasetRow, JobRow, LineageRow

DECIDES_NOTHING: Final = frozenset({"dataset", "name", "metadata", "priority", "reuse", "checkpoint_every"})
"""Fields of a resolved spec that its weights do not depend on; the data set counts by its content, not by its id."""


class Origin(TypedDict):
    """What is known before a job is trained."""

    dataset_sha256: str
    columns_sha256: str
    spec_sha256: str


def record(session: Session, job: JobRow, start_sha256: str | None) -> None:
    """Save what a new job will come from, in the transaction that creates it and holds its data set and its start."""
    origin = _origin(session, job.account_id, job.resolved_spec, start_sha256)
    if origin is None:
        raise AssertionError("a job is created on a data set that is there")
    session.add(LineageRow(account_id=job.account_id, job_id=job.id, **origin))
    session.flush()


def trained(
    session: Session, claim: Claim, *, version: str, code_sha256: str, split_sha256: str, resumed: bool
) -> None:
    """Save what an attempt trains with. The caller's transaction is fenced.

    Weights that two codes have made come from neither: `resumed` from a checkpoint of another one, a job has no code.
    """
    same = or_(literal(not resumed), LineageRow.code_sha256 == code_sha256)
    values = {
        "code_version": version,
        "code_sha256": case((same, code_sha256), else_=None),
        "split_sha256": split_sha256,
    }
    mine = (LineageRow.account_id == claim.account_id, LineageRow.job_id == claim.job_id)
    session.execute(update(LineageRow).where(*mine).values(values).execution_options(synchronize_session=False))


def earlier(
    session: Session, account_id: str, resolved: ResolvedJobSpec, code_sha256: str, *, held: bool = False
) -> JobRow | None:
    """The newest job that succeeded with the same data, spec and code.

    Args:
        session: Any transaction; one that writes where the job is to be `held`.
        account_id: Whose jobs count.
        resolved: What would be trained.
        code_sha256: By which code.
        held: Nobody deletes the job before the transaction is over.
    """
    wanted = resolved.warm_start
    start = warm_starts.find(session, account_id, wanted).sha256 if wanted else None
    origin = _origin(session, account_id, resolved, start)
    if origin is None:
        return None
    query = (
        select(JobRow)
        .join(LineageRow, (LineageRow.account_id == JobRow.account_id) & (LineageRow.job_id == JobRow.id))
        .where(
            LineageRow.account_id == account_id,
            LineageRow.code_sha256 == code_sha256,
            LineageRow.spec_sha256 == origin["spec_sha256"],
            LineageRow.dataset_sha256 == origin["dataset_sha256"],
            LineageRow.columns_sha256 == origin["columns_sha256"],
            JobRow.status == JobState.SUCCEEDED,
        )
        .order_by(LineageRow.job_id.desc())
        .limit(1)
    )
    return session.scalars(query.with_for_update(read=True, of=JobRow) if held else query).first()


def of(session: Session, account_id: str, job_ids: Sequence[str]) -> dict[str, LineageRow]:
    """The lineage of each job that has one, in one query."""
    query = select(LineageRow).where(LineageRow.account_id == account_id, LineageRow.job_id.in_(job_ids))
    return {row.job_id: row for row in session.scalars(query)}


def columns_sha256(session: Session, account_id: str, dataset_id: str) -> str | None:
    """A hash of a data set's columns as they are now; None when there is no such data set, or none that was read."""
    query = select(type_coerce(DatasetRow.columns, Text)).where(
        DatasetRow.account_id == account_id, DatasetRow.id == dataset_id
    )
    text = session.scalars(query).one_or_none()
    return None if text is None else _columns_sha256(text)


def spec_sha256(resolved: ResolvedJobSpec, start_sha256: str | None = None) -> str:
    """A hash of all that a resolved spec decides, with that of the weights that it starts from, whatever their name."""
    document = resolved.model_dump(mode="json", exclude=set(DECIDES_NOTHING)) | {"warm_start": start_sha256}
    return _sha256(json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False))


def _origin(session: Session, account_id: str, resolved: ResolvedJobSpec, start_sha256: str | None) -> Origin | None:
    """The hashes of a job to be; None when there is no such data set, or none that is ready."""
    # Their text: as models they would take longer than a transaction should.
    columns = type_coerce(DatasetRow.columns, Text)
    query = select(DatasetRow.sha256, columns).where(
        DatasetRow.account_id == account_id, DatasetRow.id == resolved.dataset
    )
    found = session.execute(query).one_or_none()
    if found is None or found[1] is None:
        return None
    spec = spec_sha256(resolved, start_sha256)
    return Origin(dataset_sha256=found[0], columns_sha256=_columns_sha256(found[1]), spec_sha256=spec)


def _columns_sha256(text: str) -> str:
    """A hash of what was read. A role is no part of it: it is said by people, and the spec names the features."""
    columns = [{name: value for name, value in column.items() if name != "role"} for column in json.loads(text)]
    return _sha256(json.dumps(columns, sort_keys=True, separators=(",", ":")))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
