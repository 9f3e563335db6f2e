"""Works travel whole, and what is drawn stays within its bounds."""

import numpy as np
import pytest

from benchmarks import data
from benchmarks.contenders.steepest import spec_of
from benchmarks.scaling import AXES
from benchmarks.server import figures
from benchmarks.shapes import drawn
from benchmarks.works import WORKS, Rows, Work

ALL = [*WORKS.values(), *drawn(), *(axis.work(axis.values[0]) for axis in AXES)]


@pytest.mark.parametrize("work", ALL, ids=lambda work: work.name)
def test_a_work_goes_to_a_process_and_comes_back_equal(work: Work) -> None:
    assert Work.from_json(work.to_json()) == work


def test_drawn_shapes_are_the_same_every_time_and_all_different() -> None:
    assert drawn() == drawn()
    assert len({work.what for work in drawn()}) == len(drawn()) == 8
    for work in drawn():
        assert 1_000 <= work.rows.training <= 100_000
        assert 1 <= len(work.widths) - 2 <= 3
        assert all(16 <= width <= 256 for width in work.widths[1:-1])
        assert 32 <= work.batch_size <= 512


def test_drawn_rows_fit_their_work_and_its_spec() -> None:
    for work in drawn():
        small = Rows("drawn", 1_000, work.widths[0], work.widths[-1], seed=1)
        rows = data.load(small)
        assert rows.X.shape == (1_000, work.widths[0])
        assert len(np.unique(rows.y)) == max(2, work.widths[-1])
        assert spec_of(work, rows).task == work.task


def test_figures_of_first_weights_are_those_of_a_guess() -> None:
    work = drawn()[0]
    rows = data.load(Rows("drawn", 1_000, work.widths[0], work.widths[-1], seed=1))
    zeros = [(0 * W, b) for W, b in work.first()]
    measured = figures(work, rows, [zeros, zeros])
    assert measured["loss"] == pytest.approx(np.log(max(2, work.widths[-1])), rel=1e-6)
