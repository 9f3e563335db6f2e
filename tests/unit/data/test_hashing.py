"""Hashes tell cells apart, and a sample of them counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steepest.data import hashing
from steepest.data.hashing import MISSING_HASH, HashSample, mix, number_hashes, random_words, text_hashes


def test_numbers_have_hashes_of_their_own() -> None:
    numbers = np.unique([*np.arange(-50_000.0, 50_000), *(np.arange(1, 50_000) / 7), 1e300, 5e-324])
    assert len(np.unique(number_hashes(numbers))) == len(numbers)


def test_zero_and_minus_zero_are_equal_and_so_are_missing_numbers() -> None:
    assert number_hashes(np.array([0.0]))[0] == number_hashes(np.array([-0.0]))[0]
    assert number_hashes(np.array([np.nan]))[0] == MISSING_HASH


@given(st.lists(st.text(max_size=8), max_size=30, unique=True), st.integers(1, 20))
def test_a_text_has_one_hash_wherever_it_stands(texts: list[str], chunk: int) -> None:
    alone = [int(text_hashes([text])[0]) for text in texts]
    whole = hashing._CHUNK
    try:
        hashing._CHUNK = chunk  # type: ignore[misc]
        assert text_hashes(texts).tolist() == alone
    finally:
        hashing._CHUNK = whole  # type: ignore[misc]
    assert len(set(alone)) == len(texts)


def test_texts_that_differ_in_little_have_different_hashes() -> None:
    texts = ["", "\0", "\0\0", "a", "a\0", "\0a", "ab", "ba", "é", "e\u0301", "\ud800"]
    assert len(set(text_hashes(texts).tolist())) == len(texts)
    many = [f"user-{index}" for index in range(200_000)]
    assert len(np.unique(text_hashes(many))) == len(many)


def test_mixing_loses_nothing_and_spreads() -> None:
    words = mix(np.arange(1 << 16, dtype=np.uint64))
    assert len(np.unique(words)) == 1 << 16
    shares = [float(((words >> np.uint64(bit)) & np.uint64(1)).mean()) for bit in range(64)]
    assert min(shares) > 0.48
    assert max(shares) < 0.52


def test_random_words_follow_from_their_numbers() -> None:
    whole = random_words(0, 1_000)
    assert np.concatenate([random_words(0, 300), random_words(300, 700)]).tolist() == whole.tolist()
    assert (whole & np.uint64(1)).all()


@given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=6))
def test_few_hashes_are_counted_exactly(parts: list[list[int]]) -> None:
    sample, everything = HashSample(31), [number for part in parts for number in part]
    for part in parts:
        sample.add(number_hashes(np.array(part, np.float64)))
    assert sample.exact
    assert sample.error == 0
    assert (sample.distinct, sample.repeated) == (len(set(everything)), len(everything) - len(set(everything)))


@pytest.mark.parametrize("most", [256, 2_048])
def test_many_hashes_are_estimated_within_the_stated_error(most: int) -> None:
    off = []
    for seed in range(20):
        numbers = np.random.default_rng(seed).normal(size=30_000)
        sample = HashSample(most)
        for part in np.array_split(np.concatenate([numbers, numbers[:10_000]]), 13):
            sample.add(number_hashes(part))
        assert not sample.exact
        off.append(sample.distinct / 30_000 - 1)
        assert sample.repeated == pytest.approx(10_000, rel=8 * sample.error)
    assert max(map(abs, off)) < 3 * sample.error
    assert float(np.std(off)) < sample.error


def test_hashes_that_all_differ_are_cut_at_once() -> None:
    hashes = number_hashes(np.random.default_rng(0).normal(size=20_000))
    slow, fast = HashSample(512), HashSample(512)
    slow.add(hashes)
    fast.add_different(hashes)
    assert slow.distinct == fast.distinct
