"""`steepest evaluate` shows the figures of every task, and says why there are none."""

from datetime import UTC, datetime

import httpx
import numpy as np
import pytest
from click.testing import CliRunner, Result

from steepest.cli import main
from steepest.cli.service import Service
from steepest.inspect.evaluation.labels import LabelTally
from steepest.inspect.evaluation.values import ValueTally
from steepest.spec.answers import Evaluation
from steepest.spec.errors import DataUnusable, NotFound
from steepest.spec.figures import ColumnImportance, EvaluationResult, Importance
from steepest.spec.states import ComputationState
from tests.unit.client.fake import DATASET, JOB, KEY

rows = np.arange(4)


def result(kind: str) -> EvaluationResult:
    if kind == "labels":
        labels = LabelTally(["red", "green"])
        labels.add(rows, np.array([[1, 0], [1, 1], [0, 0], [0, 1]]), np.full((4, 2), 0.75))
        return EvaluationResult(rows=4, figures=labels.figures(), worst_rows=labels.worst_rows())
    columns = ["price"] if kind == "value" else ["price", "size"]
    values = ValueTally(columns, lambda y, predicted: np.square(y - predicted).mean(axis=1))
    values.add(rows, np.arange(4.0)[:, None].repeat(len(columns), 1), np.full((4, len(columns)), 0.5))
    return EvaluationResult(rows=4, left_out_rows=2, figures=values.figures(), worst_rows=values.worst_rows())


def answer(found: EvaluationResult | None, error: DataUnusable | None = None) -> httpx.Response:
    status = ComputationState.FAILED if error else ComputationState.SUCCEEDED
    evaluation = Evaluation(
        id="held_out",
        job=JOB,
        dataset=DATASET,
        status=status,
        is_terminal=True,
        error=error.error() if error else None,
        created_at=datetime.now(UTC),
        held_out=True,
        result=found,
    )
    return httpx.Response(200, content=evaluation.model_dump_json())


def run(response: httpx.Response, *arguments: str) -> Result:
    service = Service(key=KEY, transport=httpx.MockTransport(lambda _: response))
    return CliRunner().invoke(main, ["evaluate", JOB, *arguments], obj=service)


def test_labels() -> None:
    shown = run(answer(result("labels")))
    assert shown.exit_code == 0, shown.output
    assert all(words in shown.stdout for words in ("4 rows", "all labels right", "green", "red, green"))


@pytest.mark.parametrize(("kind", "told"), [("value", "0.5"), ("values", "price 3, size 3")])
def test_values(kind: str, told: str) -> None:
    shown = run(answer(result(kind)))
    assert shown.exit_code == 0, shown.output
    words = ("4 rows, 2 without a target left out", "RMSE", "MEDIAN RESIDUAL", "price", told)
    assert all(each in shown.stdout for each in words)


def test_importance() -> None:
    columns = [ColumnImportance(column="colour", mean=0.25, deviation=0.01, drops=[0.25])]
    importance = Importance(score="r2", baseline=0.9, rows=4, repeats=1, seed=0, columns=columns)
    shown = run(answer(result("value").model_copy(update={"permutation_importance": importance})))
    assert all(words in shown.stdout for words in ("Drop of R2", "colour", "0.2500"))


def test_an_evaluation_that_failed_says_why() -> None:
    shown = run(answer(None, DataUnusable("row 7 has a class that is unknown")))
    assert shown.exit_code == 1
    assert "row 7" in shown.stderr


def test_a_job_without_figures_says_so() -> None:
    problem = NotFound("The job has no evaluation held_out.").problem(instance="/x", request_id="r")
    response = httpx.Response(
        404, content=problem.model_dump_json(), headers={"Content-Type": "application/problem+json"}
    )
    shown = run(response)
    assert shown.exit_code == 1
    assert "no evaluation" in shown.stderr
