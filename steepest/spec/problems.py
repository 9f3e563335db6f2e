"""Pydantic's errors as problems with JSON pointers: all of them at once, in words that name the remedy."""

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from steepest.spec.errors import FieldProblem, ValidationFailed
from steepest.spec.fields import UNKNOWN_NAME

M = TypeVar("M", bound=BaseModel)

MOST_SUGGESTIONS: Final = 20
"""Unknown names of one request for which the nearest known name is looked for."""

WORDS: Final = {
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "too_short": "must hold at least {min_length}, not {actual_length}",
    "too_long": "must hold at most {max_length}, not {actual_length}",
}
"""What JSON calls the things that pydantic calls by their Python names, by the kind of error."""


def parse(model: type[M], body: Any) -> M:
    """Validate `body`, or raise one `ValidationFailed` that names every wrong place.

    Raises:
        ValidationFailed: something is wrong.
    """
    if isinstance(body, model):
        return body
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise failed(error, model, body) from None


def failed(error: ValidationError, model: type[BaseModel], body: Any) -> ValidationFailed:
    """The one error that stands for all of pydantic's errors about `body`."""
    found: dict[str, list[str]] = {}
    for item in error.errors(include_url=False):
        pointer, detail = _explain(item, model, body)
        details = found.setdefault(pointer, [])
        if detail not in details:
            details.append(detail)
    problems = [FieldProblem(pointer=pointer, detail="; or ".join(details)) for pointer, details in found.items()]
    return raised(problems)


def raised(problems: Sequence[FieldProblem]) -> ValidationFailed:
    """A `ValidationFailed` whose detail sums up its problems."""
    first = problems[0]
    place = first.pointer or "the body"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return ValidationFailed(f"{place}: {first.detail}{more}", problems=problems)


def pointer_to(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901) from its segments."""
    return "".join("/" + str(segment).replace("~", "~0").replace("/", "~1") for segment in path)


def first_twice(names: Iterable[str]) -> str | None:
    """The first name that has been there before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` for the known name nearest to `name`, else nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


class Suggestions:
    """`suggestion` for the first unknown names: each is compared with all that are known, which takes long for many."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = known
        self._found: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """As `suggestion`; nothing once there were too many names."""
        if name not in self._found and len(self._found) < MOST_SUGGESTIONS:
            self._found[name] = suggestion(name, self._known)
        return self._found.get(name, "")


def _explain(item: ErrorDetails, model: type[BaseModel], body: Any) -> tuple[str, str]:
    kind, detail = item["type"], item["msg"]
    path = _real_path(item["loc"], body, absent=kind in ("missing", "contradiction"))
    if kind == "extra_forbidden":
        name = str(path[-1])
        detail = f'unknown field "{name}"' + suggestion(name, _siblings(item["loc"], model))
    elif kind in WORDS:
        detail = WORDS[kind].format(**item.get("ctx", {}))
    elif kind == "missing":
        detail = "this field is required"
    elif kind == "literal_error":
        detail = f"must be {item['ctx']['expected']}" + _near_literal(item)
    elif kind == UNKNOWN_NAME:
        path, detail = _explain_name(path, item)
    return pointer_to(path), detail[:1].lower() + detail[1:]


def _near_literal(item: ErrorDetails) -> str:
    expected = str(item["ctx"]["expected"]).replace(" or ", ", ").split(", ")
    return suggestion(item["input"], [name.strip("'") for name in expected]) if isinstance(item["input"], str) else ""


def _explain_name(path: list[str | int], item: ErrorDetails) -> tuple[list[str | int], str]:
    """Of an object that is chosen by its name: the place that is wrong, and why."""
    given = item["input"]
    known = str(item["ctx"]["names"]).split(", ")
    choices = ", ".join(f'"{name}"' for name in known)
    if not isinstance(given, Mapping):
        return path, f'must be an object such as {{"name": "{item["ctx"]["default"]}"}}, with one of {choices}'
    name = given.get("name")
    return [*path, "name"], f"must be one of {choices}" + (suggestion(name, known) if isinstance(name, str) else "")


def _real_path(location: Sequence[str | int], body: Any, *, absent: bool) -> list[str | int]:
    """Pydantic's location without the tags of union members, which are no part of the body; the last may be absent."""
    path: list[str | int] = []
    here = body
    for position, segment in enumerate(location):
        if isinstance(here, Mapping) and segment in here:
            here = here[segment]
        elif isinstance(here, Sequence) and not isinstance(here, str) and isinstance(segment, int) and segment >= 0:
            here = here[segment] if segment < len(here) else None
        elif not (absent and position == len(location) - 1):
            continue
        path.append(segment)
    return path


def _siblings(location: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """The field names that are known where an unknown one stood."""
    here: Any = model
    for segment in location[:-1]:
        if isinstance(here, type) and issubclass(here, BaseModel) and segment in here.model_fields:
            here = here.model_fields[str(segment)].annotation
        elif isinstance(segment, int) and segment < 0 and get_origin(here) in (Union, UnionType):
            here = get_args(here)[~segment]
        else:
            here = next(iter(_models(here)), here)
    return [name for option in _models(here) for name in option.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models(argument)]
