"""`Resource`: a blueprint whose operations are declared whole, in one decorator, and documented by that declaration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, TypeVar

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel
from pydantic.main import IncEx

from service.context import service
from service.http.auth import authorize
from service.http.json_body import JSON, read_json
from service.http.query import Query, read_query
from steepest.spec.problems import parse
from store.keys import Scope

Method = Literal["GET", "POST", "PATCH", "DELETE"]
View = TypeVar("View", bound=Callable[..., Response])

OPERATIONS = "x-operation"
"""Where an operation's declaration waits in the generated document until `openapi.complete` replaces it."""


@dataclass(frozen=True)
class Operation:
    """What an operation takes and answers, beyond its path."""

    scope: Scope | None
    query: type[Query]
    body: type[BaseModel] | None
    answer: type[BaseModel] | None
    status: int
    raw_body: Mapping[str, Any] | None
    content: tuple[str, ...]
    statuses: Mapping[int, str]
    headers: Mapping[str, str]
    request_headers: tuple[str, ...]
    also: Mapping[int, type[BaseModel]]


class Resource(APIBlueprint):
    """All operations on one kind of thing."""

    def operation(
        self,
        method: Method,
        rule: str,
        operation_id: str,
        *,
        scope: Scope | None,
        query: type[Query] = Query,
        body: type[BaseModel] | None = None,
        answer: type[BaseModel] | None = None,
        status: int = 200,
        raw_body: Mapping[str, Any] | None = None,
        content: tuple[str, ...] = (),
        statuses: Mapping[int, str] | None = None,
        headers: Mapping[str, str] | None = None,
        request_headers: tuple[str, ...] = (),
        also: Mapping[int, type[BaseModel]] | None = None,
        parsed: bool = True,
    ) -> Callable[[View], View]:
        """Route `method` on `rule` to a view that gets its path's ids, `query` and `body`, checked.

        Args:
            method: The HTTP method; GET answers HEAD too.
            rule: The path.
            operation_id: The stable name by which generated clients call it.
            scope: What the key must allow; None needs no key.
            query: The query parameters; any other name is refused.
            body: The JSON body.
            answer: The JSON answer.
            status: The status of success.
            raw_body: The OpenAPI `content` of a body that is no JSON, which the view reads itself.
            content: Media types of an answer that is not JSON, or not always.
            statuses: Further statuses that are no errors, with their meaning.
            headers: Headers of the answer, with their meaning.
            request_headers: Headers of the request that it heeds, beyond the key and the request id.
            also: JSON answers of other shapes, by status.
            parsed: Whether the view gets `body`; else it reads it itself.
        """
        declared = Operation(
            scope,
            query,
            body,
            answer,
            status,
            raw_body,
            content,
            dict(statuses or {}),
            dict(headers or {}),
            request_headers,
            dict(also or {}),
        )

        def decorate(view: View) -> View:
            @wraps(view)
            def checked(**arguments: Any) -> Response:
                if scope is not None:
                    authorize(scope)
                asked = read_query(query)
                if query is not Query:
                    arguments["query"] = asked
                if body is not None and parsed:
                    arguments["body"] = parse(body, read_json(service().settings.limits.json_bytes))
                return view(**arguments)

            document = self.doc(operation_id=operation_id, tags=[str(self.tag)], extensions={OPERATIONS: declared})
            self.add_url_rule(rule, operation_id, document(checked), methods=[method])
            return view

        return decorate


def reply(
    model: BaseModel,
    status: int = 200,
    *,
    headers: Mapping[str, str] | None = None,
    exclude_unset: bool = False,
    exclude: IncEx | None = None,
) -> Response:
    """A model as a JSON answer."""
    body = model.model_dump_json(exclude_unset=exclude_unset, exclude=exclude)
    return Response(body, status=status, mimetype=JSON, headers=headers)


def no_content() -> Response:
    """The answer to a delete."""
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response
