"""Pydantic's errors as problems with JSON pointers: all of them at once, in words that name the remedy."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from steepest.spec.errors import FieldProblem, NotYetSupported, ValidationFailed
from steepest.spec.fields import NOT_YET
from steepest.spec.names import OptimizerName
from steepest.spec.optimizers import SUPPORTED as SUPPORTED_OPTIMIZERS

M = TypeVar("M", bound=BaseModel)

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
        NotYetSupported: every problem is a value that a later release brings.
        ValidationFailed: anything else is wrong.
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
    kinds: set[str] = set()
    items = error.errors(include_url=False)
    # An object whose name a later release brings: its other fields come with it.
    later = {item["loc"][:-1] for item in items if item["type"] == NOT_YET and item["loc"][-1:] == ("name",)}
    for item in items:
        if item["type"] == "extra_forbidden" and item["loc"][:-1] in later:
            continue
        pointer, kind, detail = _explain(item, model, body)
        details = found.setdefault(pointer, [])
        if detail not in details:
            details.append(detail)
        kinds.add(kind)
    problems = [FieldProblem(pointer=pointer, detail="; or ".join(details)) for pointer, details in found.items()]
    return raised(problems, not_yet=kinds == {NOT_YET})


def raised(problems: Sequence[FieldProblem], *, not_yet: bool = False) -> ValidationFailed:
    """A `ValidationFailed` whose detail sums up its problems."""
    first = problems[0]
    place = first.pointer or "the body"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    kind = NotYetSupported if not_yet else ValidationFailed
    return kind(f"{place}: {first.detail}{more}", problems=problems)


def pointer_to(path: Iterable[str | int]) -> str:
    """A JSON pointer (RFC 6901) from its segments."""
    return "".join("/" + str(segment).replace("~", "~0").replace("/", "~1") for segment in path)


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` for the known name nearest to `name`, else nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def _explain(item: ErrorDetails, model: type[BaseModel], body: Any) -> tuple[str, str, str]:
    kind, detail = item["type"], item["msg"]
    path = _real_path(item["loc"], body, absent=kind == "missing")
    if kind == "extra_forbidden":
        name = str(path[-1])
        detail = f'unknown field "{name}"' + suggestion(name, _siblings(item["loc"], model, body))
    elif kind in WORDS:
        detail = WORDS[kind].format(**item.get("ctx", {}))
    elif kind == "missing":
        detail = "this field is required"
    elif kind == "literal_error":
        detail = f"must be {item['ctx']['expected']}" + _near_literal(item)
    elif kind == "unknown_optimizer":
        return _explain_optimizer(path, item["input"])
    return pointer_to(path), kind, detail[:1].lower() + detail[1:]


def _near_literal(item: ErrorDetails) -> str:
    expected = str(item["ctx"]["expected"]).replace(" or ", ", ").split(", ")
    return suggestion(item["input"], [name.strip("'") for name in expected]) if isinstance(item["input"], str) else ""


def _explain_optimizer(path: list[str | int], given: Any) -> tuple[str, str, str]:
    known = get_args(OptimizerName)
    choices = ", ".join(f'"{name}"' for name in SUPPORTED_OPTIMIZERS)
    if not isinstance(given, Mapping):
        return pointer_to(path), "type", f'must be an object such as {{"name": "adam"}}, with one of {choices}'
    name = given.get("name")
    place = pointer_to([*path, "name"])
    if name in known:
        return place, NOT_YET, f'"{name}" is not supported by this release; use {choices}'
    near = suggestion(name, known) if isinstance(name, str) else ""
    return place, "literal_error", f"must be one of {choices}{near}"


def _real_path(location: Sequence[str | int], body: Any, *, absent: bool) -> list[str | int]:
    """Pydantic's location without the names of union members, which are no part of the body; the last may be absent."""
    path: list[str | int] = []
    here = body
    for position, segment in enumerate(location):
        if isinstance(here, Mapping) and segment in here:
            here = here[segment]
        elif isinstance(here, Sequence) and not isinstance(here, str) and isinstance(segment, int):
            here = here[segment] if segment < len(here) else None
        elif not (absent and position == len(location) - 1):
            continue
        path.append(segment)
    return path


def _siblings(location: Sequence[str | int], model: type[BaseModel], body: Any) -> list[str]:
    """The field names that are known where an unknown one stood."""
    here: Any = model
    for segment in location[:-1]:
        if isinstance(here, type) and issubclass(here, BaseModel) and segment in here.model_fields:
            here = here.model_fields[str(segment)].annotation
        options = [option for option in _models(here) if _is_tagged(option, segment)]
        here = options[0] if options else here
    models = _models(here)
    return [name for option in models for name in option.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _models(argument)]


def _is_tagged(model: type[BaseModel], tag: str | int) -> bool:
    return "name" in model.model_fields and model.model_fields["name"].default == tag
