"""Each place where a job's life may be cut is cut once, in each way: what was promised is kept all the same.

`STEEPEST_SITES=all` takes every site, `3/20` every 20th from the 3rd, another value those whose names begin so
(`commit`); without it a part of them, the same each time.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from logging import CRITICAL
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
import structlog

from tests.conftest import SERVER
from tests.integration.life.faults import Fault, Kind, kind_of
from tests.integration.life.lives import LIVES
from tests.integration.life.rehearsal import Rehearsal, Site
from tests.integration.life.world import Violation

pytestmark = pytest.mark.skipif(bool(SERVER), reason="the shim stands before SQLite's driver")

WANTED: Final = os.environ.get("STEEPEST_SITES", "1/101")
MEMORY: Final = Path("/dev/shm")
FAULTS: Final = (
    (Fault.ERROR, False),
    (Fault.ERROR, True),
    (Fault.LOST, False),
    (Fault.LOST, True),
    (Fault.DEATH, False),
)


@pytest.fixture(scope="module")
def rehearsal(_template: str) -> Iterator[Rehearsal]:
    """In memory where that is possible: each commit waits for its disk. Silent: what fails on purpose is no news."""
    logging = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = Rehearsal(Path(_template.removeprefix("sqlite:///")), Path(folder))
        yield made
        made.close()
    structlog.configure(**logging)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize(("fault", "lasting"), FAULTS)
def test_a_life_that_is_cut_somewhere_ends_as_an_undisturbed_one(
    life: str, fault: Fault, lasting: bool, rehearsal: Rehearsal, record_property: Callable[[str, object], None]
) -> None:
    chosen = _chosen(rehearsal.sites(life), FAULTS.index((fault, lasting)))
    failed = list[str]()
    for site in chosen:
        try:
            rehearsal.cut(site, fault, lasting=lasting)
        except (Exception, Violation) as violation:  # a process of ours ends in no other error than an outage
            failed.append(f"{site}: {violation!r}")
    record_property("cuts", len(chosen))
    record_property("violations", len(failed))
    assert not failed, "\n".join(failed)


def test_the_lives_have_sites_of_every_kind(
    rehearsal: Rehearsal, record_property: Callable[[str, object], None]
) -> None:
    kinds = Counter(kind_of(site.name) for life in LIVES for site in rehearsal.sites(life))
    for kind in Kind:
        record_property(f"{kind}s", kinds[kind])
    assert all(kinds[kind] for kind in Kind)


def _chosen(sites: list[Site], offset: int) -> list[Site]:
    """Those that are wanted; a part of them is another part for each fault."""
    first, slash, every = WANTED.partition("/")
    if slash:
        return [site for number, site in enumerate(sites, offset) if number % int(every) == int(first) - 1]
    return [site for site in sites if WANTED == "all" or site.name.startswith(WANTED)]
