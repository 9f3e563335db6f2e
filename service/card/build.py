"""A card from all that is known about a job."""

from service.card.data import data
from service.card.environment import environment
from service.card.limits import limits
from service.card.page import Card
from service.card.reproduce import reproduce
from service.card.results import results
from service.card.subject import Subject
from service.card.training import training
from steepest.inspect.words import loss, number, percent


def card(about: Subject, url: str) -> Card:
    """The card of a job on the service at `url`."""
    return Card(
        title=about.name,
        summary=_summary(about),
        figures=_figures(about),
        sections=[
            results(about),
            limits(about),
            data(about),
            training(about),
            environment(about),
            reproduce(about, url),
        ],
    )


def _summary(about: Subject) -> str:
    """What it does, in a sentence or two."""
    spec, column = about.job.resolved_spec, about.column(about.targets[0])
    what = ", ".join(f"“{name}”" for name in about.targets[:5]) + (", ..." if len(about.targets) > 5 else "")
    classes = list(column.values or []) if column and spec.task in ("binary", "multiclass") else []
    named = f" ({', '.join(classes)})" if 0 < len(classes) <= 8 else f" ({len(classes)} classes)" if classes else ""
    count = len(about.features)
    columns = "column" if count == 1 else "columns"
    trained = about.job.finished_at
    when = f", trained on {trained.date().isoformat()}" if trained else ""
    return f"A feed-forward network that predicts {what}{named} from {count} {columns}{when}. It is {about.job.id}."


def _figures(about: Subject) -> list[tuple[str, str]]:
    part = next((part for part in ("test", "validation", "training") if about.score(part) is not None), "training")
    score = about.score(part)
    name, said = ("R2", number(score)) if about.is_regression else ("accuracy", percent(score))
    shown = [(f"{part} {name}", said), (f"{part} loss", loss(getattr(about.result, f"{part}_loss")))]
    if about.dataset and about.dataset.rows is not None:
        shown.append(("rows", number(about.dataset.rows)))
    return [*shown, ("parameters", number(about.result.parameters)), ("epochs", number(about.result.epochs))]
