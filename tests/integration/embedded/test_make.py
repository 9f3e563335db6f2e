"""The Makefile's clear words to machines that lack something. Each target is tried in a copy without an environment."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
OLD = f"""#!{sys.executable}
import sys
sys.version_info, sys.version = (3, 9, 2, "final", 0), "3.9.2 (main)"
exec(sys.argv[sys.argv.index("-c") + 1])
"""
BARE = f"""#!{sys.executable}
import sys
sys.modules["ensurepip"] = None
exec(sys.argv[sys.argv.index("-c") + 1])
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(CHECKOUT / name, tmp_path)
    return tmp_path


def make(folder: Path, *arguments: str, python: str | None = None) -> subprocess.CompletedProcess[str]:
    # The suite itself may run under make.
    environ = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    if python:
        (folder / "bin").mkdir()
        (folder / "bin" / "python3").write_text(python)
        (folder / "bin" / "python3").chmod(0o755)
        environ["PATH"] = f"{folder / 'bin'}{os.pathsep}{environ['PATH']}"
    return subprocess.run(["make", *arguments], cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("target", ["setup", "up", "demo", "test", "lint"])
def test_a_python_that_is_too_old_is_named_in_one_line(bare: Path, target: str) -> None:
    ran = make(bare, target, python=OLD)
    line, makes_own = ran.stderr.splitlines()
    assert ran.returncode != 0
    assert line == "steepest needs Python 3.11 or later; python3 is 3.9.2. Say which one to use: make PYTHON=python3.12"
    assert makes_own.startswith("make")
    assert not (bare / ".venv").exists()


def test_a_python_without_venv_says_how_to_get_it(bare: Path) -> None:
    ran = make(bare, "setup", python=BARE)
    assert ran.returncode != 0
    assert "apt install python3-venv" in ran.stderr.splitlines()[0]
    assert not (bare / ".venv").exists()


def test_no_python_at_all(bare: Path) -> None:
    ran = make(bare, "setup", "PYTHON=no-such-python")
    assert ran.returncode != 0
    assert "There is no no-such-python here" in ran.stderr.splitlines()[0]


def test_make_alone_explains_every_target(bare: Path) -> None:
    explained = [line.split()[1] for line in make(bare).stdout.splitlines()]
    phony = next(line for line in (bare / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    assert sorted(explained) == sorted(phony.split()[1:])


def test_requirements_are_written_in_one_place(bare: Path) -> None:
    """Beside PyTorch, which is in no lock."""
    found = re.findall(r"[\w\]-]+(?:==|>=)\d\S*", (bare / "Makefile").read_text())
    assert found == ["torch==2.13.0"]
