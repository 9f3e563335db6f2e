"""Labels fall into the buckets that scikit-learn's hasher gives them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher

from steepest.data.murmur import bucket_of, murmur3


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"", 0), (b"test", 0xBA6BD213), (b"Hello, world!", 0xC0363E43), (b"\xff\xff\xff\xff", 0x76293B50)],
)
def test_the_hash_is_the_published_one(data: bytes, expected: int) -> None:
    assert murmur3(data) == expected


@given(st.lists(st.text(max_size=30), min_size=1, max_size=20), st.integers(1, 10_000))
def test_buckets_are_those_of_scikit_learn(labels: list[str], buckets: int) -> None:
    hasher = FeatureHasher(buckets, input_type="string", alternate_sign=False)
    theirs = hasher.transform([[label] for label in labels]).toarray().argmax(axis=1)
    assert [bucket_of(label, buckets) for label in labels] == theirs.tolist()
