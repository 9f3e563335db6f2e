"""The pages say what is so: excerpts stand in the code, links lead somewhere, recipes work, tables are of today."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import numpy as np
import pytest

from docs.pieces import PAGE, page

HOUSE = Path(__file__).parents[2]
TRAINER = HOUSE / "docs" / "trainer.md"
PAGES = [*sorted(HOUSE.glob("*.md")), *sorted((HOUSE / "docs").glob("*.md"))]
COPIED = [
    "steepest",
    "docs",
    "tests/conftest.py",
    "tests/unit/inspect/evaluation",
    "tests/unit/trainer",
    "pyproject.toml",
]
SUITES = [
    "inspect/evaluation/test_values.py",
    *(f"trainer/test_{name}.py" for name in ("gradients", "objectives_options", "optimizers", "stack", "training")),
    "trainer/engines/test_stand_in.py",
]
"""Of all that a new piece has to pass: what names it, and takes seconds."""
DEEPEST = 5
"""Levels of indentation."""


def blocks(language: str) -> list[str]:
    """What stands between fences on the trainer's page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TRAINER.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def excerpts() -> list[tuple[str, str]]:
    """Files, and what is said to stand there."""
    found = (re.fullmatch(r"# (steepest/\S+)\n(.+)", block, re.DOTALL) for block in blocks("python"))
    return [(each[1], each[2]) for each in found if each]


def changes() -> list[tuple[str, str, str]]:
    """Files, what is to be replaced in them, and by what."""
    found: list[tuple[str, str, str]] = []
    for block in blocks("diff"):
        head, *lines = block.splitlines(keepends=True)
        for hunk in "".join(lines).split("@@\n"):
            rows = hunk.splitlines(keepends=True)
            old, new = ("".join(row[1:] for row in rows if row[0] in signs) for signs in (" -", " +"))
            found.append((head.removeprefix("--- ").strip(), old, new))
    return found


def results_of(mark: str) -> dict[str, Any]:
    """The variables of a program on the page, which has this in it, at its end."""
    names: dict[str, Any] = {}
    exec(next(block for block in blocks("python") if block.startswith("import numpy") and mark in block), names)
    return names


@pytest.mark.parametrize(("file", "excerpt"), excerpts())
def test_excerpts_stand_in_the_code(file: str, excerpt: str) -> None:
    text = (HOUSE / file).read_text("utf-8")
    assert any(indent(dedent(excerpt), " " * 4 * level) in text for level in range(DEEPEST))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_the_files_of_the_trainer_are_in_the_list() -> None:
    folder = HOUSE / "steepest" / "trainer"
    listed = re.findall(r"`(\w+(?:\.py|/))`", TRAINER.read_text("utf-8").split("## A plan")[0])
    files = {path.name for path in folder.glob("[!_]*.py")}
    assert set(listed) == files | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}


def test_the_tables_are_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "run `make docs`"


def test_the_idea_in_a_few_lines_learns() -> None:
    assert round(results_of("for step")["loss"], 4) == 0.0004


def test_the_check_by_hand_agrees() -> None:
    results = results_of("Batch(")
    assert np.abs(results["gradient"] - results["numeric"]).max() < 1e-8


def test_a_new_optimizer_and_a_new_loss_are_changes_of_two_files_each(tmp_path: Path) -> None:
    for name in COPIED:
        copy = shutil.copytree if (HOUSE / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(HOUSE / name, tmp_path / name)
    for file, old, new in changes():
        text = (tmp_path / file).read_text("utf-8")
        assert text.count(old) == 1, old
        (tmp_path / file).write_text(text.replace(old, new), "utf-8")
    assert len({file for file, _, _ in changes()}) == 4
    suites = [f"tests/unit/{name}" for name in SUITES]
    options = ["-q", "-p", "no:cacheprovider", "-k", "adamax or log_cosh"]
    for command in (["docs.pieces"], ["pytest", *suites, *options]):
        done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    tables = (tmp_path / "docs" / "pieces.md").read_text("utf-8")
    assert "| `adamax` |" in tables
    assert "| `log_cosh` |" in tables
