"""Advice about mapped files reaches the right bytes, and none is given about arrays in memory."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from steepest.paging import pages_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(40_000.0).reshape(10_000, 4))
    return path


def test_only_read_only_maps_have_pages(file: Path) -> None:
    rows = np.load(file, mmap_mode="r")
    assert len(pages_of([rows, np.asarray(rows), np.asarray(rows)[500:900], np.asarray(rows)[:, 0].reshape(-1)])) == 3
    written = np.load(file, mmap_mode="r+")
    assert pages_of([written, np.load(file), rows[:, 1], rows[:0], None]) == ()
    # What is not yet on the disk would be lost if it were let go of.
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    assert pages_of([frozen]) == ()


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="this system takes no advice")
def test_advice_covers_the_rows_and_starts_on_a_page(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.asarray(np.load(file, mmap_mode="r"))
    (pages,) = pages_of([rows[1_000:]])
    told: list[tuple[int, int, int]] = []

    class Told:
        def madvise(self, *advice: Any) -> None:
            told.append(advice)

    monkeypatch.setattr(pages, "_file", Told())
    pages.ahead(500, 700)
    pages.release(0, 0)
    ((advice, start, length),) = told
    header = file.stat().st_size - rows.nbytes
    assert advice == mmap.MADV_WILLNEED
    assert start % mmap.PAGESIZE == 0
    assert 0 <= header + 1_500 * 32 - start < mmap.PAGESIZE
    assert start + length == header + 1_700 * 32


def test_rows_let_go_of_are_read_again(file: Path) -> None:
    rows = np.load(file, mmap_mode="r")
    before = rows.sum()
    (pages,) = pages_of([rows])
    pages.release(0, len(rows))
    pages.ahead(0, len(rows))
    assert rows.sum() == before
