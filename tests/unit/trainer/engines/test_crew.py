import os
from threading import get_ident

import pytest

from steepest.trainer.engines import crew


def ranks(threads: int) -> dict[int, int]:
    seen: dict[int, int] = {}
    crew.together(lambda rank: seen.update({rank: get_ident()}), threads)
    return seen


def test_the_callers_thread_is_rank_0_and_helpers_are_kept() -> None:
    first, second = ranks(3), ranks(3)
    assert first.keys() == {0, 1, 2}
    assert first[0] == get_ident()
    assert set(first.values()) == set(second.values())


@pytest.mark.parametrize("wrong", [0, 1])
def test_what_goes_wrong_in_a_rank_is_raised_when_all_are_done(wrong: int) -> None:
    done = []

    def work(rank: int) -> None:
        if rank == wrong:
            raise ValueError("no")
        done.append(rank)

    with pytest.raises(ValueError, match="no"):
        crew.together(work, 2)
    assert done == [1 - wrong]
    assert ranks(2).keys() == {0, 1}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_helpers_of_its_own() -> None:
    ranks(2)
    child = os.fork()
    if child == 0:
        os._exit(0 if ranks(2).keys() == {0, 1} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
