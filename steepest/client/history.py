"""A loss history: its epochs one by one, or all of them as a table of whatever library one works with."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

from steepest.spec.answers import Epoch

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

Columns = dict[str, list[Any]]


class History(Sequence[Epoch]):
    """The epochs of a job, oldest first. They are fetched a page at a time as they are asked for, each once.

    A history is what the service knew when it was read; ask for another one to see how a job goes on. As a table it has
    a row for each epoch, and those figures alone that the job's task has. A figure that an epoch lacks is null, and NaN
    in pandas and NumPy.
    """

    def __init__(self, epochs: Iterator[Epoch]) -> None:
        self._coming = epochs
        self._here: list[Epoch] = []

    def to_pandas(self) -> "pd.DataFrame":
        """A `pandas.DataFrame`."""
        import pandas as pd

        return pd.DataFrame(self._typed())

    def to_polars(self) -> "pl.DataFrame":
        """A `polars.DataFrame`."""
        import polars as pl

        columns = self._columns()
        return pl.DataFrame(columns, schema={name: pl.Int64 if name == "epoch" else pl.Float64 for name in columns})

    def to_arrow(self) -> "pa.Table":
        """A `pyarrow.Table`."""
        import pyarrow as pa

        columns = self._columns()
        return pa.table(columns, pa.schema([(name, "int64" if name == "epoch" else "float64") for name in columns]))

    def to_numpy(self) -> "NDArray[np.void]":
        """A structured array (epochs,): `to_numpy()["training_loss"]` is an array of float64."""
        import numpy as np

        typed = self._typed()
        table = np.empty(len(self), [(name, column.dtype) for name, column in typed.items()])
        for name, column in typed.items():
            table[name] = column
        return table

    def __iter__(self) -> Iterator[Epoch]:
        position = 0
        while position < len(self._here) or self._fetched():
            yield self._here[position]
            position += 1

    def __len__(self) -> int:
        return len(self._all())

    @overload
    def __getitem__(self, index: int) -> Epoch: ...
    @overload
    def __getitem__(self, index: slice) -> list[Epoch]: ...
    def __getitem__(self, index: int | slice) -> Epoch | list[Epoch]:
        return self._all()[index]

    def __repr__(self) -> str:
        return f"History({len(self)} epochs)"

    def _fetched(self) -> bool:
        """Whether another epoch came."""
        epoch = next(self._coming, None)
        if epoch is not None:
            self._here.append(epoch)
        return epoch is not None

    def _all(self) -> list[Epoch]:
        while self._fetched():
            pass
        return self._here

    def _columns(self) -> Columns:
        epochs = self._all()
        given = set().union(*(epoch.model_fields_set for epoch in epochs)) if epochs else set(Epoch.model_fields)
        return {name: [getattr(epoch, name) for epoch in epochs] for name in Epoch.model_fields if name in given}

    def _typed(self) -> "dict[str, NDArray[Any]]":
        import numpy as np

        return {
            name: np.array(column, np.int64 if name == "epoch" else np.float64)
            for name, column in self._columns().items()
        }
