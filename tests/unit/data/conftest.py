"""Ingest bytes in a folder of the test's own."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from steepest.data.formats.types import Format
from steepest.data.ingest import Summary, ingest
from steepest.data.limits import IngestLimits
from steepest.data.table import Table, open_table
from steepest.spec.columns import ColumnKind
from steepest.spec.errors import DataUnusable
from steepest.spec.ingest import IngestOptions

Kinds = Mapping[str, ColumnKind] | None
Read = Callable[..., tuple[Summary, Table]]
Refuse = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Ingest content and open what came out."""

    def run(
        content: bytes,
        form: Format = "csv",
        limits: IngestLimits | None = None,
        options: IngestOptions | None = None,
        kinds: Kinds = None,
    ) -> tuple[Summary, Table]:
        folder = tmp_path / f"table-{len(list(tmp_path.iterdir()))}"
        summary = ingest(io.BytesIO(content), form, folder, limits, options, kinds)
        return summary, open_table(folder)

    return run


@pytest.fixture
def refuse(tmp_path: Path) -> Refuse:
    """Ingest content that cannot be used: pointers and details of its problems. Nothing may be left behind."""

    def run(
        content: bytes,
        form: Format = "csv",
        limits: IngestLimits | None = None,
        options: IngestOptions | None = None,
        kinds: Kinds = None,
    ) -> list[tuple[str, str]]:
        with pytest.raises(DataUnusable) as caught:
            ingest(io.BytesIO(content), form, tmp_path / "table", limits, options, kinds)
        assert list(tmp_path.iterdir()) == []
        assert caught.value.detail.startswith(caught.value.problems[0].detail)
        return [(problem.pointer, problem.detail) for problem in caught.value.problems]

    return run
