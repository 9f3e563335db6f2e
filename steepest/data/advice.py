"""What a careful colleague would say of a table before anybody learns from it. Nothing of it stops anything."""

from collections.abc import Iterable, Sequence
from typing import Final

from steepest.data.twins import Twins
from steepest.spec.columns import Column
from steepest.spec.resolve import Resolution

UNEQUAL: Final = 100
"""So many rows of the largest class for each of the smallest are said to be unequal."""

_NAMED: Final = 10


def row_warnings(rows: int, columns: int, twins: Twins) -> list[str]:
    """Of repeated rows; in a single column values repeat as they may."""
    repeated = min(twins.repeated, rows - 1)
    if not repeated or columns == 1:
        return []
    about = "" if twins.exact else "about "
    are = "is" if repeated == 1 else "are"
    return [f"{about}{repeated:,} of {rows:,} rows {are} equal to an earlier row: the parts of a split may share them"]


def column_warnings(columns: Sequence[Column], rows: int) -> list[str]:
    """Of columns that hold one value, equal each other, or look like identifiers, and of too many columns."""
    used = [column for column in columns if column.role in ("feature", "target")]
    warnings = []
    if constant := [column.name for column in used if column.distinct == 1 and not column.missing and rows > 1]:
        warnings.append(f"{_columns(constant)} {'holds' if len(constant) == 1 else 'hold'} the same value in every row")
    warnings += [f"{_columns(names)} are equal in every row" for names in _groups(used)]
    if likely := [column.name for column in used if column.identifier_like]:
        looks = "looks like an identifier" if len(likely) == 1 else "look like identifiers"
        warnings.append(f"{_columns(likely)} {looks}: nearly every row has a value of its own")
    if len(columns) > rows:
        warnings.append(f"there are more columns ({len(columns):,}) than rows ({rows:,})")
    return warnings


def job_warnings(
    columns: Sequence[Column], targets: Sequence[str], features: Sequence[str], resolution: Resolution
) -> list[str]:
    """Of features that give the target away or are no features, of unequal classes, and of too few rows.

    Args:
        columns: The data set's schema.
        targets: The columns to predict.
        features: The columns to predict from.
        resolution: What was found to be learned.
    """
    known = {column.name: column for column in columns}
    warnings = []
    for target in targets:
        origin = known[target].same_as or target
        if same := [name for name in features if (known[name].same_as or name) == origin]:
            verb = "equals" if len(same) == 1 else "equal"
            warnings.append(f'{_columns(same)} {verb} the target "{target}" in every row: there is nothing to learn')
    if likely := [name for name in features if known[name].identifier_like]:
        looks = "looks like an identifier" if len(likely) == 1 else "look like identifiers"
        warnings.append(f"{_columns(likely)} {looks}: what is learned from such a feature does not hold for new rows")
    if resolution.classes:
        warnings += _imbalance(known[targets[0]])
    if len(features) > resolution.training_rows:
        rows = f"{resolution.training_rows:,}"
        warnings.append(f"there are more features ({len(features):,}) than training rows ({rows})")
    return warnings


def _imbalance(target: Column) -> list[str]:
    """Of classes that come much more often than others."""
    if not target.values or not target.value_counts:
        return []
    counts = sorted(zip(target.value_counts, target.values, strict=True))
    (least, rare), (most, common) = counts[0], counts[-1]
    if most < UNEQUAL * least:
        return []
    return [
        f'the classes are very unequal: {least:,} {"row has" if least == 1 else "rows have"} "{rare}", {most:,} have '
        f'"{common}"; accuracy says little then, and class_weight "balanced" may help'
    ]


def _groups(columns: Iterable[Column]) -> list[list[str]]:
    groups: dict[str, list[str]] = {}
    for column in columns:
        groups.setdefault(column.same_as or column.name, []).append(column.name)
    return [names for names in groups.values() if len(names) > 1]


def _columns(names: Sequence[str]) -> str:
    """Names in words: `columns "a", "b" and 3 more`."""
    if len(names) == 1:
        return f'column "{names[0]}"'
    shown = [f'"{name}"' for name in names[:_NAMED]]
    if len(names) > _NAMED:
        return f"columns {', '.join(shown)} and {len(names) - _NAMED:,} more"
    return f"columns {', '.join(shown[:-1])} and {shown[-1]}"
