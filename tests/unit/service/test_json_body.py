"""Strict JSON: a round trip for what is allowed, an error for everything else, and never anything but our errors."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.http.json_body import loads, storable
from steepest.spec.errors import InvalidRequest, ValidationFailed

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
numbers = st.integers(-(10**50), 10**50) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5),
    max_leaves=20,
)


@given(value=values, ascii_only=st.booleans())
@settings(max_examples=80, deadline=None)
def test_what_json_can_say_comes_back_equal(value: Any, ascii_only: bool) -> None:
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u0dDeE+-.1 \0é', max_size=60).map(str.encode))
@settings(max_examples=150, deadline=None)
def test_nothing_but_our_errors_comes_out(body: bytes) -> None:
    try:
        json.dumps(loads(body), allow_nan=False)
    except (InvalidRequest, ValidationFailed) as error:
        error.problem().model_dump_json()


@pytest.mark.parametrize("depth", [64, 65, 5_000, 200_000])
def test_depth_has_a_bound(depth: int) -> None:
    body = b"[" * depth + b"]" * depth
    if depth == 64:
        loads(body)
    else:
        with pytest.raises(InvalidRequest):
            loads(body)


def test_many_brackets_are_no_depth() -> None:
    assert len(loads(b"[" + b",".join([b"[[1]]"] * 1_000) + b"]")) == 1_000
    assert loads(b'"' + b"[" * 1_000 + b'"') == "[" * 1_000


@pytest.mark.parametrize(
    "number", ["1e309", "-1E+400", "9" * 309 + ".0", "9" * 250 + "e99", "0." + "1" * 300 + "e999", "1e0309"]
)
def test_a_number_beyond_a_float_is_refused_wherever_it_stands(number: str) -> None:
    for body in (number, f'{{"rows": [[1.5, {number}], [2.0]]}}'):
        with pytest.raises(InvalidRequest, match="too large"):
            loads(body.encode())


@pytest.mark.parametrize("number", ["1e99", "1.5e-300", "9" * 199 + "e99", "1" * 150 + ".5"])
def test_a_large_number_that_is_none_too_large_is_taken(number: str) -> None:
    assert loads(f"[{number}]".encode()) == [float(number)]


def test_brackets_in_strings_are_no_depth() -> None:
    body = json.dumps([{'[[["': '}}{{\\"[' * 30}] * 40)
    assert loads(body.encode()) == json.loads(body)
    with pytest.raises(InvalidRequest, match="nested"):
        loads(b'["]]]]]]]]", ' + b"[" * 64 + b"]" * 64 + b"]")


def test_what_cannot_be_stored_is_named_by_its_place() -> None:
    with pytest.raises(ValidationFailed) as failed:
        loads(rb'{"a/b": ["x", "\u0000"], "c": {"\udc00": 1}}')
    assert {problem.pointer for problem in failed.value.problems} == {"/a~1b/1", "/c"}


@pytest.mark.parametrize(("string", "expected"), [("a", True), ("\U0001f338", True), ("\0", False), ("\ud83c", False)])
def test_storable(string: str, expected: bool) -> None:
    assert storable(string) is expected


def test_a_key_among_many_that_comes_twice_is_found_at_once() -> None:
    keys = ",".join(f'"{index}":1' for index in range(40_000))
    begun = time.process_time()
    with pytest.raises(InvalidRequest, match='names "39999" twice'):
        loads(f'{{{keys},"39999":1}}'.encode())
    assert time.process_time() - begun < 2
