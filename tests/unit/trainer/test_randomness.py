"""Draws are functions of their place, and shuffles are fair permutations."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.trainer.randomness import AT_ONCE, Purpose, Shuffle, generator


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), rows=st.integers(1, 40_000), epoch=st.integers(0, 1_000))
def test_an_order_is_a_permutation_and_a_function_of_its_place(seed: int, rows: int, epoch: int) -> None:
    order = Shuffle(seed, rows).order(epoch)
    assert np.array_equal(np.sort(order), np.arange(rows))
    late = Shuffle(seed, rows)
    late.order(epoch + 3)
    late.order(0)
    assert np.array_equal(late.order(epoch), order)


def test_epochs_and_seeds_differ() -> None:
    orders = [tuple(Shuffle(seed, 50).order(epoch)) for seed in range(8) for epoch in range(60)]
    assert len(set(orders)) == len(orders)


def test_more_rows_than_are_shuffled_together() -> None:
    order = Shuffle(0, AT_ONCE + 1).order(2)
    assert np.array_equal(np.sort(order), np.arange(AT_ONCE + 1))


def test_every_row_comes_to_every_place_equally_often() -> None:
    shuffle, rows, epochs = Shuffle(1, 6), 6, 30_000
    counts = np.zeros((rows, rows))
    for epoch in range(epochs):
        counts[np.arange(rows), shuffle.order(epoch)] += 1
    expected = epochs / rows
    # Chi-squared with 25 degrees of freedom: beyond 60 once in ten thousand fair shuffles.
    assert ((counts - expected) ** 2 / expected).sum() < 60


def test_purposes_and_places_have_draws_of_their_own() -> None:
    draws = {generator(purpose, 7, place).random() for purpose in Purpose for place in range(5)}
    assert len(draws) == 5 * len(Purpose)
    assert generator(Purpose.WEIGHTS, 7, 3).random() == generator(Purpose.WEIGHTS, 7, 3).random()
