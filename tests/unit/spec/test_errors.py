from typing import Any

import pytest

from steepest.spec.answers import PredictionRequest
from steepest.spec.errors import (
    Conflict,
    Diverged,
    FieldProblem,
    InternalError,
    NotYetSupported,
    Problem,
    SteepestError,
    ValidationFailed,
    from_problem,
)
from steepest.spec.problems import parse


def test_an_error_survives_the_wire() -> None:
    sent = ValidationFailed("bad", problems=[FieldProblem(pointer="/x", detail="wrong")])
    problem = Problem.model_validate_json(sent.problem(instance="/v1/jobs", request_id="r1").model_dump_json())
    met = from_problem(problem)
    assert type(met) is ValidationFailed
    assert met.problems == sent.problems
    assert met.request_id == "r1"


def test_kinds_that_share_a_status_are_told_apart_by_code() -> None:
    assert type(from_problem(NotYetSupported("later").problem())) is NotYetSupported


def test_an_internal_error_stays_one() -> None:
    assert type(from_problem(InternalError("in the log").problem())) is InternalError


def test_an_unknown_code_becomes_the_kind_of_its_status() -> None:
    problem = Conflict("no").problem().model_copy(update={"code": "from_the_future"})
    assert type(from_problem(problem)) is Conflict
    teapot = problem.model_copy(update={"status": 418})
    assert type(from_problem(teapot)) is SteepestError


def test_a_job_error_says_whose_fault_it_was_and_where() -> None:
    error = Diverged("loss became NaN", epoch=3, step=17, layer=0).error()
    dumped = error.model_dump()
    assert (dumped["code"], dumped["fault"], dumped["retryable"]) == ("diverged", "user", False)
    assert (dumped["epoch"], dumped["step"], dumped["layer"]) == (3, 17, 0)


@pytest.mark.parametrize(
    ("rows", "pointers"),
    [
        ([{"x0": [1.0]}, [1.0, {}]], ["/rows/0/x0", "/rows/1/1"]),
        ([{"dict": 1, "x0": {}}], ["/rows/0/x0"]),
        ([7, None, "x"], ["/rows/0", "/rows/1", "/rows/2"]),
        ([], ["/rows"]),
    ],
)
def test_a_place_is_one_of_the_body_and_never_a_name_of_ours(rows: list[Any], pointers: list[str]) -> None:
    with pytest.raises(ValidationFailed) as failed:
        parse(PredictionRequest, {"rows": rows})
    assert [problem.pointer for problem in failed.value.problems] == pointers
