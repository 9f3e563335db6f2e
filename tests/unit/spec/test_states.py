from steepest.spec.states import HELD, LEASE_EXPIRED, MEANING, TERMINAL, TRANSITIONS, JobState, sources


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
