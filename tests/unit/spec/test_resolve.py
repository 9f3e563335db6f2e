from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.spec.errors import ValidationFailed
from steepest.spec.problems import parse
from steepest.spec.resolve import TargetFacts, resolve, split_sizes
from steepest.spec.training import TrainSpec


def classes(*counts: int, whole: bool = False) -> TargetFacts:
    labels = tuple(str(i) for i in range(len(counts))) if whole else tuple("abcdefghijklmnopqrstuvwxyz"[: len(counts)])
    return TargetFacts("y", sum(counts), len(counts), whole, whole, labels, counts)


def numbers(rows: int = 1_000, distinct: int = 900, *, whole: bool = False) -> TargetFacts:
    return TargetFacts("y", rows, distinct, True, whole, None, None)


def spec(**fields: Any) -> TrainSpec:
    return parse(TrainSpec, fields)


def problems_of(target: TargetFacts, **fields: Any) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        resolve(spec(**fields), target)
    return {problem.pointer: problem.detail for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("target", "loss", "task"),
    [
        (classes(50, 50), "auto", "binary"),
        (classes(50, 50, whole=True), "mean_squared_error", "binary"),
        (classes(50, 50), "categorical_crossentropy", "multiclass"),
        (classes(9, 9, 9), "auto", "multiclass"),
        (classes(*[9] * 20, whole=True), "auto", "multiclass"),
        (classes(*[9] * 21, whole=True), "auto", "regression"),
        (classes(*[9] * 21, whole=True), "log_loss", "multiclass"),
        (numbers(), "auto", "regression"),
        (numbers(), "mean_squared_error", "regression"),
    ],
)
def test_the_task_follows_the_values_among_those_the_loss_allows(target: TargetFacts, loss: str, task: str) -> None:
    assert resolve(spec(loss={"name": loss}), target).spec.task == task


@pytest.mark.parametrize(
    ("task", "loss", "output"),
    [
        ("binary", "auto", ("binary_crossentropy", "sigmoid")),
        ("binary", "mean_squared_error", ("mean_squared_error", "sigmoid")),
        ("multiclass", "auto", ("categorical_crossentropy", "softmax")),
        ("multiclass", "log_loss", ("log_loss", "softmax")),
        ("multiclass", "mean_squared_error", ("mean_squared_error", "sigmoid")),
        ("regression", "auto", ("mean_squared_error", "linear")),
    ],
)
def test_loss_and_output_follow_the_task(task: str, loss: str, output: tuple[str, str]) -> None:
    resolved = resolve(spec(task=task, loss={"name": loss}), classes(50, 50, whole=True)).spec
    assert (resolved.loss.name, resolved.output_activation) == output


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs", "patience"),
    [(1_000, 32, 91, 18), (100, 32, 667, 133), (20_000, 128, 50, 10), (30, 20, 1_000, 200), (1_000_000, 1_024, 50, 10)],
)
def test_batch_size_epochs_and_patience_follow_the_rows(rows: int, batch_size: int, epochs: int, patience: int) -> None:
    resolved = resolve(spec(), numbers(rows)).spec
    assert resolved.early_stopping is not None
    assert (resolved.batch_size, resolved.epochs, resolved.early_stopping.patience) == (batch_size, epochs, patience)


def test_a_batch_never_holds_more_than_the_training_rows() -> None:
    assert resolve(spec(batch_size=500), numbers(100)).spec.batch_size == 70
    assert resolve(spec(batch_size="full"), numbers(100)).spec.batch_size == "full"


def test_split_is_stratified_when_every_class_can_spare_the_rows() -> None:
    assert resolve(spec(), classes(3, 50)).spec.split.method == "stratified"
    assert resolve(spec(), classes(2, 50)).spec.split.method == "random"
    assert resolve(spec(), numbers()).spec.split.method == "random"


def test_a_monitor_by_default_gives_way_when_nothing_validates() -> None:
    assert resolve(spec(split={"validation": 0.0}), numbers()).spec.early_stopping is None
    insists = {"split": {"validation": 0.0}, "early_stopping": {"monitor": "validation_loss"}}
    assert "/early_stopping/monitor" in problems_of(numbers(), **insists)


@pytest.mark.parametrize(
    ("target", "fields", "pointer"),
    [
        (classes(50), {}, "/target"),
        (TargetFacts("y", 0, 0, False, False, (), ()), {}, "/target"),
        (classes(5, 5, 5), {"task": "binary"}, "/task"),
        (classes(5, 5, 5), {"loss": {"name": "binary_crossentropy"}}, "/target"),
        (classes(5, 5, 5), {"task": "regression"}, "/target"),
        (numbers(), {"task": "multiclass"}, "/target"),
        (classes(5, 5, 5), {"task": "multiclass", "loss": {"name": "binary_crossentropy"}}, "/loss/name"),
        (classes(5, 5, 5), {"output_activation": "linear"}, "/output_activation"),
        (numbers(), {"split": {"method": "stratified"}}, "/split/method"),
        (classes(2, 5, 5), {"split": {"method": "stratified"}}, "/split/method"),
    ],
)
def test_what_cannot_be_is_named_by_its_pointer(target: TargetFacts, fields: dict[str, Any], pointer: str) -> None:
    assert pointer in problems_of(target, **fields)


def test_a_target_without_values_is_all_there_is_to_say() -> None:
    assert set(problems_of(TargetFacts("y", 0, 0, True, False, (), ()))) == {"/target"}


def test_early_stopping_that_was_asked_for_is_not_dropped_in_silence() -> None:
    unvalidated: dict[str, Any] = {"split": {"validation": 0.0}}
    asked = resolve(spec(**unvalidated, early_stopping={"patience": 3}), numbers())
    assert (asked.spec.early_stopping, len(asked.warnings)) == (None, 1)
    assert "training_loss" in asked.warnings[0]
    assert resolve(spec(**unvalidated), numbers()).warnings == ()


def test_several_problems_are_told_at_once() -> None:
    found = problems_of(
        classes(5, 5, 5), task="regression", output_activation="softmax", split={"method": "stratified"}
    )
    assert set(found) == {"/target", "/output_activation", "/split/method"}


@given(st.sampled_from([classes(50, 50), classes(9, 9, 9), numbers()]), st.floats(0, 0.4), st.floats(0, 0.4))
def test_a_resolved_spec_resolves_to_itself(target: TargetFacts, validation: float, test: float) -> None:
    once = resolve(spec(split={"validation": validation, "test": test}), target).spec
    assert resolve(once, target).spec == once


@given(st.integers(1, 10**7), st.decimals(0, "0.49", places=3), st.decimals(0, "0.49", places=3))
def test_split_sizes_take_each_share_to_the_nearest_row(rows: int, validation: Any, test: Any) -> None:
    training, *parts = split_sizes(rows, float(validation), float(test))
    assert training + sum(parts) == rows
    for share, size in zip((validation, test), parts, strict=True):
        assert abs(size - share * rows) <= 0.5
