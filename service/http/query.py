"""Read a query string strictly: an unknown or repeated name or a value of the wrong form is an error that says so."""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_origin
from urllib.parse import unquote_to_bytes

from flask import request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.http.json_body import storable
from steepest.spec.errors import FieldProblem, InvalidRequest
from steepest.spec.problems import failed, raised, suggestion

Q = TypeVar("Q", bound="Query")

MAP_ENTRY: Final = re.compile(r"(?P<name>[a-z_]+)\[(?P<key>.*)\]", re.DOTALL)


class Query(BaseModel):
    """The query parameters of an operation; this base has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(Query):
    """Which page of a list."""

    limit: int = Field(default=100, ge=1, le=1_000, description="How many, at most.")
    after: str | None = Field(default=None, max_length=200, description="The `next` of the page before.")


class NumberedPageQuery(Query):
    """Which page of a list whose entries are numbered."""

    limit: int = Field(default=100, ge=1, le=1_000, description="How many, at most.")
    after: int | None = Field(default=None, ge=0, lt=2**63, description="Only entries with higher numbers.")


def read_query(model: type[Q]) -> Q:
    """The request's query parameters as a `model`.

    Raises:
        InvalidRequest: the query string is not UTF-8.
        ValidationFailed: a name is unknown or repeated, or a value has the wrong form; pointers begin with `/query`.
    """
    values, problems = _values(model)
    try:
        query = model.model_validate(values)
    except ValidationError as error:
        problems += failed(error, model, values).problems
    if problems:
        raise raised([FieldProblem(pointer="/query" + problem.pointer, detail=problem.detail) for problem in problems])
    return query


def _values(model: type[Query]) -> tuple[dict[str, Any], list[FieldProblem]]:
    """The raw values by name: one each, a list where the model takes several, a dict for `name[key]=`."""
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError:
        raise InvalidRequest("the query string is not percent-encoded UTF-8") from None
    values: dict[str, Any] = {}
    problems: list[FieldProblem] = []
    for name, value in request.args.items(multi=True):
        if not storable(name + value):
            raise InvalidRequest("the query string must not hold the character U+0000")
        problem = _put(model, values, name, value)
        if problem:
            problems.append(FieldProblem(pointer=f"/{name}", detail=problem))
    return values, problems


def _put(model: type[Query], values: dict[str, Any], name: str, value: str) -> str | None:
    entry = MAP_ENTRY.fullmatch(name)
    if entry and _shape(model, entry["name"]) is dict:
        values.setdefault(entry["name"], {})[entry["key"]] = value
    elif name not in model.model_fields:
        return f'unknown query parameter "{name}"' + suggestion(name, _spelled(model))
    elif _shape(model, name) is dict:
        return f"write it as {name}[key]=value"
    elif _shape(model, name) is tuple:
        values.setdefault(name, []).append(value)
    elif name in values:
        return "given twice"
    else:
        values[name] = value
    return None


def _shape(model: type[Query], name: str) -> type | None:
    field = model.model_fields.get(name)
    origin = get_origin(field.annotation) if field else None
    return dict if origin in (dict, Mapping) else tuple if origin is tuple else None


def _spelled(model: type[Query]) -> list[str]:
    return [f"{name}[key]" if _shape(model, name) is dict else name for name in model.model_fields]
