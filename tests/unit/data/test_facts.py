"""What the schema says of targets, features and weights, before a row is read."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from steepest.data.facts import check_columns, input_width, parting_facts, target_facts
from steepest.data.ingest import Summary
from steepest.data.prepare import prepare
from steepest.data.schema import describe, facts_about
from steepest.data.table import Table
from steepest.spec import problems
from steepest.spec.columns import Column
from steepest.spec.errors import ValidationFailed
from steepest.spec.resolve import resolve
from steepest.spec.training import Preprocess, Split, TrainSpec

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
        ("y", None, [("/features", 'text cannot be a feature: name the features without "id"')]),
        ("id", ["size"], [("/target", "different ones: too many to be classes")]),
        ("why", ["size"], [("/target", 'no column "why"; it has "id", "size", "colour", "y"')]),
        ("y", ["sise", "y", "size", "size", "id"], [
            ("/features/0", 'no column "sise"; did you mean "size"?'),
            ("/features/1", "is the target"),
            ("/features/3", "named twice"),
            ("/features/4", "text is no feature"),
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


HOLES = b"size,colour,day,y\n" + b"".join(
    f"{index if index % 5 else ''},{'abcdef'[index % 6] if index % 7 else ''},day {index % 9},{index % 2}\n".encode()
    for index in range(60)
)


@pytest.mark.parametrize("cap", [1, 2, 100])
@pytest.mark.parametrize("categorical", ["one_hot", "ordinal", "hashing"])
@pytest.mark.parametrize("indicator", [False, True])
def test_the_width_is_known_before_a_row_is_read(read: Read, cap: int, categorical: str, indicator: bool) -> None:
    summary, table = read(HOLES)
    cap = 100 if categorical == "ordinal" else cap
    preprocess = Preprocess.model_validate(
        {"max_categories": cap, "categorical": categorical, "missing_indicator": indicator}
    )
    names = ("size", "colour", "day")
    resolution = resolve(TrainSpec(preprocess=preprocess), target_facts(summary.columns, ["y"]))
    prepared = prepare(table, resolution.spec, ["y"], names, resolution.classes)
    assert prepared.preprocessing.width == input_width(summary.columns, names, preprocess)
    assert prepared.preprocessing.width == prepared.training[0].shape[1]
    assert [feature.indicator for feature in prepared.preprocessing.features] == [indicator, indicator, False]


def test_the_width_of_date_times_is_known() -> None:
    columns = [
        Column(name="t", kind="datetime", count=8, missing=2, distinct=8),
        Column(name="n", kind="integer", count=10, missing=0, distinct=3),
        Column(name="b", kind="boolean", count=10, missing=0, distinct=2),
    ]
    assert input_width(columns, ("t", "n", "b"), Preprocess()) == 7 + 1 + 2
    assert input_width(columns, ("t", "n", "b"), Preprocess(missing_indicator=True, categorical="ordinal")) == 8 + 1 + 1


PARTED = b"x,part,flag,who,when,all,y\n" + b"".join(
    f"{index},{('Train', 'val', ' test', 'train')[index % 4]},{int(index % 5 == 0)},{'abcd'[index % 4]},"
    f"{index * 3 if index % 6 else ''},train,{index % 2}\n".encode()
    for index in range(60)
)


@pytest.mark.parametrize(
    ("split", "pointer", "words"),
    [
        ({"method": "group", "column": "wo"}, "/split/column", 'no column "wo"; did you mean "who"?'),
        ({"method": "group", "column": "y"}, "/split/column", "is a target"),
        ({"method": "group", "column": "x", "seed": 3}, None, ""),
        ({"method": "group", "column": "flag"}, "/split/column", "has 2 groups, too few for 3 parts"),
        ({"method": "group", "column": "flag", "test": 0}, None, ""),
        ({"method": "time", "column": "who"}, "/split/column", "holds labels; time is a number or a date-time"),
        ({"method": "time", "column": "when"}, None, ""),
        ({"method": "column", "column": "who"}, "/split/column", 'column "who": "a" is none of "training"'),
        ({"method": "column", "column": "x"}, "/split/column", '"0" is none of'),
        ({"method": "column", "column": "part"}, None, ""),
        ({"method": "column", "column": "part", "validation": 0.2}, "/split/validation", "which rows are validation"),
        ({"method": "column", "column": "flag", "validation": 0.2}, None, ""),
        ({"method": "column", "column": "all"}, None, ""),
    ],
)
def test_what_a_split_goes_by_is_checked_before_a_row_is_read(
    read: Read, split: Any, pointer: str | None, words: str
) -> None:
    summary, _ = read(PARTED)
    asked = Split.model_validate(split)
    if pointer is None:
        features = check_columns(summary.columns, ["y"], None, split=asked)
        assert features == tuple(name for name in ("x", "part", "flag", "who", "when", "all") if name != asked.column)
        with pytest.raises(ValidationFailed, match="is the split column"):
            check_columns(summary.columns, ["y"], [asked.column or ""], split=asked)
        return
    with pytest.raises(ValidationFailed) as caught:
        check_columns(summary.columns, ["y"], None, split=asked)
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    assert words in caught.value.problems[0].detail


def test_free_text_and_nothing_split_no_rows(read: Read) -> None:
    summary, _ = read(FILE)
    for method in ("group", "time", "column"):
        with pytest.raises(ValidationFailed, match="not kept"):
            check_columns(summary.columns, ["y"], ["size"], split=Split(method=method, column="id"))
    summary, _ = read(b"x,e,y\n1,,0\n2,,1\n")
    with pytest.raises(ValidationFailed, match="has no values"):
        check_columns(summary.columns, ["y"], ["x"], split=Split(method="time", column="e"))
    summary, _ = read(b"x,e,y\n1,test,0\n2,test,1\n")
    with pytest.raises(ValidationFailed, match="marks no training rows"):
        check_columns(summary.columns, ["y"], ["x"], split=Split(method="column", column="e"))


@pytest.mark.parametrize(
    "split",
    [
        {"method": "column", "column": "part"},
        {"method": "column", "column": "flag"},
        {"method": "column", "column": "flag", "validation": 0.0},
        {"method": "column", "column": "all"},
        {"method": "time", "column": "when"},
        {"method": "time", "column": "x", "test": 0.0},
        {"method": "group", "column": "x"},
    ],
)
def test_the_parts_are_as_large_as_the_schema_says(read: Read, split: Any) -> None:
    summary, table = read(PARTED)
    spec = TrainSpec.model_validate({"split": split})
    facts = parting_facts(summary.columns, spec.split)
    resolution = resolve(spec, target_facts(summary.columns, ["y"]), split_column=facts)
    prepared = prepare(table, resolution.spec, ["y"], ("x", "who"), resolution.classes)
    parts = prepared.parts
    expected = (resolution.training_rows, resolution.validation_rows, resolution.test_rows)
    assert (len(parts.training), len(parts.validation), len(parts.test)) == expected
    lost = 10 if split["column"] == "when" else 0
    assert sum(expected) == 60 - lost
    assert prepared.warnings == ((f'{lost} rows have no value of the split column "when": left out',) if lost else ())


def test_many_unknown_names_are_told_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def suggestion(name: str, known: object) -> str:
        asked.append(name)
        return ""

    monkeypatch.setattr(problems, "suggestion", suggestion)
    columns = [Column(name=f"c{index}", kind="numeric", count=1, missing=0, distinct=1) for index in range(3)]
    with pytest.raises(ValidationFailed) as caught:
        check_columns(columns, ["c0"], [f"u{index}" for index in range(1_000)])
    assert (len(caught.value.problems), len(asked)) == (1_000, problems.MOST_SUGGESTIONS)
    assert 'it has "c0", "c1", "c2"' in caught.value.problems[-1].detail


@pytest.mark.parametrize(
    "y",
    [
        np.array([1.0, np.nan, 0.0, 1.0]),
        np.array([2.5, -0.0, 0.0, 1e300]),
        np.arange(20_000.0),
        np.full(4, np.nan),
        np.array(["b", "a", "b"]),
        np.array([True, False]),
    ],
    ids=["missing", "fractions", "many", "none", "text", "booleans"],
)
def test_what_is_in_memory_has_the_facts_of_its_schema(y: np.ndarray) -> None:
    table = Table.from_arrays(np.zeros((len(y), 1)), y)
    (name,) = table.targets
    assert (facts_about(table, name),) == target_facts([describe(table, name)], [name])
