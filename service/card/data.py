"""The section about the data."""

from datetime import UTC, datetime

from service.card.page import Block, Facts, Mono, Points, Prose, Section, Table
from service.card.subject import Subject
from steepest.inspect.words import number, percent, size
from steepest.spec.columns import Column

UNUSED = "not used"
REREAD = (
    "Since then the kinds of its columns have been changed and the file has been read again. Its columns are told here "
    "as they are now, which is not how the network learned them."
)
ORDER = ("target", "feature", "weight", UNUSED)
MOST_COLUMNS = 60
"""Columns that a card lists; a table of thousands would bury the rest."""


def data(about: Subject) -> Section:
    """What it was trained on: bytes, rows, columns, split."""
    blocks: list[Block] = [Facts(_facts(about))]
    if about.dataset is None:
        blocks.append(Prose("The data set has since been deleted. Its hash tells whether another file is the same."))
    else:
        if about.reread:
            blocks.append(Prose(REREAD))
        blocks.append(_columns(about))
        if about.dataset.warnings:
            blocks += [Prose("What was noticed when it was read:"), Points(about.dataset.warnings)]
    return Section("Data", blocks)


def _facts(about: Subject) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if about.dataset is not None:
        found = about.dataset
        rows += [("Name", found.name), ("Format", f"{found.format}, {size(found.bytes)}")]
        rows += [("Rows", number(found.rows)), ("Columns", number(len(about.columns)))]
    rows.append(("Data set", Mono(about.job.dataset)))
    lineage = about.job.lineage
    if lineage is not None:
        rows.append(("SHA-256 of the bytes", Mono(lineage.dataset_sha256)))
        rows.append(("of the columns", Mono(lineage.columns_sha256)))
        if lineage.split_sha256 is not None:
            rows.append(("of the split", Mono(lineage.split_sha256)))
    return [*rows, ("Split", _split(about))]


def _split(about: Subject) -> str:
    split = about.job.resolved_spec.split
    training = 1 - split.validation - split.test
    by = f" by {split.column}" if split.column is not None else ""
    if split.method == "column":
        return f"as the column {split.column} says"
    shares = f"{percent(training)} training, {percent(split.validation)} validation, {percent(split.test)} test"
    return f"{split.method}{by}: {shares}; seed {split.seed}"


def _columns(about: Subject) -> Table:
    # The columns that the network knows, before all that it does not.
    uses = dict.fromkeys(about.targets, "target") | dict.fromkeys(about.features, "feature")
    weight = about.job.resolved_spec.loss.sample_weight
    if weight is not None:
        uses[weight] = "weight"
    ordered = sorted(about.columns, key=lambda column: ORDER.index(uses.get(column.name, UNUSED)))
    rows = [
        (
            *(Mono(each.name), uses.get(each.name, UNUSED), str(each.kind)),
            *(number(each.missing), _distinct(each), _values(each)),
        )
        for each in ordered[:MOST_COLUMNS]
    ]
    more = len(ordered) - len(rows)
    return Table(
        ("Column", "Used as", "Kind", "Missing", "Distinct", "Values"),
        rows,
        right=("Missing", "Distinct"),
        caption=f"and {more:,} more columns" if more else None,
    )


def _distinct(column: Column) -> str:
    return number(column.distinct) if column.distinct_exact else f"about {number(column.distinct)}"


def _values(column: Column) -> str:
    if column.min is not None and column.max is not None:
        if str(column.kind) == "datetime":
            return f"{_day(column.min)} to {_day(column.max)}"
        return f"{number(column.min)} to {number(column.max)}, mean {number(column.mean)}"
    values = column.values or []
    return ", ".join(values[:6]) + (", ..." if len(values) > 6 else "")


def _day(milliseconds: float) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return number(milliseconds)
