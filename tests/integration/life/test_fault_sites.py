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
from tests.integration.life.lives import Life, Outcome

pytestmark = pytest.mark.skipif(bool(SERVER), reason="the shim stands before SQLite's driver")

WANTED: Final = os.environ.get("STEEPEST_SITES")
SAMPLE: Final = 12
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


def _lived(template: str, folder: Path, sites: Sites) -> Outcome:
    with _life(template, folder, sites) as life:
        return life.live()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("fault", "lasting"),
    [(Fault.ERROR, False), (Fault.ERROR, True), (Fault.LOST, False), (Fault.LOST, True), (Fault.DEATH, False)],
)
def test_a_life_that_is_cut_somewhere_ends_as_an_undisturbed_one(
    fault: Fault,
    lasting: bool,
    _template: str,  # noqa: PT019 (its value is the URL)
    tmp_path: Path,
) -> None:
    undisturbed = Sites()
    expected = _lived(_template, tmp_path / "undisturbed", undisturbed)
    # To a disk that fails a worker answers with a failed job, which is an end too, but another one.
    numbers = [
        number
        for number, name in enumerate(undisturbed.names, 1)
        if fault is Fault.DEATH or not name.startswith("file ")
    ]
    if WANTED is None:
        chosen = numbers[:: max(1, len(numbers) // SAMPLE)]
    else:
        chosen = [number for number in numbers if WANTED == "all" or undisturbed.names[number - 1].startswith(WANTED)]
    reached, failed = 0, list[str]()
    for number in chosen:
        sites = Sites(number, fault, lasting=lasting)
        try:
            assert _lived(_template, tmp_path / str(number), sites) == expected
            # Leases are renewed by the clock: a quick life may be over before one of the last sites of a slow one.
            assert sites.fired or len(sites.names) < number
        except AssertionError as error:
            failed.append(f"{number} ({undisturbed.names[number - 1]}): {error}")
        reached += sites.fired
    assert not failed, "\n".join(failed)
    assert reached >= 0.9 * len(chosen)
