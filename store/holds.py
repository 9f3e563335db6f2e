"""What keeps a data set from being deleted while something that needs it is saved."""

from sqlalchemy import select
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
