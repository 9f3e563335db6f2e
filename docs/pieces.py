"""Writes `pieces.md`, a page of all pieces of the trainer, from their registries, docstrings and settings."""

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel

from steepest.spec import optimizers, schedules
from steepest.spec.names import ALPHAS, DELTAS, LOSSES_BY_TASK
from steepest.trainer.activations import ACTIVATIONS
from steepest.trainer.clipping import CLIPPINGS
from steepest.trainer.initializers import INITIALIZERS
from steepest.trainer.objectives import OBJECTIVES
from steepest.trainer.optimizers import OPTIMIZERS

PAGE: Final = Path(__file__).with_name("pieces.md")

HEAD: Final = """\
# The pieces

Every piece that a spec can name, with its formula, its parameters and their defaults. `make docs` writes this page from
the docstrings beside the code; [how the trainer works](trainer.md) explains the code.
"""

SECTIONS: Final = {
    "Activations": "`layers[].activation`. z is a unit's weighted sum. The derivative is by z.",
    "Losses": (
        "`loss.name`. z are the weighted sums of the K output units, a their activations, y the targets, r = z - y. The"
        " loss of a batch is the mean over its rows. `log_loss` is the cross-entropy that the task calls for; what"
        ' `"auto"` means is the first loss of a task.'
    ),
    "Optimizers": "`optimizer.name`. theta are the weights, g the gradient, eta the learning rate, t the step, from 1.",
    "Schedules": (
        "`schedule.name`. lr is the optimizer's learning rate. Each but `one_cycle`, which has a warm-up of its own,"
        " has `warmup_epochs` (0), in which the rate rises evenly; the rest follows then."
    ),
    "Initializers": (
        "`initializer`. Weights are drawn around 0 with this variance; `ins` and `outs` are the units before and after"
        " them. Biases begin at 0."
    ),
    "Clipping": "`gradient_clip.by`. g is a gradient, c the `limit` (1.0), |g| the length.",
}


def page() -> str:
    """The page as Markdown."""
    tables = {
        "Activations": _table(("activation", "formula", "derivative", "parameter", "what it is"), _activations()),
        "Losses": _table(("loss", "output", "tasks", "of a row", "parameter"), _losses()),
        "Optimizers": _table(("optimizer", "a step", "parameters"), _optimizers()),
        "Schedules": _table(("schedule", "learning rate", "parameters"), _schedules()),
        "Initializers": _table(("initializer", "shape", "variance"), _initializers()),
        "Clipping": _table(("by", "what is left"), _clippings()),
    }
    return "\n".join([HEAD, *(f"## {name}\n\n{text}\n\n{tables[name]}" for name, text in SECTIONS.items())])


def _activations() -> Iterator[Iterable[str]]:
    for name, piece in ACTIVATIONS.items():
        parameter = f"`alpha` ({ALPHAS[name]})" if name in ALPHAS else ""
        yield _code(name), _said(piece.formula), _said(piece.derivative), parameter, _said(type(piece))


def _losses() -> Iterator[Iterable[str]]:
    for (loss, output), piece in OBJECTIVES.items():
        classes = output in ("sigmoid", "softmax")
        fitting = (task for task, losses in LOSSES_BY_TASK.items() if loss in losses)
        tasks = ", ".join(task for task in fitting if (task != "regression") == classes)
        yield (
            _code(loss),
            output,
            tasks,
            _said(piece).removeprefix("Row loss "),
            f"`delta` ({DELTAS[loss]})" if loss in DELTAS else "",
        )


def _optimizers() -> Iterator[Iterable[str]]:
    for settings in _members(optimizers.Optimizer):
        name = settings.model_fields["name"].default
        yield _code(name), _said(OPTIMIZERS[name]), _parameters(settings)


def _schedules() -> Iterator[Iterable[str]]:
    for settings in _members(schedules.Schedule):
        yield _code(settings.model_fields["name"].default), _said(settings), _parameters(settings, "warmup_epochs")


def _initializers() -> Iterator[Iterable[str]]:
    for name, piece in INITIALIZERS.items():
        yield _code(name), piece.shape, _said(piece.variance)


def _clippings() -> Iterator[Iterable[str]]:
    for name, piece in CLIPPINGS.items():
        yield _code(name), _said(piece)


def _members(annotated: Any) -> Iterable[type[BaseModel]]:
    """The models of a union that is annotated."""
    members: Iterable[type[BaseModel]] = get_args(get_args(annotated)[0])
    return members


def _parameters(settings: type[BaseModel], *hidden: str) -> str:
    shown = {name: field for name, field in settings.model_fields.items() if name not in ("name", *hidden)}
    return ", ".join(f"`{name}` ({_number(field.default)})" for name, field in shown.items())


def _number(value: float) -> str:
    """As a person writes it."""
    return f"{value}".replace("e-0", "e-")


def _said(thing: object) -> str:
    """What a docstring says first, and the formulas that stand apart in it."""
    first, *others = (inspect.getdoc(thing) or "").split("\n\n")
    apart = [line for text in others if text.startswith("    ") for line in text.splitlines()]
    formulas = [re.sub(" {2,}", "; ", line.strip()) for line in apart]
    return "<br>".join([" ".join(first.split()).removesuffix("."), *(_code(line) for line in formulas)])


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: Iterable[str], rows: Iterator[Iterable[str]]) -> str:
    lines = [list(head), ["---" for _ in head], *map(list, rows)]
    cells = ([cell.replace("|", "\\|").replace("*", "\\*") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
