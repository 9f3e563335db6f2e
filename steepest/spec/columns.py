"""A column of a data set as it is described: what it holds, what it is for, and its statistics."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from steepest.spec.answer import Answer

ColumnKind = Literal["numeric", "integer", "boolean", "categorical", "datetime", "text"]
"""What a column holds: numbers, whole numbers, two labels such as `true` and `false`, labels, moments in time, or more
distinct texts than labels can be."""


Role = Literal["feature", "target", "identifier", "ignored"]
"""What a column is for: the last three are no features unless a job names them."""


class ValueCount(Answer):
    """How many rows have a value."""

    value: str = Field(description="As a label.")
    count: int


class Histogram(Answer):
    """Rows by value, in bins of one width."""

    edges: list[float] = Field(description="Ascending, one more than there are bins; a bin has its lower edge.")
    counts: list[int] = Field(description="Rows of each bin; the last one has its upper edge too.")


class Column(Answer):
    """A column's kind, inferred or asked for, and statistics over all rows.

    Date-times are in milliseconds since 1970-01-01T00:00Z.
    """

    name: str
    kind: ColumnKind
    role: Role = Field(default="feature", description="`identifier` and `ignored` columns are no default features.")
    count: int = Field(description="Rows that have a value.")
    missing: int = Field(description="Rows that have none.")
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    deviation: float | None = Field(default=None, description="Standard deviation of the values (population).")
    quantiles: dict[str, float] | None = Field(
        default=None, description="Values below which these shares of the values are, from `0.01` to `0.99`."
    )
    quantile_error: float | None = Field(
        default=None, description="How far a quantile's share may be off; 0 where quantiles are exact."
    )
    histogram: Histogram | None = Field(
        default=None, description="Between the extremes; counts may be off by twice `quantile_error` of all values."
    )
    distinct: int = Field(description="Distinct values; exact when `distinct_exact`, else estimated.")
    distinct_exact: bool = True
    distinct_error: float = Field(default=0.0, description="Relative standard error of `distinct`.")
    whole: bool = Field(default=False, description="Numbers, and every one is whole.")
    values: list[str] | None = Field(
        default=None, description="The distinct values as labels, ascending, when there are at most 1,000."
    )
    value_counts: list[int] | None = Field(default=None, description="Rows of each of `values`.")
    top: list[ValueCount] | None = Field(
        default=None,
        description="The most frequent values, at most 10, when `distinct` is exact and a number comes twice.",
    )
    identifier_like: bool = Field(
        default=False, description="Nearly every row has a value of its own, which tells rows apart and nothing more."
    )
    same_as: str | None = Field(
        default=None, description="The first column that has the same value in every row, where one does."
    )

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers, whole or not."""
        return self.kind in ("numeric", "integer")

    @property
    def is_label(self) -> bool:
        """Whether its values are labels of a list that is known."""
        return self.kind in ("boolean", "categorical")


class ColumnChange(BaseModel):
    """What a person says of a column, whatever it looks like."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kind: ColumnKind | None = Field(default=None, description="What to read it as; null: as it looks.")
    role: Role | None = Field(default=None, description="What it is for; null: a feature.")
