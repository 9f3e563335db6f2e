from steepest.spec.states import (
    FULFILLED,
    HELD,
    LEASE_EXPIRED,
    MEANING,
    REQUESTS,
    TERMINAL,
    TRANSITIONS,
    JobState,
    possible,
    sources,
)


def test_every_state_has_a_meaning_and_a_row_in_the_table() -> None:
    assert set(MEANING) == set(TRANSITIONS) == set(JobState)


def test_every_state_can_be_reached_from_queued() -> None:
    reached, frontier = set(), {JobState.QUEUED}
    while frontier:
        reached |= frontier
        frontier = {target for state in frontier for target in TRANSITIONS[state]} - reached
    assert reached == set(JobState)


def test_only_a_failed_job_leaves_a_terminal_state() -> None:
    assert {state for state in TERMINAL if TRANSITIONS[state]} == {JobState.FAILED}


def test_a_lost_lease_follows_the_table() -> None:
    assert set(LEASE_EXPIRED) == HELD
    # pausing and cancelling may also become what they were on the way to, which the table allows as well
    assert all(target in TRANSITIONS[state] for state, target in LEASE_EXPIRED.items())


def test_sources_are_the_table_read_backwards() -> None:
    assert sources(JobState.CANCELLED) == {JobState.QUEUED, JobState.CANCELLING, JobState.PAUSED}
    assert sources(JobState.RUNNING) == {JobState.QUEUED}


def test_a_request_makes_transitions_of_the_table_and_none_where_it_is_fulfilled() -> None:
    for name, moves in REQUESTS.items():
        assert all(target in TRANSITIONS[state] for state, target in moves.items())
        assert not FULFILLED[name] & set(moves)
        assert set(moves.values()) <= FULFILLED[name]


def test_what_can_be_asked_in_each_state() -> None:
    assert {state.value: possible(state) for state in JobState} == {
        "queued": ("pause", "cancel"),
        "running": ("pause", "cancel"),
        "pausing": ("cancel",),
        "paused": ("resume", "cancel"),
        "cancelling": (),
        "succeeded": ("delete",),
        "failed": ("retry", "delete"),
        "cancelled": ("delete",),
    }
