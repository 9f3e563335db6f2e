"""What a data set's schema says before any row is read: the target's facts, the features, the width of the input."""

from collections.abc import Mapping, Sequence
from typing import get_args

from steepest.data.features import DATETIME_UNITS
from steepest.spec.columns import Column
from steepest.spec.errors import FieldProblem
from steepest.spec.parting import NoRole, Part, PartingFacts, parts_asked, roles_of
from steepest.spec.problems import Suggestions, raised
from steepest.spec.rules import VALIDATION_SHARE
from steepest.spec.tasks import TargetFacts
from steepest.spec.training import Preprocess, Split


def target_facts(columns: Sequence[Column], targets: Sequence[str]) -> tuple[TargetFacts, ...]:
    """What the schema says about each target column, over the rows that have a value there."""
    known = {column.name: column for column in columns}
    return tuple(_facts(known[name]) for name in targets)


def _facts(column: Column) -> TargetFacts:
    return TargetFacts(
        name=column.name,
        rows=column.count,
        distinct=column.distinct,
        numeric=column.is_number,
        whole=column.whole,
        classes=None if column.values is None else tuple(column.values),
        counts=None if column.value_counts is None else tuple(column.value_counts),
        least=column.min,
    )


def check_columns(
    columns: Sequence[Column],
    targets: Sequence[str],
    features: Sequence[str] | None,
    weight: str | None = None,
    split: Split | None = None,
) -> tuple[str, ...]:
    """The features, in data-set order; None asks for all that have the role of one, and no other use.

    Args:
        columns: The data set's schema.
        targets: The columns to predict.
        features: The columns to predict from.
        weight: The column of sample weights.
        split: It may go by a column.

    Raises:
        ValidationFailed: a name is unknown, given twice, has two uses, or names a column that holds too many texts, or
            weights that are none, or nothing to split by; pointers `/target`, `/target/<i>`, `/features`,
            `/features/<i>`, `/loss/sample_weight` and `/split/column`, every problem at once.
    """
    known = {column.name: column for column in columns}
    unknown = _Unknown(known)
    problems = _target_problems(known, targets, unknown)
    if weight is not None:
        problems += _weight_problems(known, targets, weight, unknown)
    parting = split.column if split is not None else None
    if split is not None and parting is not None:
        problems += _parting_problems(known, targets, weight, split, parting, unknown)
    used = {*targets, weight, parting}
    if features is None:
        wanted = tuple(name for name in known if name not in used and known[name].role == "feature")
        problems += _default_feature_problems([known[name] for name in wanted])
    else:
        wanted = tuple(features)
        uses = {weight: "sample weight", parting: "split column"}
        problems += _feature_problems(known, targets, uses, wanted, unknown)
    if problems:
        raise raised(problems)
    chosen = set(wanted)
    return tuple(name for name in known if name in chosen)


def input_width(columns: Sequence[Column], features: Sequence[str], preprocess: Preprocess) -> int:
    """Units of the input layer, which the schema alone decides.

    One per number, seven per date-time; of labels one per category and one for those beyond the cap, or one for all
    (`ordinal`), or one per bucket (`hashing`). An indicator is one more for each column that lacks values.
    """
    known = {column.name: column for column in columns}
    return sum(
        _units(known[name], preprocess) + (preprocess.missing_indicator and known[name].missing > 0)
        for name in features
    )


def _units(column: Column, preprocess: Preprocess) -> int:
    if column.kind == "datetime":
        return DATETIME_UNITS
    if column.is_number or preprocess.categorical == "ordinal":
        return 1
    cap = preprocess.max_categories
    if preprocess.categorical == "hashing":
        return cap
    return column.distinct if column.distinct <= cap else cap + 1


def _is_free_text(column: Column) -> bool:
    """Earlier releases called it a categorical column whose distinct values are not known exactly."""
    return column.kind == "text" or (column.kind == "categorical" and not column.distinct_exact)


def _text(column: Column) -> str:
    return f'column "{column.name}" holds text, about {column.distinct:,} different ones'


def _target_problems(known: dict[str, Column], targets: Sequence[str], unknown: "_Unknown") -> list[FieldProblem]:
    problems = []
    twice = _repeated(targets)
    for index, name in enumerate(targets):
        if name not in known:
            detail = unknown(name)
        elif index in twice:
            detail = f'"{name}" is named twice'
        elif _is_free_text(known[name]):
            detail = f"{_text(known[name])}: too many to be classes"
        elif known[name].kind == "datetime":
            detail = f'column "{name}" holds date-times, which cannot be learned as they are; a number could'
        else:
            continue
        problems.append(FieldProblem(pointer=f"/target/{index}" if len(targets) > 1 else "/target", detail=detail))
    return problems


def _weight_problems(
    known: dict[str, Column], targets: Sequence[str], weight: str, unknown: "_Unknown"
) -> list[FieldProblem]:
    """A row that has no target needs no weight, so where targets lack, missing weights wait until rows are read."""
    column = known.get(weight)
    complete = all(known[name].missing == 0 for name in targets if name in known)
    if column is None:
        detail = unknown(weight)
    elif weight in targets:
        detail = f'"{weight}" is a target; it cannot be the weight too'
    elif not column.is_number:
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


