import json
from typing import Any

import pytest

from steepest.spec.errors import NotYetSupported, ValidationFailed
from steepest.spec.job import JobSpec
from steepest.spec.problems import parse

LEAST: dict[str, Any] = {"dataset": "ds_1", "target": "species"}

DEFAULTS = """
{"dataset": "ds_1", "target": "species", "features": null, "task": "auto", "name": null, "metadata": {},
 "split": {"method": "auto", "column": null, "validation": 0.15, "test": 0.15, "seed": 0},
 "preprocess": {"numeric": "standardize", "categorical": "one_hot", "max_categories": 100, "missing": "mean",
                "missing_indicator": false, "target": "auto"},
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


def test_an_optimizer_without_a_name_is_the_default_one() -> None:
    assert parse(JobSpec, LEAST | {"optimizer": {"beta_1": 0.8}}).optimizer.name == "adam"


def test_one_target_in_a_list_is_that_target() -> None:
    assert parse(JobSpec, LEAST | {"target": ["species"]}).target == "species"


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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", 1),
        ("warm_start", {"job": "job_1"}),
        ("reuse", True),
        ("max_seconds", 10.0),
        ("gradient_clip", {"by": "norm"}),
        ("device", "gpu"),
        ("target", ["a", "b"]),
        ("task", "multilabel"),
        ("layers", [{"dropout": 0.5}]),
        ("layers", [{"batch_norm": True}]),
        ("layers", [{"activation": "gelu"}]),
        ("loss", {"name": "huber"}),
        ("loss", {"label_smoothing": 0.1}),
        ("loss", {"class_weight": "balanced"}),
        ("loss", {"sample_weight": "w"}),
        ("optimizer", {"name": "lbfgs"}),
        ("schedule", {"name": "cosine"}),
        ("schedule", {"name": "exponential", "factor": 0.95}),
        ("schedule", {"warmup_epochs": 3}),
        ("regularization", {"l2": 0.1}),
        ("preprocess", {"numeric": "robust"}),
        ("preprocess", {"missing": "median"}),
        ("preprocess", {"missing_indicator": True}),
        ("split", {"method": "group"}),
        ("split", {"column": "g"}),
        ("early_stopping", {"monitor": "validation_accuracy"}),
    ],
)
def test_what_a_later_release_brings_is_refused_and_never_ignored(field: str, value: Any) -> None:
    with pytest.raises(NotYetSupported) as caught:
        parse(JobSpec, LEAST | {field: value})
    assert caught.value.code == "not_yet_supported"
    assert caught.value.problems[0].pointer.startswith(f"/{field}")


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


def test_a_mixture_of_wrong_and_not_yet_is_a_plain_validation_error() -> None:
    with pytest.raises(ValidationFailed) as caught:
        parse(JobSpec, LEAST | {"priority": 1, "epochs": 0})
    assert caught.value.code == "validation_failed"
