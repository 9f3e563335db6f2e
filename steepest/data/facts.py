"""What a data set's schema says before any row is read: the target's facts, the features, the width of the input."""

from collections.abc import Sequence

from steepest.spec.answers import Column
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import raised, suggestion
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import Preprocess


def target_facts(columns: Sequence[Column], targets: Sequence[str]) -> tuple[TargetFacts, ...]:
    """What the schema says about each target column, over the rows that have a value there."""
    known = {column.name: column for column in columns}
    return tuple(_facts(known[name]) for name in targets)


def _facts(column: Column) -> TargetFacts:
    return TargetFacts(
        name=column.name,
        rows=column.count,
        distinct=column.distinct,
        numeric=column.kind == "numeric",
        whole=column.whole,
        classes=None if column.values is None else tuple(column.values),
        counts=None if column.value_counts is None else tuple(column.value_counts),
        least=column.min,
    )


def check_columns(
    columns: Sequence[Column], targets: Sequence[str], features: Sequence[str] | None, weight: str | None = None
) -> tuple[str, ...]:
    """The features, in data-set order; None asks for all columns but the targets and the sample weight.

    Args:
        columns: The data set's schema.
        targets: The columns to predict.
        features: The columns to predict from.
        weight: The column of sample weights.

    Raises:
        ValidationFailed: a name is unknown, given twice, has two uses, or names a column that holds too many texts, or
            weights that are none; pointers `/target`, `/target/<i>`, `/features`, `/features/<i>` and
            `/loss/sample_weight`, every problem at once.
    """
    known = {column.name: column for column in columns}
    problems = _target_problems(known, targets)
    if weight is not None:
        problems += _weight_problems(known, targets, weight)
    used = {*targets, weight}
    if features is None:
        wanted = tuple(name for name in known if name not in used)
        problems += _default_feature_problems([known[name] for name in wanted])
    else:
        wanted = tuple(features)
        problems += _feature_problems(known, targets, weight, wanted)
    if problems:
        raise raised(problems)
    chosen = set(wanted)
    return tuple(name for name in known if name in chosen)


def input_width(columns: Sequence[Column], features: Sequence[str], preprocess: Preprocess) -> int:
    """Units of the input layer: one per number, one per category, and one for the categories beyond the cap."""
    known = {column.name: column for column in columns}
    return sum(_units(known[name], preprocess) for name in features)


def _units(column: Column, preprocess: Preprocess) -> int:
    if column.kind == "numeric":
        return 1
    cap = preprocess.max_categories
    return column.distinct if column.distinct <= cap else cap + 1


def _is_free_text(column: Column) -> bool:
    return column.kind == "categorical" and not column.distinct_exact


def _target_problems(known: dict[str, Column], targets: Sequence[str]) -> list[FieldProblem]:
    problems = []
    for index, name in enumerate(targets):
        if name not in known:
            detail = _unknown(name, known)
        elif name in targets[:index]:
            detail = f'"{name}" is named twice'
        elif _is_free_text(known[name]):
            detail = f'column "{name}" has more than {known[name].distinct:,} distinct texts, too many to be classes'
        else:
            continue
        problems.append(FieldProblem(pointer=f"/target/{index}" if len(targets) > 1 else "/target", detail=detail))
    return problems


def _weight_problems(known: dict[str, Column], targets: Sequence[str], weight: str) -> list[FieldProblem]:
    """A row that has no target needs no weight, so where targets lack, missing weights wait until rows are read."""
    column = known.get(weight)
    complete = all(known[name].missing == 0 for name in targets if name in known)
    if column is None:
        detail = _unknown(weight, known)
    elif weight in targets:
        detail = f'"{weight}" is a target; it cannot be the weight too'
    elif column.kind != "numeric":
        detail = f'column "{weight}" holds text; weights are numbers'
    elif column.min is not None and column.min < 0:
        detail = f'column "{weight}" goes down to {column.min:g}; a weight is at least 0'
    elif not column.max:
        detail = f'column "{weight}" has no weight above 0'
    elif column.missing and complete:
        detail = f'column "{weight}" lacks {column.missing:,} of {column.count + column.missing:,} weights'
    else:
        return []
    return [FieldProblem(pointer="/loss/sample_weight", detail=detail)]


def _default_feature_problems(columns: Sequence[Column]) -> list[FieldProblem]:
    if not columns:
        return [FieldProblem(pointer="/features", detail="the data set has no column but the target")]
    names = ", ".join(f'"{column.name}"' for column in columns if _is_free_text(column))
    if not names:
        return []
    return [
        FieldProblem(pointer="/features", detail=f"free text cannot be a feature: name the features without {names}")
    ]


def _feature_problems(
    known: dict[str, Column], targets: Sequence[str], weight: str | None, features: Sequence[str]
) -> list[FieldProblem]:
    problems = []
    for index, name in enumerate(features):
        if name not in known:
            detail = _unknown(name, known)
        elif name in targets:
            detail = f'"{name}" is {"the" if len(targets) == 1 else "a"} target; it cannot be a feature too'
        elif name == weight:
            detail = f'"{name}" is the sample weight; it cannot be a feature too'
        elif name in features[:index]:
            detail = f'"{name}" is named twice'
        elif _is_free_text(known[name]):
            detail = f'column "{name}" has more than {known[name].distinct:,} distinct texts; free text is no feature'
        else:
            continue
        problems.append(FieldProblem(pointer=f"/features/{index}", detail=detail))
    return problems


def _unknown(name: str, known: dict[str, Column]) -> str:
    return f'the data set has no column "{name}"' + (suggestion(name, known) or _choices(known))


def _choices(known: dict[str, Column]) -> str:
    names = list(known)[:10]
    more = f" and {len(known) - len(names)} more" if len(known) > len(names) else ""
    return "; it has " + ", ".join(f'"{name}"' for name in names) + more
