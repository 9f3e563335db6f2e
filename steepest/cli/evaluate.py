"""`steepest evaluate`: how good a network is on rows that it was not trained on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from steepest.cli.output import echo, emit, table
from steepest.cli.service import Service, connected, pass_service
from steepest.inspect.words import number, percent

if TYPE_CHECKING:
    from steepest.spec.answers import Evaluation
    from steepest.spec.figures import (
        ClassFigure,
        ClassFigures,
        EvaluationResult,
        LabelFigure,
        LabelFigures,
        ValueFigures,
    )

MOST_SHOWN = 10
"""Rows of a table that a person looks through."""


@click.command()
@click.argument("job")
@click.argument("dataset", required=False)
@click.option(
    "--importance",
    type=click.IntRange(1, 100),
    metavar="REPEATS",
    help="Say how much each column matters, by shuffles.",
)
@connected
@pass_service
def evaluate(service: Service, job: str, dataset: str | None, importance: int | None) -> None:
    """Show how good the network that JOB trained is on its test rows, or on another DATASET.

    A data set is named by its id and has the job's columns, the target among them.
    """
    with service.client() as client:
        if dataset is None and importance is None:
            found = client.evaluations.held_out(job)
        else:
            asked = client.evaluations.create(job, dataset, permutation_importance=importance)
            found = client.evaluations.wait(asked)
    if found.result is None:
        _fail(found)
    elif service.as_json:
        emit(found)
    else:
        _print(found.result)


def _fail(found: "Evaluation") -> None:
    from steepest.cli.report import explain

    if found.error is not None:
        explain(found.error, "the evaluation")
    raise click.exceptions.Exit(1)


def _print(result: "EvaluationResult") -> None:
    figures = result.figures
    left_out = f", {result.left_out_rows:,} without a target left out" if result.left_out_rows else ""
    echo(f"{result.rows:,} rows{left_out}")
    if figures.task == "regression":
        _print_values(figures)
    elif figures.task == "multilabel":
        _print_labels(figures)
    else:
        _print_classes(figures)
    if found := result.permutation_importance:
        echo(f"\nDrop of {'R2' if found.score == 'r2' else found.score} when a column is shuffled:")
        rows = [(each.column, f"{each.mean:.4f}", f"{each.deviation:.4f}") for each in found.columns]
        table(("COLUMN", "DROP", "DEVIATION"), rows, right=("DROP", "DEVIATION"))
    echo("\nWorst rows:")
    worst = [
        (f"{each.row:,}", number(each.loss), _told(each.target), _told(each.predicted))
        for each in result.worst_rows[:MOST_SHOWN]
    ]
    table(("ROW", "LOSS", "IS", "PREDICTED"), worst, right=("ROW", "LOSS"))


def _print_classes(figures: "ClassFigures") -> None:
    overall = [
        ("accuracy", percent(figures.accuracy)),
        ("balanced accuracy", percent(figures.balanced_accuracy)),
        ("log loss", number(figures.log_loss)),
        ("Brier score", number(figures.brier)),
        ("ROC-AUC", number(figures.roc_auc)),
        ("PR-AUC", number(figures.pr_auc)),
    ]
    _print_each("CLASS", overall, figures.classes)


def _print_labels(figures: "LabelFigures") -> None:
    overall = [
        ("all labels right", percent(figures.accuracy)),
        ("log loss", number(figures.log_loss)),
        ("ROC-AUC", number(figures.roc_auc)),
        ("PR-AUC", number(figures.pr_auc)),
    ]
    _print_each("LABEL", overall, figures.labels)


def _print_each(what: str, overall: Sequence[tuple[str, str]], figures: "Sequence[ClassFigure | LabelFigure]") -> None:
    """Figures of all rows, then of each class or label."""
    table(("FIGURE", "VALUE"), overall, right=("VALUE",))
    echo("")
    names = (what, "ROWS", "PRECISION", "RECALL", "F1")
    rows = [
        (each.label, f"{each.support:,}", percent(each.precision), percent(each.recall), percent(each.f1))
        for each in figures
    ]
    table(names, rows, right=names[1:])


def _print_values(figures: "ValueFigures") -> None:
    names = ("COLUMN", "RMSE", "MAE", "R2", "MEDIAN RESIDUAL")
    rows = [
        (
            each.column,
            number(each.root_mean_squared_error),
            number(each.mean_absolute_error),
            number(each.r2),
            number(each.residual_quantiles.get("0.5")),
        )
        for each in figures.columns
    ]
    table(names, rows, right=names[1:])


def _told(value: Any) -> str:
    """A class, a value, labels, or values by column."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {number(each)}" for name, each in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
