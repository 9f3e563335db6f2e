import json
from typing import Any, get_args

import numpy as np
import pytest

from steepest.spec.errors import ValidationFailed
from steepest.spec.fields import names_of
from steepest.spec.job import JobSpec, WarmStart
from steepest.spec.names import ALPHAS, DELTAS, ActivationName, LossName
from steepest.spec.optimizers import Momentum, Optimizer
from steepest.spec.parting import NoRole, roles_of
from steepest.spec.problems import parse
from steepest.spec.schedules import Cosine, Schedule
from steepest.spec.training import Loss

LEAST: dict[str, Any] = {"dataset": "ds_1", "target": "species"}

DEFAULTS = """
{"dataset": "ds_1", "target": "species", "features": null, "task": "auto", "name": null, "metadata": {},
 "split": {"method": "auto", "column": null, "validation": 0.15, "test": 0.15, "seed": 0},
 "preprocess": {"numeric": "standardize", "categorical": "one_hot", "max_categories": 100, "missing": "mean",
                "missing_value": 0.0, "missing_indicator": false, "target": "auto"},
 "layers": [{"units": 64, "activation": "relu", "dropout": 0.0, "batch_norm": false}],
 "initializer": "auto", "output_activation": "auto",
 "loss": {"name": "auto", "label_smoothing": 0.0, "class_weight": null, "sample_weight": null},
 "optimizer": {"name": "adam", "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
 "schedule": {"name": "constant", "warmup_epochs": 0},
 "regularization": {"l1": 0.0, "l2": 0.0, "max_norm": null}, "gradient_clip": null,
 "epochs": "auto", "batch_size": "auto",
 "early_stopping": {"monitor": "validation_loss", "patience": "auto", "min_delta": 0.0, "restore_best": true},
 "checkpoint_every": {"seconds": 30}, "seed": 0, "precision": "float32", "device": "auto",
 "max_seconds": null, "priority": 0, "warm_start": null, "reuse": false}
"""


def problems_of(body: Any) -> dict[str, str]:
    with pytest.raises(ValidationFailed) as caught:
        parse(JobSpec, body)
    return {problem.pointer: problem.detail for problem in caught.value.problems}


def test_the_least_spec_takes_every_default_of_the_contract() -> None:
    assert json.loads(parse(JobSpec, LEAST).model_dump_json()) == json.loads(DEFAULTS)


def test_the_whole_contract_may_be_written_out() -> None:
    assert parse(JobSpec, json.loads(DEFAULTS)) == parse(JobSpec, LEAST)


def test_an_object_given_in_part_takes_the_other_defaults() -> None:
    spec = parse(JobSpec, LEAST | {"optimizer": {"name": "momentum"}, "split": {"test": 0.2}, "early_stopping": None})
    assert spec.optimizer.model_dump() == {"name": "momentum", "learning_rate": 0.01, "momentum": 0.9}
    assert (spec.split.validation, spec.split.test) == (0.15, 0.2)
    assert spec.early_stopping is None


def test_classes_that_are_no_text_in_python_go_by_their_labels() -> None:
    by_number = {0: 2.0, 1.0: 3, 2.5: 0.5, np.int64(7): 1.0, np.float32(0.5): 1.0, -4: 1.0, "b": 1.0, np.str_("c"): 1.0}
    weights = parse(JobSpec, LEAST | {"loss": {"class_weight": by_number}}).loss.class_weight
    assert weights == {"0": 2.0, "1": 3.0, "2.5": 0.5, "7": 1.0, "0.5": 1.0, "-4": 1.0, "b": 1.0, "c": 1.0}
    for no, yes in ((False, True), (np.False_, np.True_)):
        assert Loss.model_validate({"class_weight": {no: 2.0, yes: 1.0}}).class_weight == {"False": 2.0, "True": 1.0}


@pytest.mark.parametrize("key", [None, (1, 2), float("nan"), float("inf"), 10**400])
def test_what_cannot_be_a_class_has_no_weight(key: Any) -> None:
    assert problems_of(LEAST | {"loss": {"class_weight": {key: 2.0}}})


