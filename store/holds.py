"""Data sets in use: held while something that needs one is saved, and known to have been used when that goes."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from steepest.spec.errors import Conflict, FieldProblem
from steepest.spec.problems import raised
from steepest.spec.states import DatasetState
from store.models import DatasetRow


def hold_dataset(session: Session, account_id: str, dataset_id: str) -> None:
    """Make sure that a data set is ready, and stays until this transaction has saved what needs it.

    Raises:
        ValidationFailed: the account has no such data set; pointer `/dataset`.
        Conflict: it is not ready.
    """
    query = select(DatasetRow.status).where(DatasetRow.account_id == account_id, DatasetRow.id == dataset_id)
    status = session.scalars(query.with_for_update(read=True)).first()
    if status is None:
        raise raised([FieldProblem(pointer="/dataset", detail=f"there is no data set {dataset_id}")])
    if status is not DatasetState.READY:
        raise Conflict(f"The data set is {status.value}; only one that is ready can be used.", state=status.value)


def note_use(session: Session, account_id: str, uses: Iterable[tuple[str, datetime]]) -> None:
    """Tell data sets until when they were used, before the rows that say so go. Data sets are locked in this order."""
    found = [{"used": dataset_id, "until": until} for dataset_id, until in uses]
    if not found:
        return
    later = or_(DatasetRow.used_at.is_(None), DatasetRow.used_at < bindparam("until"))
    which = (DatasetRow.account_id == account_id, DatasetRow.id == bindparam("used"), later)
    # Past the session, which would take the list for rows named by their keys.
    session.connection().execute(update(DatasetRow).where(*which).values(used_at=bindparam("until")), found)
