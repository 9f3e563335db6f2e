"""The section about the figures: how good the network is, on which rows."""

from collections.abc import Mapping
from typing import Any

from service.card.page import Block, Drawing, Mono, Pictures, Prose, Section, Table
from service.card.subject import Subject
from steepest.inspect.confusion import confusion
from steepest.inspect.reliability import reliability
from steepest.inspect.residuals import residuals
from steepest.inspect.roc import roc_curves
from steepest.inspect.words import loss, number, percent
from steepest.spec.figures import Calibration, ClassFigures, Curves, LabelFigures, ValueFigures, WorstRow

PARTS = ("training", "validation", "test")
MOST_CLASSES = 40
"""Classes that a card lists."""
WORST = 10


def results(about: Subject) -> Section:
    """Figures of each part of the rows, then all that is known of the held-out ones."""
    blocks: list[Block] = [_parts(about)]
    figures, evaluation = about.figures, about.evaluation
    if evaluation is None or figures is None:
        return Section("Figures", blocks)
    blocks.append(Prose(f"On the {evaluation.rows:,} held-out test rows, which training never saw:"))
    if isinstance(figures, ClassFigures):
        blocks += _classes(figures)
    elif isinstance(figures, LabelFigures):
        blocks += _labels(figures)
    else:
        blocks += _values(figures)
    if evaluation.worst_rows:
        blocks.append(_worst(evaluation.worst_rows[:WORST]))
    return Section("Figures", blocks)


def _parts(about: Subject) -> Table:
    losses = ("loss", *(loss(getattr(about.result, f"{part}_loss")) for part in PARTS))
    show = number if about.is_regression else percent
    scores = ("R2" if about.is_regression else "accuracy", *(show(about.score(part)) for part in PARTS))
    return Table(("", *PARTS), (losses, scores), right=PARTS)


def _classes(figures: ClassFigures) -> list[Block]:
    labels = [each.label for each in figures.classes]
    overall = {
        "accuracy": percent(figures.accuracy),
        "balanced accuracy": percent(figures.balanced_accuracy),
        "log loss": loss(figures.log_loss),
        "Brier score": loss(figures.brier),
        "F1": _share(figures.f1),
        "ROC AUC": _share(figures.roc_auc),
        "PR AUC": _share(figures.pr_auc),
    }
    each = Table(
        ("Class", "Rows", "Precision", "Recall", "F1", "ROC AUC"),
        [
            (
                *(Mono(one.label), number(one.support), percent(one.precision)),
                *(percent(one.recall), _share(one.f1), _share(one.roc_auc)),
            )
            for one in figures.classes[:MOST_CLASSES]
        ],
        right=("Rows", "Precision", "Recall", "F1", "ROC AUC"),
        caption=_more(len(figures.classes)),
    )
    pictures = _drawn(
        Drawing("Confusion", confusion(figures.confusion_matrix, labels) or "", "Which classes are taken for which"),
        _roc(figures.curves, {one.label: one.roc_auc for one in figures.classes}),
        _reliability(figures.calibration, "Calibration"),
    )
    return [_overall(overall), *pictures, each]


def _labels(figures: LabelFigures) -> list[Block]:
    overall = {
        "rows all right": percent(figures.accuracy),
        "log loss": loss(figures.log_loss),
        "Brier score": loss(figures.brier),
        "F1": _share(figures.f1),
        "ROC AUC": _share(figures.roc_auc),
        "PR AUC": _share(figures.pr_auc),
    }
    each = Table(
        ("Label", "Rows", "Accuracy", "Precision", "Recall", "F1", "ROC AUC"),
        [
            (
                *(Mono(one.label), number(one.support), percent(one.accuracy)),
                *(percent(one.precision), percent(one.recall), _share(one.f1), _share(one.roc_auc)),
            )
            for one in figures.labels[:MOST_CLASSES]
        ],
        right=("Rows", "Accuracy", "Precision", "Recall", "F1", "ROC AUC"),
        caption=_more(len(figures.labels)),
    )
    pictures = _drawn(_roc(figures.curves, {one.label: one.roc_auc for one in figures.labels}))
    return [_overall(overall), *pictures, each]


def _values(figures: ValueFigures) -> list[Block]:
    each = Table(
        ("Column", "RMSE", "MAE", "R2", "Median residual", "90 % of residuals"),
        [
            (
                *(Mono(one.column), number(one.root_mean_squared_error)),
                *(number(one.mean_absolute_error), number(one.r2)),
                *_spread({float(share): value for share, value in one.residual_quantiles.items()}),
            )
            for one in figures.columns[:MOST_CLASSES]
        ],
        right=("RMSE", "MAE", "R2", "Median residual", "90 % of residuals"),
        caption=_more(len(figures.columns)),
    )
    drawn = residuals(figures.columns[:MOST_CLASSES])
    words = "By how much predicted values are off, in the target's own units"
    return [each, *_drawn(Drawing("Residuals", drawn or "", words, wide=True))]


def _spread(quantiles: Mapping[float, float]) -> tuple[str, str]:
    low, high = quantiles.get(0.05), quantiles.get(0.95)
    return number(quantiles.get(0.5)), f"{number(low)} to {number(high)}"


def _overall(figures: dict[str, str]) -> Table:
    return Table(tuple(figures), (tuple(figures.values()),), right=tuple(figures))


def _roc(curves: list[Curves], areas: Mapping[str, float | None]) -> Drawing:
    return Drawing("ROC", roc_curves(curves, areas) or "", "Rows found against others taken for them")


def _reliability(calibration: Calibration, title: str) -> Drawing:
    return Drawing(title, reliability(calibration, title) or "", "How often what was predicted came true")


def _drawn(*pictures: Drawing) -> list[Pictures]:
    """Those for which there was something to draw."""
    shown = [picture for picture in pictures if picture.svg]
    return [Pictures(shown)] if shown else []


def _worst(rows: list[WorstRow]) -> Table:
    return Table(
        ("Row", "Is", "Predicted", "Loss"),
        [(number(row.row), _told(row.target), _told(row.predicted), loss(row.loss)) for row in rows],
        right=("Row", "Loss"),
        caption="The test rows of the greatest loss, by their number in the data set: the first is 0.",
    )


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "no label"
    return number(value) if isinstance(value, float | int) else str(value)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _more(count: int) -> str | None:
    return f"and {count - MOST_CLASSES:,} more" if count > MOST_CLASSES else None