def parting_facts(columns: Sequence[Column], split: Split) -> PartingFacts | None:
    """What the schema says about the column that a split goes by, over all rows; None if it goes by none.

    The column is one that `check_columns` took.
    """
    column = next((column for column in columns if column.name == split.column), None)
    return None if column is None else _parting_facts(column, split)


def parting_problems(column: Column, split: Split) -> list[FieldProblem]:
    """Why a column cannot be what a split goes by; pointers `/split/column` and `/split/validation`."""
    pointer = "/split/column"
    try:
        facts = _parting_facts(column, split)
    except NoRole as error:
        return [FieldProblem(pointer=pointer, detail=f'column "{column.name}": {error}')]
    asked = parts_asked(split.validation, split.test)
    if _is_free_text(column):
        detail = f"{_text(column)}, which are not kept"
    elif not column.count:
        detail = f'column "{column.name}" has no values'
    elif split.method == "time" and column.is_label:
        detail = f'column "{column.name}" holds labels; time is a number or a date-time'
    elif split.method == "group" and column.distinct_exact and column.distinct + (column.missing > 0) < asked:
        detail = f'column "{column.name}" has {column.distinct} groups, too few for {asked} parts'
    elif facts.parts is not None and not facts.parts[0]:
        detail = f'column "{column.name}" marks no training rows'
    elif facts.parts is not None and not facts.marks_test and split.validation != VALIDATION_SHARE:
        detail, pointer = "the column says which rows are validation rows; leave this out", "/split/validation"
    else:
        return []
    return [FieldProblem(pointer=pointer, detail=detail)]


def _parting_facts(column: Column, split: Split) -> PartingFacts:
    """As `parting_facts`.

    Raises:
        NoRole: rows are to be marked, and a value marks nothing.
    """
    if split.method != "column" or _is_free_text(column) or not column.count:
        return PartingFacts(column.count)
    if column.values is None or column.value_counts is None:
        raise NoRole(f"{column.distinct:,} distinct values are too many to name three parts")
    roles = roles_of(column.values)
    rows = dict.fromkeys(get_args(Part), 0)
    for value, count in zip(column.values, column.value_counts, strict=True):
        rows[roles.parts[value]] += count
    return PartingFacts(column.count, (rows["training"], rows["validation"], rows["test"]), roles.marks_test)


def _parting_problems(
    known: dict[str, Column],
    targets: Sequence[str],
    weight: str | None,
    split: Split,
    name: str,
    unknown: "_Unknown",
) -> list[FieldProblem]:
    if name not in known:
        detail = unknown(name)
    elif name in targets:
        detail = f'"{name}" is a target; the split cannot go by it too'
    elif name == weight:
        detail = f'"{name}" is the sample weight; the split cannot go by it too'
    else:
        return parting_problems(known[name], split)
    return [FieldProblem(pointer="/split/column", detail=detail)]


def _default_feature_problems(columns: Sequence[Column]) -> list[FieldProblem]:
    if not columns:
        return [FieldProblem(pointer="/features", detail="the data set has no column but the target that is a feature")]
    names = ", ".join(f'"{column.name}"' for column in columns if _is_free_text(column))
    if not names:
        return []
    return [
        FieldProblem(
            pointer="/features",
            detail=f"text cannot be a feature: name the features without {names}, or give it the role ignored",
        )
    ]


def _feature_problems(
    known: dict[str, Column],
    targets: Sequence[str],
    uses: Mapping[str | None, str],
    features: Sequence[str],
    unknown: "_Unknown",
) -> list[FieldProblem]:
    problems = []
    aims, twice = set(targets), _repeated(features)
    for index, name in enumerate(features):
        if name not in known:
            detail = unknown(name)
        elif name in aims:
            detail = f'"{name}" is {"the" if len(targets) == 1 else "a"} target; it cannot be a feature too'
        elif name in uses:
            detail = f'"{name}" is the {uses[name]}; it cannot be a feature too'
        elif index in twice:
            detail = f'"{name}" is named twice'
        elif _is_free_text(known[name]):
            detail = f"{_text(known[name])}; text is no feature"
        else:
            continue
        problems.append(FieldProblem(pointer=f"/features/{index}", detail=detail))
    return problems


def _repeated(names: Sequence[str]) -> set[int]:
    """Places of names that came before."""
    first: dict[str, int] = {}
    return {index for index, name in enumerate(names) if first.setdefault(name, index) < index}


class _Unknown:
    """What to say of a column that is not there."""

    def __init__(self, known: dict[str, Column]) -> None:
        self._near = Suggestions(known)
        names = list(known)
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        self._choices = "; it has " + ", ".join(f'"{name}"' for name in names[:10]) + more

    def __call__(self, name: str) -> str:
        return f'the data set has no column "{name}"' + (self._near(name) or self._choices)