def test_a_class_has_one_weight() -> None:
    found = problems_of(LEAST | {"loss": {"class_weight": {0: 2.0, "0": 1.0}}})
    assert found == {"/loss/class_weight": 'the class "0" has two weights'}


def test_the_device_says_what_auto_is() -> None:
    assert '"auto" is "cpu"' in JobSpec.model_json_schema()["properties"]["device"]["description"]


def test_an_optimizer_without_a_name_is_the_default_one() -> None:
    assert parse(JobSpec, LEAST | {"optimizer": {"beta_1": 0.8}}).optimizer.name == "adam"


def test_one_target_in_a_list_is_that_target() -> None:
    spec = parse(JobSpec, LEAST | {"target": ["species"]})
    assert (spec.target, spec.targets) == ("species", ("species",))
    assert parse(JobSpec, LEAST | {"target": ["a", "b"]}).targets == ("a", "b")


@pytest.mark.parametrize(
    ("union", "field"), [(Optimizer, "optimizer"), (Schedule, "schedule")], ids=["optimizer", "schedule"]
)
def test_every_name_of_a_union_has_defaults_and_keeps_exact_places(union: Any, field: str) -> None:
    names = names_of(union)
    assert len(set(names)) == len(names) > 5
    for name in names:
        spec = parse(JobSpec, LEAST | {field: {"name": name}})
        assert getattr(spec, field).name == name
        assert parse(JobSpec, json.loads(spec.model_dump_json())) == spec
        # A field that is called like the name must not be taken for it.
        wrong = {"name": name, name: 1, "nonsense": 2}
        wrong |= {"learning_rate": "fast"} if field == "optimizer" else {"warmup_epochs": "long"}
        parameter = "learning_rate" if field == "optimizer" else "warmup_epochs"
        assert set(problems_of(LEAST | {field: wrong})) == {
            f"/{field}/{place}" for place in (name, "nonsense", parameter)
        }
    assert f'did you mean "{names[-1]}"?' in problems_of(LEAST | {field: {"name": names[-1] + "x"}})[f"/{field}/name"]
    for given in (names[0], 3, None, [names[0]]):
        assert f'"{names[0]}"' in problems_of(LEAST | {field: given})[f"/{field}"]


