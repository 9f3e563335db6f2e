"""The checkers are checked: each patch beside this file plants one bug, and one of the checkers has to see it.

`python -m tests.planted` takes all of them, or those that are named. A patch's first line says what is wrong, its
second which checker is to see it. One that no longer applies, or that nobody sees, is an error.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
TREE: Final = ("steepest", "store", "worker", "service", "embedded", "migrations", "tests", "pyproject.toml")
PYTEST: Final = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--show-capture=no")
CHECKERS: Final = {
    "simulation": ("-m", "tests.simulation", "--seeds", "200", "--stop"),
    "sites": (*PYTEST, "tests/integration/life"),
    "commits": (*PYTEST, "tests/integration/life", "-k", "death and plain"),
    "machine": (*PYTEST, "tests/unit/store/test_life.py"),
}
ENVIRONMENT: Final = {"commits": {"STEEPEST_SITES": "commit"}, "machine": {"STEEPEST_EXAMPLES": "200"}}
"""Of a checker: more of it than runs with every change."""
SECONDS: Final = 300


class Bug(NamedTuple):
    """A patch."""

    name: str
    what: str
    seen_by: str
    patch: Path

    @classmethod
    def read(cls, patch: Path) -> "Bug":
        what, checker = patch.read_text().splitlines()[:2]
        return cls(patch.stem, what, checker.removeprefix("Seen by: "), patch)


class Verdict(NamedTuple):
    """What a checker said of a planted bug."""

    seen: bool
    seconds: float
    words: str


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every planted bug is seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("names", nargs="*", help="which bugs (default: all)")
    names = parser.parse_args(arguments).names
    bugs = [Bug.read(patch) for patch in sorted(HERE.glob("*.patch")) if not names or patch.stem in names]
    survived = []
    for bug in bugs:
        verdict = plant(bug)
        if not verdict.seen:
            survived.append(bug.name)
        seen = f"{bug.seen_by:10} {verdict.seconds:5.1f} s" if verdict.seen else "NOT SEEN          "
        print(f"{bug.name:26} {seen}  {bug.what}\n{'':46}{verdict.words}", flush=True)
    print(f"{len(bugs)} bugs, {len(survived)} not seen{': ' if survived else ''}{', '.join(survived)}")
    return 1 if survived or not bugs else 0


def plant(bug: Bug) -> Verdict:
    """Let the bug's checker look at a copy of the tree that has it."""
    with tempfile.TemporaryDirectory() as folder:
        for name in TREE:
            source, copy = ROOT / name, Path(folder) / name
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        applied = subprocess.run(["git", "apply", bug.patch], cwd=folder, capture_output=True, text=True, check=False)
        if applied.returncode:
            return Verdict(False, 0.0, f"does not apply: {applied.stderr.strip()}")
        began = time.monotonic()
        command = [sys.executable, *CHECKERS[bug.seen_by]]
        try:
            run = subprocess.run(
                command,
                cwd=folder,
                env=os.environ | ENVIRONMENT.get(bug.seen_by, {}),
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Verdict(False, SECONDS, "took too long")
        seconds = time.monotonic() - began
    said = [line for line in run.stdout.splitlines() if line.startswith(("seed ", "E  "))]
    # A checker that could not even begin has seen nothing.
    return Verdict(run.returncode == 1 and bool(said), seconds, (said or run.stderr.splitlines() or [""])[-1][:150])


if __name__ == "__main__":
    sys.exit(main())
