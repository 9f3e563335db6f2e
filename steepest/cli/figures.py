"""The figures of a finished job."""

from typing import TYPE_CHECKING

from steepest.cli.output import table
from steepest.inspect.words import loss, number, percent

if TYPE_CHECKING:
    from steepest.spec.outcome import Result

PARTS = ("training", "validation", "test")


def figure(result: "Result | None") -> str:
    """The one figure that stands for a result: the score on the rows farthest from training."""
    if result is None:
        return "-"
    for accuracy in (result.test_accuracy, result.validation_accuracy, result.training_accuracy):
        if accuracy is not None:
            return percent(accuracy)
    for r2 in (result.test_r2, result.validation_r2, result.training_r2):
        if r2 is not None:
            return f"R2 {r2:.3f}"
    return "-"


def print_figures(result: "Result") -> None:
    """Loss and score of each part of the rows."""
    rows = [
        ("loss", *(loss(value) for value in (result.training_loss, result.validation_loss, result.test_loss))),
        *_scores(result),
    ]
    table(("", *PARTS), rows, right=PARTS)


def _scores(result: "Result") -> list[tuple[str, ...]]:
    accuracies = (result.training_accuracy, result.validation_accuracy, result.test_accuracy)
    r2s = (result.training_r2, result.validation_r2, result.test_r2)
    scores: list[tuple[str, ...]] = []
    if any(value is not None for value in accuracies):
        scores.append(("accuracy", *(percent(value) for value in accuracies)))
    if any(value is not None for value in r2s):
        scores.append(("R2", *(number(value) for value in r2s)))
    return scores
