from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.spec.errors import ValidationFailed
from steepest.spec.fields import names_of
from steepest.spec.names import ALPHAS, LOSSES_BY_TASK, ActivationName, LossName, Task
from steepest.spec.optimizers import Optimizer
from steepest.spec.parting import PartingFacts
from steepest.spec.problems import parse
from steepest.spec.resolve import resolve, split_sizes
from steepest.spec.resolved import ResolvedTrainSpec
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import TrainSpec

Targets = tuple[TargetFacts, ...]
NOTHING = (TargetFacts("y", 0, 0, False, False, (), ()),)


def classes(*counts: int, whole: bool = False) -> Targets:
    labels = tuple(str(i) for i in range(len(counts))) if whole else tuple("abcdefghijklmnopqrstuvwxyz"[: len(counts)])
    return (TargetFacts("y", sum(counts), len(counts), whole, whole, labels, counts, 0.0 if whole else None),)


def numbers(rows: int = 1_000, distinct: int = 900, *, least: float = -1.0) -> Targets:
    return (TargetFacts("y", rows, distinct, True, False, None, None, least),)


def spec(**fields: Any) -> TrainSpec:
    return parse(TrainSpec, fields)


def problems_of(target: Targets, **fields: Any) -> dict[str, str]:
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
        (classes(50, 50, whole=True), "huber", "regression"),
        (classes(50, 50, whole=True) * 3, "auto", "multilabel"),
        (classes(50, 50, whole=True) * 3, "log_loss", "multilabel"),
        (classes(50, 50, whole=True) * 3, "mean_squared_error", "regression"),
        (classes(50, 50, whole=True) + numbers(), "auto", "regression"),
        (classes(50, 50, 50, whole=True) * 2, "auto", "regression"),
    ],
)
def test_the_task_follows_the_values_among_those_the_loss_allows(target: Targets, loss: str, task: str) -> None:
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
        ("regression", "mean_absolute_error", ("mean_absolute_error", "linear")),
        ("regression", "huber", ("huber", "linear")),
        ("regression", "poisson", ("poisson", "exponential")),
        ("multilabel", "auto", ("binary_crossentropy", "sigmoid")),
        ("multilabel", "log_loss", ("log_loss", "sigmoid")),
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
        (NOTHING, {}, "/target"),
        (classes(5, 5, 5), {"task": "binary"}, "/task"),
        (classes(5, 5, 5), {"loss": {"name": "binary_crossentropy"}}, "/target"),
        (classes(5, 5, 5), {"task": "regression"}, "/target"),
        (numbers(), {"task": "multiclass"}, "/target"),
        (classes(5, 5, 5), {"task": "multiclass", "loss": {"name": "binary_crossentropy"}}, "/loss/name"),
        (classes(5, 5, 5), {"output_activation": "linear"}, "/output_activation"),
        (numbers(), {"split": {"method": "stratified"}}, "/split/method"),
        (classes(2, 5, 5), {"split": {"method": "stratified"}}, "/split/method"),
        (classes(5, 5, whole=True) * 2, {"split": {"method": "stratified"}}, "/split/method"),
        (classes(5, 5) * 2, {"task": "multiclass"}, "/task"),
        (classes(5, 5) * 2, {"task": "binary"}, "/task"),
        (classes(5, 5) * 2, {}, "/target/0"),
        (classes(5, 5, whole=True) + numbers(), {"task": "multilabel"}, "/target/1"),
        (classes(5, 5, whole=True) + classes(5, whole=True), {}, "/target/1"),
        (classes(5, 5, whole=True) * 2, {"loss": {"name": "categorical_crossentropy"}}, "/loss/name"),
        (numbers(), {"loss": {"name": "poisson"}}, "/target"),
        (numbers(least=0.0) + numbers(), {"loss": {"name": "poisson"}}, "/target/1"),
        (numbers(least=0.0), {"loss": {"name": "poisson"}, "preprocess": {"target": "standardize"}},
         "/preprocess/target"),
        (numbers(), {"loss": {"label_smoothing": 0.1}}, "/loss/label_smoothing"),
        (classes(5, 5), {"loss": {"name": "mean_squared_error", "label_smoothing": 0.1}}, "/loss/label_smoothing"),
        (numbers(), {"loss": {"class_weight": "balanced"}}, "/loss/class_weight"),
        (classes(5, 5, whole=True) * 2, {"loss": {"class_weight": {"0": 2}}}, "/loss/class_weight"),
        (classes(5, 5), {"loss": {"class_weight": {"a": 2, "c/d": 2}}}, "/loss/class_weight/c~1d"),
        (numbers(), {"epochs": 5, "schedule": {"warmup_epochs": 5}}, "/schedule/warmup_epochs"),
        (numbers(), {"schedule": {"warmup_epochs": 91}}, "/schedule/warmup_epochs"),
        (numbers(), {"early_stopping": {"monitor": "training_accuracy"}}, "/early_stopping/monitor"),
        (classes(5, 5), {"early_stopping": {"monitor": "validation_r2"}}, "/early_stopping/monitor"),
        (numbers(), {"early_stopping": {"monitor": "validation_r2"}, "split": {"validation": 0}},
         "/early_stopping/monitor"),
        (numbers(rows=2), {"layers": [{}, {"batch_norm": True}], "split": {"validation": 0.4}}, "/layers/1/batch_norm"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_by_its_pointer(target: Targets, fields: dict[str, Any], pointer: str) -> None:
    assert pointer in problems_of(target, **fields)


def test_a_target_without_values_is_all_there_is_to_say() -> None:
    assert set(problems_of(NOTHING)) == {"/target"}


def test_early_stopping_that_was_asked_for_is_not_dropped_in_silence() -> None:
    unvalidated: dict[str, Any] = {"split": {"validation": 0.0}}
    asked = resolve(spec(**unvalidated, early_stopping={"patience": 3}), numbers())
    assert (asked.spec.early_stopping, len(asked.warnings)) == (None, 1)
    assert "training_loss" in asked.warnings[0]
    assert resolve(spec(**unvalidated), numbers()).warnings == ()


@pytest.mark.parametrize("task", LOSSES_BY_TASK)
@pytest.mark.parametrize("loss", get_args(LossName))
def test_the_contracts_table_of_tasks_and_losses(task: Task, loss: LossName) -> None:
    target = classes(50, 50, whole=True) * (2 if task == "multilabel" else 1)
    if loss in LOSSES_BY_TASK[task]:
        assert resolve(spec(task=task, loss={"name": loss}), target).spec.loss.name == loss
    else:
        assert set(problems_of(target, task=task, loss={"name": loss})) == {"/loss/name"}


def test_outputs_are_one_for_each_class_or_column() -> None:
    assert resolve(spec(), classes(50, 50)).outputs == 1
    assert resolve(spec(), classes(50, 50, 50)).outputs == 3
    assert resolve(spec(), numbers()).outputs == 1
    several = resolve(spec(), classes(50, 50, whole=True) * 4)
    assert (several.outputs, several.classes, several.spec.split.method) == (4, (), "random")


def test_the_column_with_the_fewest_values_stands_for_the_rows() -> None:
    assert resolve(spec(), numbers(100) + numbers(80)).training_rows == 56


def test_parameters_that_were_left_out_are_shown_where_they_belong() -> None:
    layers = [{"activation": name} for name in ("relu", *ALPHAS)]
    resolved = resolve(spec(layers=layers, loss={"name": "huber"}), numbers()).spec
    assert [layer.alpha for layer in resolved.layers] == [None, *ALPHAS.values()]
    assert resolved.loss.delta == 1.0
    given = resolve(spec(layers=[{"activation": "elu", "alpha": 0.5}], loss={"name": "huber", "delta": 2}), numbers())
    assert (given.spec.layers[0].alpha, given.spec.loss.delta) == (0.5, 2.0)


def test_lbfgs_takes_all_rows_at_once() -> None:
    resolved = resolve(spec(optimizer={"name": "lbfgs"}), numbers(20_000)).spec
    assert (resolved.batch_size, resolved.epochs) == ("full", 1_000)


@pytest.mark.parametrize("monitor", ["training_loss", "validation_loss", "training_accuracy", "validation_accuracy"])
def test_every_figure_of_the_task_can_be_monitored(monitor: str) -> None:
    stopping = resolve(spec(early_stopping={"monitor": monitor}), classes(50, 50)).spec.early_stopping
    assert stopping is not None
    assert stopping.monitor == monitor


def test_weights_by_class_name_classes() -> None:
    found = problems_of(classes(5, 5), loss={"class_weight": {"A": 2.0, "b": 1.0}})
    assert found == {"/loss/class_weight/A": 'there is no class "A"; the classes are "a", "b"'}


def test_a_device_is_chosen() -> None:
    assert [resolve(spec(device=name), numbers()).spec.device for name in ("auto", "cpu", "gpu")] == [
        "cpu", "cpu", "gpu",
    ]  # fmt: skip


def test_several_problems_are_told_at_once() -> None:
    found = problems_of(
        classes(5, 5, 5), task="regression", output_activation="softmax", split={"method": "stratified"}
    )
    assert set(found) == {"/target", "/output_activation", "/split/method"}


@given(st.data())
def test_a_resolved_spec_resolves_to_itself(data: st.DataObject) -> None:
    labels = classes(50, 50, whole=True)
    target = data.draw(st.sampled_from([classes(50, 50), classes(9, 9, 9), labels * 3, numbers(), numbers() * 2]))
    share = st.floats(0, 0.4)
    once = resolve(
        spec(
            split={"validation": data.draw(share), "test": data.draw(share)},
            layers=[{"activation": data.draw(st.sampled_from(get_args(ActivationName)))}],
            optimizer={"name": data.draw(st.sampled_from(names_of(Optimizer)))},
            early_stopping={"monitor": "training_loss"},
        ),
        target,
    )
    again = resolve(once.spec, target)
    assert (again.spec, again.classes, again.outputs) == (once.spec, once.classes, once.outputs)
    assert ResolvedTrainSpec.model_validate_json(once.spec.model_dump_json()) == once.spec


@given(st.integers(1, 10**7), st.decimals(0, "0.49", places=3), st.decimals(0, "0.49", places=3))
def test_split_sizes_take_each_share_to_the_nearest_row(rows: int, validation: Any, test: Any) -> None:
    training, *parts = split_sizes(rows, float(validation), float(test))
    assert training + sum(parts) == rows
    for share, size in zip((validation, test), parts, strict=True):
        assert abs(size - share * rows) <= 0.5


def rows_of(resolution: Any) -> tuple[int, int, int]:
    return resolution.training_rows, resolution.validation_rows, resolution.test_rows


def test_a_split_by_a_column_has_the_sizes_that_its_values_say() -> None:
    marked = spec(split={"method": "column", "column": "c"})
    assert rows_of(resolve(marked, classes(50, 50), split_column=PartingFacts(100, (60, 10, 30)))) == (60, 10, 30)
    tested = spec(split={"method": "column", "column": "c", "validation": 0.1})
    assert rows_of(resolve(tested, classes(50, 50), split_column=PartingFacts(100, (80, 0, 20), True))) == (70, 10, 20)
    in_time = spec(split={"method": "time", "column": "c"})
    assert rows_of(resolve(in_time, classes(50, 50), split_column=PartingFacts(60))) == (42, 9, 9)
    in_groups = spec(split={"method": "group", "column": "c"})
    assert rows_of(resolve(in_groups, classes(50, 50), split_column=PartingFacts(60))) == (70, 15, 15)
    assert (
        resolve(in_groups, classes(50, 50)).spec.split
        == parse(ResolvedTrainSpec, resolve(in_groups, classes(50, 50)).spec.model_dump(mode="json")).split
    )


def test_where_marks_name_no_validation_rows_early_stopping_is_off() -> None:
    marked = spec(split={"method": "column", "column": "c"})
    facts = PartingFacts(100, (70, 0, 30))
    resolution = resolve(marked, classes(50, 50), split_column=facts)
    assert resolution.spec.early_stopping is None
    assert resolve(resolution.spec, classes(50, 50), split_column=facts).spec == resolution.spec
    with pytest.raises(ValidationFailed, match="no validation rows to monitor"):
        resolve(
            spec(split={"method": "column", "column": "c"}, early_stopping={"monitor": "validation_loss"}),
            classes(50, 50),
            split_column=facts,
        )
