"""Names of identifiers."""

import pytest

from steepest.data.identifiers import with_identifier
from steepest.spec.columns import Column


@pytest.mark.parametrize(
    ("name", "like"),
    [
        *((name, True) for name in ("id", "ID", "customer_id", "customer id", "customerId", "orderNo", "row_number")),
        *((name, False) for name in ("paid", "width", "grid", "keynote", "piano", "inno", "idle", "monkey")),
    ],
)  # fmt: skip
def test_a_name_says_that_whole_numbers_are_identifiers(name: str, like: bool) -> None:
    column = Column(name=name, kind="integer", count=50, missing=0, min=1, max=900, distinct=50, whole=True)
    assert with_identifier(column).identifier_like == like
