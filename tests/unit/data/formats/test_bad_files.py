"""Bad files: each is refused or fails, says what is wrong and where, and takes little memory. And mutated good ones."""

import os
import re
from pathlib import Path

import pytest

from tests.unit.data.formats.bad_files import BAD_FILES, BadFile
from tests.unit.data.formats.feeding import MOST_GROWTH, Fed, feed
from tests.unit.data.formats.mutations import case, run, seeds


@pytest.mark.parametrize("bad", BAD_FILES, ids=[bad.name for bad in BAD_FILES])
def test_a_bad_file(bad: BadFile, tmp_path: Path) -> None:
    content = bad.build()
    fed = feed(content, tmp_path / "case", bad.declared, None, bad.options, bad.limits)
    assert fed.outcome == bad.outcome, fed
    assert 1 <= len(fed.problems) <= 20
    pointer, detail = fed.problems[0]
    assert any(words in detail for words in bad.words.split("|")), fed
    assert pointer == bad.pointer or not bad.pointer, fed
    assert fed.growth <= MOST_GROWTH, f"{fed.growth >> 20} MiB"


def test_there_are_many() -> None:
    assert len({bad.name for bad in BAD_FILES}) == len(BAD_FILES) >= 100


def test_good_files_are_good(tmp_path: Path) -> None:
    for name, (content, declared, options) in seeds().items():
        assert feed(content, tmp_path / "case", declared, None, options).outcome == "ready", name


def test_mutations_are_drawn_anew_from_their_number() -> None:
    assert case(123, 0) == case(123, 0) != case(123, 1)
    assert len({case(number, 0)[1] for number in range(300)}) > 250


@pytest.mark.timeout(3600)
def test_mutated_files_are_read_refused_or_failed() -> None:
    """`STEEPEST_MUTATIONS` says how many; 50,000 take a quarter of an hour."""
    wrong: list[str] = []
    outcomes: set[str] = set()
    for number, found, _ in run(int(os.environ.get("STEEPEST_MUTATIONS", "1000")), seed=0):
        if not isinstance(found, Fed):
            wrong.append(f"{number}: {found}")
            continue
        outcomes.add(found.outcome)
        if found.growth > MOST_GROWTH:
            wrong.append(f"{number}: {found.growth >> 20} MiB")
        if not all(re.fullmatch(r"(/.*)?", pointer, re.DOTALL) and detail for pointer, detail in found.problems):
            wrong.append(f"{number}: {found.problems}")
    assert wrong == []
    assert outcomes == {"ready", "failed", "refused"}
