"""What the schema says of targets, features and weights, before a row is read."""

from collections.abc import Callable
from typing import Any

import pytest

from steepest.data.facts import check_columns, input_width, target_facts
from steepest.data.ingest import Summary
from steepest.data.prepare import prepare
from steepest.data.schema import describe
from steepest.data.table import Table
from steepest.spec.errors import ValidationFailed
from steepest.spec.resolve import resolve
from steepest.spec.training import Preprocess, TrainSpec

Read = Callable[..., tuple[Summary, Table]]


FILE = b"id,size,colour,y\n" + b"".join(
    f"t{index},{index % 7},{'red' if index % 3 else 'blue'},{'yes' if index % 2 else 'no'}\n".encode()
    for index in range(10_050)
)


def test_a_schema_gives_the_facts_that_arrays_give(read: Read) -> None:
    summary, table = read(FILE)
    for name in ("size", "colour", "y"):
        (column,) = [column for column in summary.columns if column.name == name]
        assert describe(table, name) == column
    assert target_facts(summary.columns, ["y"])[0].counts == (5_025, 5_025)
    with pytest.raises(TypeError, match="free text"):
        describe(table, "id")


SCHEMA = b"size,colour,y,z,w,v\n" + b"".join(
    f"{index},{'red' if index % 3 else 'blue'},{index % 2},{index % 3},{index % 4},{index - 2}\n".encode()
    for index in range(12)
)


@pytest.mark.parametrize(
    ("targets", "features", "weight", "expected"),
    [
        (["y", "y"], ["size"], None, [("/target/1", "named twice")]),
        (["y", "zz"], ["size", "y"], None, [("/target/1", 'no column "zz"'), ("/features/1", "is a target")]),
        (["y"], None, "ww", [("/loss/sample_weight", 'no column "ww"; did you mean')]),
        (["y"], None, "colour", [("/loss/sample_weight", "holds text")]),
        (["y"], None, "y", [("/loss/sample_weight", "is a target")]),
        (["y"], None, "v", [("/loss/sample_weight", "goes down to -2")]),
        (["y"], ["size", "w"], "w", [("/features/1", "is the sample weight")]),
    ],
)
def test_every_column_has_one_use(
    read: Read, targets: list[str], features: list[str] | None, weight: str | None, expected: Any
) -> None:
    summary, _ = read(SCHEMA)
    with pytest.raises(ValidationFailed) as caught:
        check_columns(summary.columns, targets, features, weight)
    assert [problem.pointer for problem in caught.value.problems] == [pointer for pointer, _ in expected]
    for problem, (_, words) in zip(caught.value.problems, expected, strict=True):
        assert words in problem.detail


def test_default_features_are_what_is_left(read: Read) -> None:
    summary, _ = read(SCHEMA)
    assert check_columns(summary.columns, ["z", "y"], None, "w") == ("size", "colour", "v")
    assert check_columns(summary.columns, ["y"], ["w", "size"]) == ("size", "w")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (b"1,a,0\n2,b,0\n", "no weight above 0"),
        (b"1,a,\n2,b,\n", "holds text|no weight above 0"),
        (b"1,a,1\n2,b,\n", "lacks 1 of 2 weights"),
        (b"1,,\n2,b,1\n", None),
    ],
)
def test_weights_are_checked_before_a_row_is_read(read: Read, rows: bytes, words: str | None) -> None:
    summary, _ = read(b"x,y,w\n" + rows)
    if words is None:
        assert check_columns(summary.columns, ["y"], None, "w") == ("x",)
        return
    with pytest.raises(ValidationFailed, match=words) as caught:
        check_columns(summary.columns, ["y"], None, "w")
    assert [problem.pointer for problem in caught.value.problems] == ["/loss/sample_weight"]


@pytest.mark.parametrize(
    ("target", "features", "expected"),
    [
        ("y", None, [("/features", 'free text cannot be a feature: name the features without "id"')]),
        ("id", ["size"], [("/target", "more than 10,000 distinct texts")]),
        ("why", ["size"], [("/target", 'no column "why"; it has "id", "size", "colour", "y"')]),
        ("y", ["sise", "y", "size", "size", "id"], [
            ("/features/0", 'no column "sise"; did you mean "size"?'),
            ("/features/1", "is the target"),
            ("/features/3", "named twice"),
            ("/features/4", "free text"),
        ]),
        ("yy", ["nope"], [("/target", "yy"), ("/features/0", "nope")]),
    ],
)  # fmt: skip
def test_every_wrong_name_is_told(read: Read, target: str, features: list[str] | None, expected: Any) -> None:
    summary, _ = read(FILE)
    with pytest.raises(ValidationFailed) as caught:
        check_columns(summary.columns, [target], features)
    assert [problem.pointer for problem in caught.value.problems] == [pointer for pointer, _ in expected]
    for problem, (_, words) in zip(caught.value.problems, expected, strict=True):
        assert words in problem.detail


def test_features_come_in_data_set_order(read: Read) -> None:
    summary, _ = read(FILE)
    assert check_columns(summary.columns, ["y"], ["colour", "size"]) == ("size", "colour")
    assert check_columns(summary.columns[1:], ["y"], None) == ("size", "colour")
    with pytest.raises(ValidationFailed, match="no column but the target"):
        check_columns(summary.columns[3:], ["y"], None)


@pytest.mark.parametrize("cap", [1, 2, 100])
def test_the_width_is_known_before_a_row_is_read(read: Read, cap: int) -> None:
    summary, table = read(FILE)
    preprocess = Preprocess(max_categories=cap)
    resolution = resolve(TrainSpec(preprocess=preprocess), target_facts(summary.columns, ["y"]))
    prepared = prepare(table, resolution.spec, ["y"], ("size", "colour"), resolution.classes)
    assert prepared.preprocessing.width == input_width(summary.columns, ("size", "colour"), preprocess)
    assert prepared.preprocessing.width == prepared.training[0].shape[1]
