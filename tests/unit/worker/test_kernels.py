import os
import sys
from types import SimpleNamespace

import pytest

import steepest
from worker import kernels


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that took this process's place."""
    commands: list[list[str]] = []
    monkeypatch.delenv("STEEPEST_KERNELS_COMPILED", raising=False)
    monkeypatch.setattr(steepest, "warm_up", lambda: None)
    monkeypatch.setattr(os, "execv", lambda _, command: commands.append(command))
    return commands


def loaded(monkeypatch: pytest.MonkeyPatch, *, compiled: bool) -> None:
    monkeypatch.setattr(kernels, "kernels", lambda: SimpleNamespace(compiled_here=lambda: compiled))


def test_who_compiled_begins_anew_once(monkeypatch: pytest.MonkeyPatch, begun: list[list[str]]) -> None:
    loaded(monkeypatch, compiled=True)
    kernels.load()
    assert begun == [sys.orig_argv]
    kernels.load()
    assert begun == [sys.orig_argv], "where nothing can be kept it would do so for ever"


def test_who_loaded_goes_on(monkeypatch: pytest.MonkeyPatch, begun: list[list[str]]) -> None:
    loaded(monkeypatch, compiled=False)
    kernels.load()
    assert not begun


def test_so_does_who_has_none(monkeypatch: pytest.MonkeyPatch, begun: list[list[str]]) -> None:
    monkeypatch.setattr(kernels, "kernels", lambda: None)
    kernels.load()
    assert not begun