@pytest.mark.parametrize(
    ("field", "values"),
    [
        (
            "optimizer",
            {
                "gradient_descent": {"learning_rate": 0.01},
                "momentum": {"learning_rate": 0.01, "momentum": 0.9},
                "nesterov": {"learning_rate": 0.01, "momentum": 0.9},
                "adagrad": {"learning_rate": 0.01, "epsilon": 1e-10},
                "rmsprop": {"learning_rate": 0.001, "rho": 0.99, "epsilon": 1e-8},
                "adam": {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
                "adamw": {
                    "learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01,
                },
                "lbfgs": {"learning_rate": 1.0, "history_size": 10},
            },
        ),
        (
            "schedule",
            {
                "constant": {},
                "step": {"step_epochs": 10, "factor": 0.1},
                "exponential": {"factor": 0.95},
                "cosine": {},
                "one_cycle": {},
                "plateau": {"factor": 0.1, "patience": 5},
                "inverse_scaling": {"power": 0.5},
            },
        ),
    ],
)  # fmt: skip
def test_the_contracts_defaults_of_each_name(field: str, values: dict[str, dict[str, float]]) -> None:
    for name, parameters in values.items():
        found = getattr(parse(JobSpec, LEAST | {field: {"name": name}}), field).model_dump()
        assert found == {"name": name} | parameters | ({"warmup_epochs": 0} if field == "schedule" else {})


def test_a_class_of_settings_is_told_by_its_name_even_when_only_what_was_set_is_sent() -> None:
    made = JobSpec(dataset="ds_1", target="y", optimizer=Momentum(learning_rate=0.5), schedule=Cosine())
    sent = json.loads(made.model_dump_json(exclude_unset=True))
    assert parse(JobSpec, sent) == made


@pytest.mark.parametrize("activation", get_args(ActivationName))
def test_alpha_belongs_to_some_activations(activation: str) -> None:
    plain = parse(JobSpec, LEAST | {"layers": [{"activation": activation}]})
    assert "alpha" not in plain.model_dump()["layers"][0], "what was not asked for is not shown"
    body = LEAST | {"layers": [{}, {"activation": activation, "alpha": 0.3}]}
    if activation in ALPHAS:
        assert parse(JobSpec, body).layers[1].alpha == 0.3
    else:
        assert f'"{activation}" has no alpha' in problems_of(body)["/layers/1/alpha"]


@pytest.mark.parametrize("loss", ["auto", *get_args(LossName)])
def test_delta_belongs_to_some_losses(loss: str) -> None:
    assert "delta" not in parse(JobSpec, LEAST | {"loss": {"name": loss}}).model_dump()["loss"]
    body = LEAST | {"loss": {"name": loss, "delta": 2.0}}
    if loss in DELTAS:
        assert parse(JobSpec, body).loss.delta == 2.0
    else:
        assert set(problems_of(body)) == {"/loss/delta"}


@pytest.mark.parametrize(
    "fields",
    [
        {"layers": [{"dropout": 0.5, "batch_norm": True}]},
        {"layers": []},
        {"loss": {"label_smoothing": 0.1, "class_weight": "balanced", "sample_weight": "w"}},
        {"loss": {"class_weight": {"a": 2, "b": 0.5}}},
        {"loss": {"class_weight": {}}},
        {"regularization": {"l1": 0.1, "l2": 0.1, "max_norm": 3.0}},
        {"gradient_clip": {}},
        {"gradient_clip": {"by": "value", "limit": 0.5}},
        {"schedule": {"warmup_epochs": 3}},
        {"early_stopping": {"monitor": "training_r2"}},
        {"device": "gpu", "max_seconds": 0.5, "task": "multilabel", "target": ["a", "b"]},
        {"optimizer": {"name": "lbfgs"}, "batch_size": "full"},
    ],
)
def test_what_training_can_do_may_be_asked_for(fields: dict[str, Any]) -> None:
    spec = parse(JobSpec, LEAST | fields)
    assert parse(JobSpec, json.loads(spec.model_dump_json())) == spec


def test_every_field_that_another_one_rules_out_is_named() -> None:
    lbfgs: dict[str, Any] = {"optimizer": {"name": "lbfgs"}}
    layers = [{"dropout": 0.5}, {"batch_norm": True}, {}]
    assert set(problems_of(LEAST | lbfgs | {"layers": layers, "batch_size": 32, "schedule": {"name": "cosine"}})) == {
        "/layers/0/dropout",
        "/layers/1/batch_norm",
        "/batch_size",
        "/schedule/name",
    }
    assert set(problems_of(LEAST | lbfgs | {"regularization": {"l1": 0.1}})) == {"/regularization/l1"}
    assert set(problems_of(LEAST | lbfgs | {"schedule": {"warmup_epochs": 1}})) == {"/schedule/warmup_epochs"}
    assert set(problems_of(LEAST | lbfgs | {"gradient_clip": {}, "regularization": {"max_norm": 1.0}})) == {
        "/gradient_clip",
        "/regularization/max_norm",
    }
    assert set(problems_of(LEAST | {"batch_size": 1, "layers": [{"batch_norm": True}]})) == {"/batch_size"}
    assert set(problems_of(LEAST | {"schedule": {"name": "one_cycle", "warmup_epochs": 1}})) == {
        "/schedule/warmup_epochs"
    }


def test_all_problems_are_named_at_once_with_their_places() -> None:
    problems = problems_of(
        {
            "target": "species",
            "epochs": "10",
            "layers": [{"units": 0}, {"activaton": "relu"}],
            "optimizer": {"name": "adam", "learning_rte": 1},
            "split": {"validation": 0.6, "test": 0.5},
            "batch_size": True,
            "metadata": {"a": 1},
        }
    )
    assert set(problems) == {
        "/dataset",
        "/epochs",
        "/layers/0/units",
        "/layers/1/activaton",
        "/optimizer/learning_rte",
        "/split",
        "/batch_size",
        "/metadata/a",
    }
    assert 'did you mean "activation"?' in problems["/layers/1/activaton"]
    assert 'did you mean "learning_rate"?' in problems["/optimizer/learning_rte"]


@pytest.mark.parametrize("which", ["best", "last", "initial", "0", "17"])
def test_a_warm_start_names_a_checkpoint(which: str) -> None:
    spec = parse(JobSpec, LEAST | {"warm_start": {"job": "job_1", "checkpoint": which}})
    assert spec.warm_start == WarmStart(job="job_1", checkpoint=which)
    for wrong in (which + "s", "²", "-1", ""):
        problems = problems_of(LEAST | {"warm_start": {"job": "job_1", "checkpoint": wrong}})
        assert set(problems) == {"/warm_start/checkpoint"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ("text", ""),
        (None, ""),
        (LEAST | {"layers": {"units": 3}}, "/layers"),
        (LEAST | {"optimizer": "adam"}, "/optimizer"),
        (LEAST | {"optimizer": {"name": "adum"}}, "/optimizer/name"),
        (LEAST | {"optimizer": {"name": ["adam"]}}, "/optimizer/name"),
        (LEAST | {"optimizer": {"learning_rate": float("nan")}}, "/optimizer/learning_rate"),
        (LEAST | {"optimizer": {"learning_rate": -1}}, "/optimizer/learning_rate"),
        (LEAST | {"optimizer": {"name": "rmsprop", "rho": 1}}, "/optimizer/rho"),
        (LEAST | {"optimizer": {"name": "lbfgs", "history_size": 0}}, "/optimizer/history_size"),
        (LEAST | {"schedule": {"name": "step", "step_epochs": 0}}, "/schedule/step_epochs"),
        (LEAST | {"schedule": {"name": "plateau", "factor": 1}}, "/schedule/factor"),
        (LEAST | {"schedule": {"warmup_epochs": -1}}, "/schedule/warmup_epochs"),
        (LEAST | {"layers": [{"dropout": 1.0}]}, "/layers/0/dropout"),
        (LEAST | {"layers": [{"activation": "elu", "alpha": 0}]}, "/layers/0/alpha"),
        (LEAST | {"loss": {"label_smoothing": 1}}, "/loss/label_smoothing"),
        (LEAST | {"loss": {"class_weight": "unbalanced"}}, "/loss/class_weight"),
        (LEAST | {"loss": {"class_weight": ["a"]}}, "/loss/class_weight"),
        (LEAST | {"loss": {"class_weight": {"a": 0}}}, "/loss/class_weight/a"),
        (LEAST | {"loss": {"sample_weight": ""}}, "/loss/sample_weight"),
        (LEAST | {"loss": {"name": "huber", "delta": -1}}, "/loss/delta"),
        (LEAST | {"regularization": {"l2": -0.1}}, "/regularization/l2"),
        (LEAST | {"regularization": {"max_norm": 0}}, "/regularization/max_norm"),
        (LEAST | {"gradient_clip": {"limit": 0}}, "/gradient_clip/limit"),
        (LEAST | {"gradient_clip": {"by": "size"}}, "/gradient_clip/by"),
        (LEAST | {"max_seconds": 0}, "/max_seconds"),
        (LEAST | {"device": "tpu"}, "/device"),
        (LEAST | {"early_stopping": {"monitor": "test_loss"}}, "/early_stopping/monitor"),
        (LEAST | {"target": []}, "/target"),
        (LEAST | {"target": ["a", 1]}, "/target/1"),
        (LEAST | {"seed": -1}, "/seed"),
        (LEAST | {"seed": 2**63}, "/seed"),
        (LEAST | {"epochs": 0}, "/epochs"),
        (LEAST | {"epochs": 1.5}, "/epochs"),
        (LEAST | {"batch_size": "ful"}, "/batch_size"),
        (LEAST | {"features": []}, "/features"),
        (LEAST | {"features": "a"}, "/features"),
        (LEAST | {"target": ""}, "/target"),
        (LEAST | {"precision": "float16"}, "/precision"),
        (LEAST | {"checkpoint_every": {"seconds": 0}}, "/checkpoint_every/seconds"),
        (LEAST | {"a~b/c": 1}, "/a~0b~1c"),
    ],
)
def test_a_wrong_value_is_named_by_its_pointer(body: Any, pointer: str) -> None:
    assert pointer in problems_of(body)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ([], "must be an object"),
        (LEAST | {"loss": "huber"}, "must be an object"),
        (LEAST | {"metadata": []}, "must be an object"),
        (LEAST | {"features": []}, "must hold at least 1, not 0"),
        (LEAST | {"layers": [{}] * 65}, "must hold at most 64, not 65"),
    ],
)
def test_problems_are_told_in_the_words_of_json(body: Any, detail: str) -> None:
    assert list(problems_of(body).values()) == [detail]


