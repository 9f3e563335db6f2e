"""Read a JSON body strictly: what JSON, UTF-8 or the database cannot hold is refused with its place."""

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, Final, NoReturn

from flask import request

from steepest.spec.errors import FieldProblem, InvalidRequest, UnsupportedMediaType
from steepest.spec.problems import first_twice, pointer_to, raised

JSON: Final = "application/json"

MOST_DIGITS: Final = 400
"""Digits of an integer; far beyond what any field allows, far below what is slow to convert."""

MOST_DEPTH: Final = 64
"""Nesting of arrays and objects; the deepest body that means anything has five levels."""

_LARGE_EXPONENT: Final = re.compile(r"[eE]\+?[0-9]{3}")
_LONG_PIECE: Final = 200
"""Characters between two commas: a number of fewer, with an exponent of two digits at most, is within a float."""

_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_NO_BRACKETS: Final = re.compile(r"[^\[\]{}]+")


def read_json(limit: int) -> Any:
    """The request's body as plain Python values.

    Args:
        limit: Bytes that the body may have.

    Raises:
        UnsupportedMediaType: the Content-Type is not JSON.
        RequestTooLarge: the body is over `limit` (raised by the server's layer and mapped there).
        InvalidRequest: the body is not JSON in UTF-8.
        ValidationFailed: a string holds a character that cannot be stored.
    """
    if request.mimetype and not _is_json(request.mimetype):
        raise UnsupportedMediaType(
            f'the body must be JSON; send "Content-Type: application/json" in place of "{request.mimetype}"'
        )
    request.max_content_length = limit
    return loads(request.get_data())


def loads(body: bytes) -> Any:
    """Parse strict JSON: no NaN, no duplicate keys, no numbers beyond a float, nothing nested out of measure."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the body is not UTF-8: byte {error.start} does not fit") from None
    if not text.strip():
        raise InvalidRequest("the body is empty; send a JSON object")
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_float if _may_overflow(text) else None,
            parse_int=_int,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"the body is not JSON: {error.msg} at {place}") from None
    except RecursionError:
        _refuse_depth()
    _check(value, text)
    return value


def _is_json(mimetype: str) -> bool:
    return mimetype == JSON or (mimetype.startswith("application/") and mimetype.endswith("+json"))


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"the body is not JSON: {name} is no JSON number")


def _refuse_depth() -> NoReturn:
    raise InvalidRequest(f"the body is nested deeper than {MOST_DEPTH} levels")


def _float(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise InvalidRequest(f"the body holds a number that is too large: {text[:40]}")
    return value


def _may_overflow(text: str) -> bool:
    """Whether a number may be beyond a float; else the parser's own conversion, many times as fast, will do."""
    return _LARGE_EXPONENT.search(text) is not None or max(map(len, text.split(","))) >= _LONG_PIECE


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise InvalidRequest(f"the body holds an integer of {len(text):,} digits")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = (first_twice(name for name, _ in pairs) or "")[:100].encode(errors="replace").decode()
        raise InvalidRequest(f'the body names "{twice}" twice in one object')
    return value


def _check(value: Any, text: str) -> None:
    """Depth, and characters that can only have come from an escape: NUL and halves of a surrogate pair."""
    if "\\u" not in text and _depth(text) <= MOST_DEPTH:
        return
    problems = [
        FieldProblem(pointer=pointer_to(path), detail="must not hold the character U+0000 or half a surrogate pair")
        for path, string in _strings(value)
        if not storable(string)
    ]
    if problems:
        raise raised(problems)


def _depth(text: str) -> int:
    """How deep valid JSON is nested; far cheaper than to walk through what it says."""
    if text.count("[") + text.count("{") <= MOST_DEPTH:
        return 0
    brackets = _NO_BRACKETS.sub("", _STRING.sub("", text))
    deepest = here = 0
    for bracket in brackets:
        here += 1 if bracket in "[{" else -1
        deepest = max(deepest, here)
    return deepest


def storable(string: str) -> bool:
    """Whether every database can keep `string`: no NUL, and encodable as UTF-8."""
    return "\0" not in string and not any("\ud800" <= character <= "\udfff" for character in string)


def _strings(value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every string of a JSON value, keys included, with its path; without recursion."""
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while pending:
        path, here = pending.pop()
        if isinstance(here, list | dict) and len(path) >= MOST_DEPTH:
            _refuse_depth()
        if isinstance(here, str):
            yield path, here
        elif isinstance(here, list):
            pending.extend(((*path, index), item) for index, item in enumerate(here))
        elif isinstance(here, dict):
            for name, item in here.items():
                yield path, name
                if storable(name):  # else no pointer can be written through it
                    pending.append(((*path, name), item))
