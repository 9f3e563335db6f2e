"""Each place where a job's life may be cut is cut once, in each way: what was promised is kept all the same.

`STEEPEST_SITES=all` takes every site, another value those whose names begin so (`COMMIT`); without it a part of them,
spread evenly and the same each time.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import SERVER, copied
from tests.integration.life.faults import Fault, Sites
from tests.integration.life.lives import COURSES, Course, Life, Outcome, undisturbed

pytestmark = pytest.mark.skipif(bool(SERVER), reason="the shim stands before SQLite's driver")

WANTED: Final = os.environ.get("STEEPEST_SITES")
SAMPLE: Final = 2
"""How many sites each kind of fault is tried at, if none are named."""


@contextmanager
def _life(template: str, folder: Path, sites: Sites) -> Iterator[Life]:
    folder.mkdir()
    with copied(template, folder) as url, pytest.MonkeyPatch.context() as monkeypatch:
        life = Life(url, folder, sites, monkeypatch)
        try:
            yield life
        finally:
            with sites.unwatched():
                life.database.close()


def _lived(template: str, folder: Path, sites: Sites, course: Course) -> Outcome:
    with _life(template, folder, sites) as life:
        return life.live(course)


@pytest.fixture(scope="module")
def uncut(
    _template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[Course, tuple[list[str], Outcome]]:
    """The sites of each life that nothing cuts, and what came of it."""
    found, folder = {}, tmp_path_factory.mktemp("uncut")
    _lived(_template, folder / "first", Sites(), undisturbed)  # a slow one, which would report more often
    for course in COURSES:
        sites = Sites()
        outcome = _lived(_template, folder / course.__name__, sites, course)
        found[course] = (sites.names, outcome)
    return found


def _first_difference(names: list[str], usual: list[str]) -> int:
    """The number of the site at which a life takes another course than the undisturbed one."""
    return next((number for number, (one, other) in enumerate(zip(names, usual, strict=False), 1) if one != other), 1)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.__name__)
@pytest.mark.parametrize(
    ("fault", "lasting"),
    [(Fault.ERROR, False), (Fault.ERROR, True), (Fault.LOST, False), (Fault.LOST, True), (Fault.DEATH, False)],
)
def test_a_life_that_is_cut_somewhere_ends_as_an_undisturbed_one(
    fault: Fault,
    lasting: bool,
    course: Course,
    uncut: dict[Course, tuple[list[str], Outcome]],
    _template: str,  # noqa: PT019 (its value is the URL)
    tmp_path: Path,
) -> None:
    names, expected = uncut[course]
    # What all lives begin with is cut in the undisturbed one.
    first = 1 if course is undisturbed else _first_difference(names, uncut[undisturbed][0])
    # To a disk that fails a worker answers with a failed job, which is an end too, but another one.
    numbers = [
        number
        for number, name in enumerate(names, 1)
        if number >= first and (fault is Fault.DEATH or not name.startswith("file "))
    ]
    if WANTED is None:
        chosen = numbers[:: max(1, len(numbers) // SAMPLE)]
    else:
        chosen = [number for number in numbers if WANTED == "all" or names[number - 1].startswith(WANTED)]
    reached, failed = 0, list[str]()
    for number in chosen:
        sites = Sites(number, fault, lasting=lasting)
        try:
            assert _lived(_template, tmp_path / str(number), sites, course) == expected
            # Leases are renewed by the clock: a quick life may be over before one of the last sites of a slow one.
            assert sites.fired or len(sites.names) < number
        except AssertionError as error:
            failed.append(f"{number} ({names[number - 1]}): {error}")
        reached += sites.fired
    assert not failed, "\n".join(failed)
    assert reached >= 0.9 * len(chosen)
