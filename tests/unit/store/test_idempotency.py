"""The same create, sent again, is answered again; another one under the same key is refused."""

import threading

import pytest
from sqlalchemy import func, select

from steepest.spec.errors import Conflict, ValidationFailed
from store import idempotency
from store.idempotency import Reservation, StoredAnswer
from store.models import DEFAULT_ACCOUNT, IdempotencyRow
from tests.unit.store.world import World

KEY = "5f0c"


def reserve(world: World, fingerprint: str | None = "body") -> Reservation | StoredAnswer:
    with world.database.write() as session:
        return idempotency.reserve(session, DEFAULT_ACCOUNT, KEY, fingerprint)


def reserved(world: World, fingerprint: str | None = "body") -> Reservation:
    found = reserve(world, fingerprint)
    assert isinstance(found, Reservation)
    return found


def answer(world: World, reservation: Reservation) -> None:
    with world.database.write() as session:
        idempotency.answer(
            session, reservation, fingerprint="body", status=201, headers={"Location": "/v1/jobs/1"}, body='{"id":1}'
        )


def test_the_first_answer_comes_again(world: World) -> None:
    answer(world, reserved(world))
    assert reserve(world) == StoredAnswer(201, {"Location": "/v1/jobs/1"}, '{"id":1}', "body")


def test_another_body_under_the_same_key_is_refused(world: World) -> None:
    answer(world, reserved(world))
    with pytest.raises(ValidationFailed, match="another request"):
        reserve(world, "another body")
    stored = reserve(world, None)  # an upload, whose hash is known only at its end
    assert isinstance(stored, StoredAnswer)
    stored.check("body")
    with pytest.raises(ValidationFailed, match="another request"):
        stored.check("another body")


def test_while_the_first_is_being_answered_the_second_is_told_to_wait(world: World) -> None:
    reserved(world)
    with pytest.raises(Conflict, match="still being answered"):
        reserve(world)
    with pytest.raises(ValidationFailed):
        reserve(world, "another body")


def test_other_keys_and_other_accounts_have_nothing_to_do_with_it(world: World) -> None:
    reserved(world)
    with world.database.write() as session:
        assert isinstance(idempotency.reserve(session, DEFAULT_ACCOUNT, "another", "body"), Reservation)


def test_work_that_failed_frees_the_key_at_once(world: World) -> None:
    reservation = reserved(world)
    with world.database.write() as session:
        idempotency.abandon(session, reservation)
    reserved(world, "a corrected body")


def test_a_key_that_is_given_free_while_another_asks_is_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "_insert", lambda *_: False)  # it was there, and is gone a moment later
    with pytest.raises(Conflict, match="still being answered"):
        reserve(world)


def test_a_crash_between_reservation_and_answer_does_not_block_for_ever(world: World) -> None:
    crashed = reserved(world)
    world.clock.forward(idempotency.RESERVED.total_seconds())
    answer(world, reserved(world))
    # It was only slow: its own create must not be committed now.
    with pytest.raises(Conflict, match="took over"):
        answer(world, crashed)
    with world.database.write() as session:
        idempotency.abandon(session, crashed)
    assert isinstance(reserve(world), StoredAnswer)


def test_long_work_keeps_its_reservation(world: World) -> None:
    reservation = reserved(world)
    for _ in range(3):
        world.clock.forward(idempotency.RESERVED.total_seconds() - 1)
        with world.database.write() as session:
            idempotency.renew(session, reservation)
    with pytest.raises(Conflict):
        reserve(world)


def test_what_the_transaction_does_not_commit_was_not_answered(world: World) -> None:
    reservation = reserved(world)
    with world.database.write() as session:
        idempotency.answer(session, reservation, fingerprint="body", status=201, headers={}, body="")
        session.rollback()
    with pytest.raises(Conflict, match="still being answered"):
        reserve(world)


def test_old_answers_are_forgotten(world: World) -> None:
    answer(world, reserved(world))
    world.clock.forward(idempotency.KEPT.total_seconds() + 1)
    reserved(world, "another body")
    world.clock.forward(idempotency.KEPT.total_seconds() + 1)
    with world.database.write() as session:
        idempotency.sweep(session)
        assert session.scalars(select(func.count()).select_from(IdempotencyRow)).one() == 0


def test_of_many_at_once_one_answers(world: World) -> None:
    outcomes: list[object] = []
    barrier = threading.Barrier(6)

    def run() -> None:
        barrier.wait()
        try:
            outcomes.append(reserve(world))
        except Conflict as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 6
    assert sum(isinstance(outcome, Reservation) for outcome in outcomes) == 1
