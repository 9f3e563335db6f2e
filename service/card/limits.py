"""The section about limits: what the figures do not say, and where not to trust the network."""

import math
from collections.abc import Iterator, Sequence

from service.card.page import Points, Section
from service.card.subject import Subject
from steepest.inspect.reliability import calibration_error
from steepest.inspect.words import number, percent
from steepest.spec.figures import ClassFigures

FEW_ROWS = 30
"""Rows of a class below which what is said about it rests on little."""
GAP = 0.05
"""Training accuracy or R2 above that of the test rows, from which on it is worth a word."""
Z = 1.959964
"""Of a normal distribution, 95 % lie within so many deviations."""


NEW_LABELS = {
    "one_hot": "A label that it has not met tells it nothing, or counts as “other” where a column has too many labels: "
    "the prediction then rests on the other columns.",
    "ordinal": "A label that it has not met is treated as missing: the prediction then rests on the other columns.",
    "hashing": "Labels share inputs by their hash: one that it has not met looks like others that it has, by chance.",
}
FILLS = {
    "mean": "by the mean of the training rows",
    "median": "by the median of the training rows",
    "most_frequent": "by the most frequent value of the training rows",
}
MOST_NAMES = 6

ALWAYS = (
    "Nothing was checked about fairness between groups of people, about causes, about changes over time, or about "
    "inputs that are meant to deceive. Whether the rows stand for those that it will meet, only you can know."
)


def limits(about: Subject) -> Section:
    """What to know before using it, as far as numbers can tell."""
    found = (_evidence, _classes, _learning, _inputs)
    return Section("Limits", [Points([*(line for part in found for line in part(about)), ALWAYS])])


def interval(share: float, rows: int) -> tuple[float, float]:
    """The shares that a share of `rows` rows is compatible with, at 95 % (Wilson 1927)."""
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * math.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _evidence(about: Subject) -> Iterator[str]:
    """How much the figures rest on."""
    split = about.job.resolved_spec.split
    test = about.score("test")
    if about.result.test_loss is None:
        yield (
            "No rows were held out. The figures are of rows that the training saw or was steered by: they say how well "
            "it knows these rows, not how well it will do on others."
        )
    elif isinstance(about.figures, ClassFigures) and about.evaluation is not None and test is not None:
        low, high = interval(about.figures.accuracy, about.evaluation.rows)
        yield (
            f"The test accuracy is of {about.evaluation.rows:,} rows. So many rows are compatible with anything from "
            f"{percent(low)} to {percent(high)} (Wilson interval, 95 %)."
        )
    elif about.evaluation is not None:
        yield f"The test figures are of {about.evaluation.rows:,} rows."
    if about.result.validation_loss is not None and about.job.resolved_spec.early_stopping is not None:
        yield "The validation rows chose when to stop and which weights to keep, so that their figures flatter it."
    if about.result.test_loss is not None and split.method != "column":
        yield "All figures are of one split. Another seed of the split would give somewhat different ones."


def _classes(about: Subject) -> Iterator[str]:
    """What follows from how many rows each class has."""
    column = about.column(about.targets[0]) if len(about.targets) == 1 and not about.is_regression else None
    counts = dict(zip(column.values or [], column.value_counts or [], strict=False)) if column else {}
    if not counts or column is None:
        return
    label, most = max(counts.items(), key=lambda item: item[1])
    test = about.score("test")
    if test is not None:
        share = percent(most / sum(counts.values()))
        yield (
            f"Always answering “{label}” would be right for {share} of all rows: that is what the test accuracy of "
            f"{percent(test)} has to be compared with."
        )
    few = [f"“{label}” ({count:,})" for label, count in counts.items() if count < FEW_ROWS]
    if few:
        shown = ", ".join(few[:8]) + (f" and {len(few) - 8} more" if len(few) > 8 else "")
        yield f"Classes with fewer than {FEW_ROWS} rows in all: {shown}. What is said about them rests on little."


def _learning(about: Subject) -> Iterator[str]:
    """What follows from how the training went."""
    training, test = about.score("training"), about.score("test")
    if training is not None and test is not None and training - test > GAP:
        show = number if about.is_regression else percent
        yield f"It does better on its training rows ({show(training)}) than on new ones ({show(test)}): it overfits."
    if about.job.stopped_by == "max_seconds":
        yield "The time was over before the training was: with more of it, it may do better."
    elif about.job.stopped_by == "epochs" and about.result.best_epoch == about.result.epochs:
        yield "The last epoch was the best one: more epochs might do better still."
    if isinstance(about.figures, ClassFigures):
        off = calibration_error(about.figures.calibration)
        if off is not None:
            yield f"Probabilities of the test rows are off by {percent(off)} on average (expected calibration error)."
    if not about.job.bit_exact:
        yield "It was continued in another numeric environment than it began in: a repetition agrees to rounding only."
    yield from about.job.warnings


def _inputs(about: Subject) -> Iterator[str]:
    """What it does with rows unlike those that it knows."""
    columns = [column for name in about.features if (column := about.column(name))]
    labels = [column for column in columns if column.is_label]
    measures = [column for column in columns if not column.is_label]
    preprocess = about.job.resolved_spec.preprocess
    if measures:
        yield "Beyond the ranges of its columns, which stand under Data, it extrapolates, and nobody has looked how."
    if labels:
        yield NEW_LABELS[preprocess.categorical]
    filled, coded = (columns, []) if preprocess.categorical == "ordinal" else (measures, labels)
    if lacking := [column.name for column in filled if column.missing]:
        by = FILLS.get(preprocess.missing, f"by {number(preprocess.missing_value)}")
        yield f"Missing values, which {_names(lacking)} had, are filled in {by}, and predicted upon all the same."
    if lacking := [column.name for column in coded if column.missing]:
        yield f"A missing label, which {_names(lacking)} had, counts as none of the known ones."


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"“{name}”" for name in names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")
