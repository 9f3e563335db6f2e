"""Whether another data set can serve a network is said before it is read; columns of codes serve as labels."""

from typing import Any

import numpy as np
import pytest

from steepest.data.conform import conformed, schema_problems
from steepest.data.features import CategoricalFeature, NumericFeature
from steepest.data.table import CategoricalColumn, NumericColumn, Table
from steepest.data.target import Target
from steepest.spec.columns import Column
from steepest.spec.errors import DataUnusable

SIZE = NumericFeature("size", center=0.0, scale=1.0, fill=0.0)
CODE = CategoricalFeature("code", ("1", "2", "x"), unseen=(), other=False)
CLASS = Target(("class",), "multiclass", labels=("a", "b", "c"))
PRICE = Target(("price",), "regression", means=(0.0,), scales=(1.0,))


def column(name: str, kind: str, **others: Any) -> Column:
    """A column of a schema, of a kind that a later release may bring too."""
    fields: dict[str, Any] = {"name": name, "kind": kind, "count": 1, "missing": 0, "distinct": 1, **others}
    return Column.model_construct(**fields)


@pytest.mark.parametrize(
    ("kind", "serves_as"),
    [
        ("numeric", {"size", "code", "price", "class"}),
        ("integer", {"size", "code", "price", "class"}),
        ("boolean", {"code", "class"}),
        ("categorical", {"code", "class"}),
        ("text", {"class"}),
        ("datetime", {"class"}),
    ],
)
def test_kinds(kind: str, serves_as: set[str]) -> None:
    for name, features, target in (
        ("size", [SIZE], None),
        ("code", [CODE], None),
        ("price", [], PRICE),
        ("class", [], CLASS),
    ):
        problems = schema_problems([column(name, kind)], features, target)
        assert (not problems) is (name in serves_as), (name, problems)


def test_free_text_is_no_label() -> None:
    (problem,) = schema_problems([column("code", "categorical", distinct_exact=False)], [CODE])
    assert "free text" in problem


def test_every_column_that_is_missing_is_named() -> None:
    problems = schema_problems([], [SIZE, CODE], CLASS)
    assert [problem.split('"')[1] for problem in problems] == ["size", "code", "class"]


def test_a_table_that_fits_is_left_as_it_is() -> None:
    table = Table(3, (NumericColumn("size", np.arange(3.0)),))
    rows = np.array([0, 2])
    assert conformed(table, rows, [SIZE]) == (table, rows)


def test_columns_that_are_changed_and_those_that_are_not_stay_beside_each_other() -> None:
    table = Table(
        4,
        (
            NumericColumn("size", np.arange(4.0)),
            NumericColumn("code", np.array([2.0, 1.5, np.nan, 2.0])),
            CategoricalColumn("class", np.array([0, 1, -1, 0], np.int32), ("a", "b")),
        ),
    )
    found, rows = conformed(table, np.array([0, 2, 3]), [SIZE, CODE], CLASS)
    assert rows.tolist() == [0, 1, 2]
    assert found.numbers(rows, ["size"])[:, 0].tolist() == [0.0, 2.0, 3.0]
    code, of_class = found["code"], found["class"]
    assert isinstance(code, CategoricalColumn)
    assert [code.categories[each] if each >= 0 else None for each in code.codes] == ["2", None, "2"]
    assert isinstance(of_class, CategoricalColumn)
    assert of_class.codes.tolist() == [0, -1, 0]


def test_what_cannot_serve_is_refused() -> None:
    table = Table(1, (CategoricalColumn("size", np.zeros(1, np.int32), ("a",)), NumericColumn("price", np.zeros(1))))
    with pytest.raises(DataUnusable, match='"size" does not hold numbers'):
        conformed(table, np.arange(1), [SIZE], PRICE)
    with pytest.raises(DataUnusable, match='no column "code"'):
        conformed(table, np.arange(1), [CODE])
