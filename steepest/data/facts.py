"""What a data set's schema says before any row is read: the target's facts, the features, the width of the input."""

from collections.abc import Sequence

from steepest.spec.answers import Column
from steepest.spec.errors import FieldProblem
from steepest.spec.problems import raised, suggestion
from steepest.spec.resolve import TargetFacts
from steepest.spec.training import Preprocess


def target_facts(columns: Sequence[Column], name: str) -> TargetFacts:
    """What the schema says about the target column, over the rows that have one."""
    column = next(column for column in columns if column.name == name)
    return TargetFacts(
        name=name,
        rows=column.count,
        distinct=column.distinct,
        numeric=column.kind == "numeric",
        whole=column.whole,
        classes=None if column.values is None else tuple(column.values),
        counts=None if column.value_counts is None else tuple(column.value_counts),
    )


def check_columns(columns: Sequence[Column], target: str, features: Sequence[str] | None) -> tuple[str, ...]:
    """The features, in data-set order; None asks for all columns but the target.

    Raises:
        ValidationFailed: a name is unknown, given twice, both target and feature, or names a column that holds too
            many texts; pointers `/target`, `/features` and `/features/<i>`, every problem at once.
    """
    known = {column.name: column for column in columns}
    problems = _target_problems(known, target)
    if features is None:
        wanted = tuple(name for name in known if name != target)
        problems += _default_feature_problems([known[name] for name in wanted])
    else:
        wanted = tuple(features)
        problems += _feature_problems(known, target, wanted)
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


def _target_problems(known: dict[str, Column], target: str) -> list[FieldProblem]:
    if target not in known:
        return [FieldProblem(pointer="/target", detail=_unknown(target, known))]
    if _is_free_text(known[target]):
        detail = f'column "{target}" has more than {known[target].distinct:,} distinct texts, too many to be classes'
        return [FieldProblem(pointer="/target", detail=detail)]
    return []


def _default_feature_problems(columns: Sequence[Column]) -> list[FieldProblem]:
    if not columns:
        return [FieldProblem(pointer="/features", detail="the data set has no column but the target")]
    names = ", ".join(f'"{column.name}"' for column in columns if _is_free_text(column))
    if not names:
        return []
    return [
        FieldProblem(pointer="/features", detail=f"free text cannot be a feature: name the features without {names}")
    ]


def _feature_problems(known: dict[str, Column], target: str, features: Sequence[str]) -> list[FieldProblem]:
    problems = []
    for index, name in enumerate(features):
        if name not in known:
            detail = _unknown(name, known)
        elif name == target:
            detail = f'"{name}" is the target; it cannot be a feature too'
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