@pytest.mark.parametrize(
    ("preprocess", "pointer", "words"),
    [
        ({"missing_value": 1.0}, "/preprocess/missing_value", 'use "constant"'),
        ({"missing": "median", "missing_value": -1}, "/preprocess/missing_value", '"median" finds'),
        ({"categorical": "ordinal", "max_categories": 5}, "/preprocess/max_categories", "no cap"),
        ({"numeric": "robist"}, "/preprocess/numeric", "robust"),
        ({"missing": "constant", "missing_value": "x"}, "/preprocess/missing_value", "number"),
    ],
)
def test_preprocessing_that_contradicts_itself_is_refused(preprocess: Any, pointer: str, words: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(JobSpec, LEAST | {"preprocess": preprocess})
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    assert words in caught.value.problems[0].detail


@pytest.mark.parametrize(
    "preprocess",
    [
        {"numeric": "robust", "missing": "constant", "missing_value": -1.5, "missing_indicator": True},
        {"categorical": "ordinal", "missing": "median"},
        {"categorical": "hashing", "max_categories": 32, "missing": "most_frequent"},
    ],
)
def test_every_way_to_preprocess_is_taken(preprocess: Any) -> None:
    spec = parse(JobSpec, LEAST | {"preprocess": preprocess})
    assert {name: getattr(spec.preprocess, name) for name in preprocess} == preprocess
    assert parse(JobSpec, spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("split", "pointer", "words"),
    [
        ({"method": "group"}, "/split/column", "needs the column"),
        ({"method": "time"}, "/split/column", "needs the column"),
        ({"column": "g"}, "/split/column", '"auto" looks at no column; "group", "time", "column" do'),
        ({"method": "stratified", "column": "g"}, "/split/column", "looks at no column"),
        ({"method": "column", "column": "g", "test": 0.2}, "/split/test", "leave this out"),
        ({"method": "group", "column": ""}, "/split/column", "at least 1"),
        ({"method": "grouped", "column": "g"}, "/split/method", 'did you mean "group"?'),
    ],
)
def test_a_split_that_contradicts_itself_is_refused(split: Any, pointer: str, words: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(JobSpec, LEAST | {"split": split})
    assert [problem.pointer for problem in caught.value.problems] == [pointer]
    assert words in caught.value.problems[0].detail


@pytest.mark.parametrize("method", ["group", "time", "column"])
def test_a_split_by_a_column_comes_back(method: str) -> None:
    spec = parse(JobSpec, LEAST | {"split": {"method": method, "column": "g", "validation": 0.1}})
    assert (spec.split.method, spec.split.column) == (method, "g")
    assert parse(JobSpec, spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("labels", "parts", "marks_test"),
    [
        (["train", "val", "test"], ["training", "validation", "test"], False),
        ([" Training ", "VALIDATION", "Testing"], ["training", "validation", "test"], False),
        (["train", "valid"], ["training", "validation"], False),
        (["0", "1"], ["training", "test"], True),
        (["False", "true"], ["training", "test"], True),
    ],
)
def test_labels_say_which_part_a_row_is_in(labels: list[str], parts: list[str], marks_test: bool) -> None:
    roles = roles_of(labels)
    assert [roles.parts[label] for label in labels] == parts
    assert roles.marks_test == marks_test


@pytest.mark.parametrize("labels", [["train", "holdout"], ["0", "1", "2"], ["train", "1"], ["0", "test"]])
def test_labels_that_say_something_else_are_named(labels: list[str]) -> None:
    with pytest.raises(NoRole, match="is none of"):
        roles_of(labels)
