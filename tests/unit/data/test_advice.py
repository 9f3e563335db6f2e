"""What a careful colleague says, and that it is said in few words however many columns there are."""

import pytest

from steepest.data.advice import column_warnings, job_warnings
from steepest.data.facts import check_columns, target_facts
from steepest.spec.resolve import resolve
from steepest.spec.training import TrainSpec
from tests.unit.data.conftest import Read


def test_sound_data_are_passed_over_in_silence(read: Read) -> None:
    summary, _ = read(b"a,b\n" + b"".join(b"%d,%d\n" % (i * i % 23, i % 11) for i in range(200)))
    assert column_warnings(summary.columns, summary.rows) == []


def test_many_columns_alike_are_one_warning(read: Read) -> None:
    names = ",".join(f"p{index}" for index in range(300))
    summary, _ = read(f"{names}\n{',0' * 299 + ',1'}\n{',0' * 299 + ',2'}\n".replace("\n,", "\n").encode())
    constant, wide = column_warnings(summary.columns, summary.rows)
    assert constant.startswith('columns "p0", "p1", ')
    assert constant.endswith('"p9" and 289 more hold the same value in every row')
    assert wide == "there are more columns (300) than rows (2)"


def test_a_column_that_lacks_values_is_not_constant(read: Read) -> None:
    summary, _ = read(b"a,b\n1,1\n,2\n1,3\n")
    assert column_warnings(summary.columns, summary.rows) == []


@pytest.mark.parametrize(("rare", "said"), [(2, True), (3, False)])
def test_classes_a_hundred_times_as_frequent_are_unequal(read: Read, rare: int, said: bool) -> None:
    rows = [f"{index % 13},{'b' if index < rare else 'a'}" for index in range(200 + rare)]
    summary, _ = read("\n".join(["x,y", *rows]).encode())
    found = resolve(TrainSpec(), target_facts(summary.columns, ["y"]))
    warnings = job_warnings(summary.columns, ["y"], ["x"], found)
    assert [warning.split(":")[0] for warning in warnings] == ["the classes are very unequal"] * said


def test_more_features_than_training_rows_are_said(read: Read) -> None:
    names = ",".join(f"f{index}" for index in range(30))
    rows = "\n".join(",".join(str((row * 31 + column * 17) % 29) for column in range(30)) for row in range(20))
    summary, _ = read(
        f"{names},y\n".encode() + b"\n".join(line + b",%d.5" % i for i, line in enumerate(rows.encode().split()))
    )
    features = check_columns(summary.columns, ["y"], None)
    found = resolve(TrainSpec(), target_facts(summary.columns, ["y"]))
    warnings = job_warnings(summary.columns, ["y"], features, found)
    assert warnings[-1] == "there are more features (30) than training rows (14)"
