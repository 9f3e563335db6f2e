"""Watching a job: in a notebook, in a terminal, anywhere else."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from steepest.client.progress import Notebook
from steepest.spec.errors import Unavailable
from tests.unit.client.fake import DATASET, JOB, FakeService, problem


class Display:
    """An output of a notebook's cell."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, page: Any, *, display_id: bool) -> "Display":
        assert display_id
        self.update(page)
        return self

    def update(self, page: Any) -> None:
        self.shown.append(page._repr_html_())


@pytest.fixture
def output(monkeypatch: pytest.MonkeyPatch) -> Display:
    """What a kernel of IPython looks like from within."""
    display = Display()
    package, module = ModuleType("IPython"), ModuleType("IPython.display")
    package.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    module.display = display.display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    return display


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes with each look at the clock."""
    times = iter(range(10_000))
    monkeypatch.setattr(Notebook.__init__, "__defaults__", (lambda: float(next(times)),))


def test_a_notebook_has_one_output_with_a_bar_and_the_curve(output: Display, ticks: None) -> None:
    service = FakeService()
    job = service.client().jobs.create(dataset=DATASET, target="species", name="<b>irises</b>").watch()
    assert job.status == "succeeded"
    first, *between, last = output.shown
    assert "epoch 0 of 4" in first
    assert "<svg" not in first
    assert len(between) >= 3
    assert "width: 50.0%" in "".join(between)
    for words in ("succeeded", "epoch 4 of 4", "loss 0.2500", "val 0.5000", "acc 80.0 %", "width: 100.0%", "<svg"):
        assert words in last
    assert "best: epoch 4" in last
    assert "&lt;b&gt;irises" in last
    assert "<b>irises" not in last


def test_a_notebook_is_not_drawn_faster_than_eyes_are(output: Display) -> None:
    service = FakeService(epochs=50)
    service.client().jobs.watch(JOB)
    assert 2 <= len(output.shown) < 30
    assert "succeeded" in output.shown[-1]


def test_why_a_job_failed_stands_there(output: Display) -> None:
    job = FakeService(ends="failed").client().jobs.watch(JOB)
    assert job.status == "failed"
    assert "Training diverged: the loss became NaN in epoch 2" in output.shown[-1]


def test_what_is_shown_outlives_a_service_that_is_away_for_a_moment(output: Display, ticks: None) -> None:
    service = FakeService()
    client = service.client()
    away = problem(Unavailable("The database does not answer."), retry_after="1")
    handle = service.route

    def route(request: Any) -> Any:
        return away if request.url.path.endswith("/epochs") else handle(request)

    service.route = route  # type: ignore[method-assign]
    assert client.jobs.watch(JOB).status == "succeeded"
    assert "<svg" not in output.shown[-1]


def test_anywhere_else_there_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    FakeService().client().jobs.watch(JOB)
    said = capsys.readouterr()
    assert said.out == ""
    first, *between, last = said.err.splitlines()
    assert (first, last) == (f"{JOB} running", f"{JOB} succeeded")
    assert between[-1] == "epoch 4 of 4: loss 0.2500, val 0.5000, acc 80.0 %"


def test_ipython_in_a_terminal_is_no_notebook(
    output: Display, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace(), raising=False)
    FakeService().client().jobs.watch(JOB)
    assert output.shown == []
    assert "succeeded" in capsys.readouterr().err


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    FakeService().client().jobs.watch(JOB)
    drawn = capsys.readouterr().err
    assert "4/4" in drawn
    assert "\x1b[" in drawn


def test_a_watch_may_have_an_end_of_its_own() -> None:
    service = FakeService(epochs=10**9)
    with pytest.raises(TimeoutError, match="it goes on"):
        service.client().jobs.watch(JOB, timeout=0)
