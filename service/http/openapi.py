"""The OpenAPI document: APIFlask collects the operations, this file completes them from their declarations.

The schemas come from pydantic in one pass, so that each model appears once under its own name; every operation lists
every status it may answer, errors as problem documents.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from service.http.json_body import JSON
from service.http.problems import MIMETYPE, STATUSES
from service.http.request_id import HEADER as REQUEST_ID
from service.http.resource import OPERATIONS, Operation
from steepest.spec.errors import PreconditionFailed, Problem, RangeNotSatisfiable

SECURITY: Final = "key"
REF: Final = "#/components/schemas/{model}"
TAGS: Final = [
    {"name": "Data sets", "description": "What networks are trained on."},
    {"name": "Jobs", "description": "Training: what was asked for, how it goes, and what came out."},
    {"name": "Account", "description": "Who is asking."},
    {"name": "Health", "description": "Whether the service can do its work; needs no key."},
]
PATH_PARAMETERS: Final = {
    "dataset_id": {"description": "A data set's id.", "schema": {"type": "string", "pattern": "^ds_[0-9a-f]{32}$"}},
    "evaluation_id": {
        "description": "`held_out`, or the id of an evaluation that was asked for.",
        "schema": {"type": "string", "pattern": "^(held_out|cmp_[0-9a-f]{32})$"},
    },
    "prediction_id": {
        "description": "The id of predictions of a data set.",
        "schema": {"type": "string", "pattern": "^cmp_[0-9a-f]{32}$"},
    },
    "job_id": {"description": "A job's id.", "schema": {"type": "string", "pattern": "^job_[0-9a-f]{32}$"}},
}
MAKERS: Final = {"createDataset": "dataset_id", "createJob": "job_id"}
"""Which operation's answer has the id that a path parameter takes."""

DESCRIPTION: Final = """\
Send a data set and hyper-parameters; a worker trains a feed-forward network by gradient descent and backpropagation;
poll the job, read its loss history, download its weights, or let it predict.

Every error is a problem document (RFC 9457) that names all wrong places at once. Creates take an `Idempotency-Key`.
A number that is not finite is sent as the string `"NaN"`, `"Infinity"` or `"-Infinity"`.
"""


class _Schemas(GenerateJsonSchema):
    """Pydantic's schemas, with the strings that stand for non-finite numbers where a model sends those."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        number = super().float_schema(schema)
        if self._config.ser_json_inf_nan != "strings":
            return number
        return {"anyOf": [number, {"enum": ["NaN", "Infinity", "-Infinity"]}]}

    def normalize_name(self, name: str) -> str:
        of_what = re.fullmatch(r"Page\[(Union\[)?([A-Za-z, ]+)\]*", name)
        return of_what[2].replace(", ", "Or") + "Page" if of_what else super().normalize_name(name)


def complete(document: Any) -> Any:
    """APIFlask's document with parameters, bodies, answers, errors and schemas filled in."""
    declared = [
        (operation, operation.pop(OPERATIONS))
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    refs, schemas = _schemas(each for _, each in declared)
    for operation, declaration in declared:
        _complete(operation, declaration, refs)
    _link([operation for operation, _ in declared])
    document["components"] = {
        "schemas": schemas,
        "responses": _error_responses(),
        "parameters": _shared_parameters(),
        "headers": {
            REQUEST_ID: {"description": "Names the request in the server's log.", "schema": {"type": "string"}}
        },
        "securitySchemes": {SECURITY: {"type": "http", "scheme": "bearer", "description": "An API key."}},
    }
    return document


def _schemas(declarations: Iterable[Operation]) -> tuple[Mapping[Any, JsonSchemaValue], dict[str, Any]]:
    """References by model, and the component schemas that they point to."""
    wanted: dict[type[BaseModel], JsonSchemaMode] = {Problem: "serialization"}
    for each in declarations:
        if each.body:
            wanted[each.body] = "validation"
        if each.answer:
            wanted[each.answer] = "serialization"
        wanted |= dict.fromkeys(each.also.values(), "serialization")
    found, definitions = models_json_schema(list(wanted.items()), ref_template=REF, schema_generator=_Schemas)
    refs = {model: reference for (model, _), reference in found.items()}
    return refs, definitions["$defs"]


def _complete(operation: dict[str, Any], declared: Operation, refs: Mapping[Any, JsonSchemaValue]) -> None:
    for parameter in operation["parameters"]:
        parameter |= {"required": True, **PATH_PARAMETERS[parameter["name"]]}
    operation["parameters"] += _query_parameters(declared)
    operation["parameters"].append({"$ref": f"#/components/parameters/{REQUEST_ID}"})
    operation["parameters"] += [{"$ref": f"#/components/parameters/{name}"} for name in declared.request_headers]
    bodies = {JSON: {"schema": refs[declared.body]}} if declared.body else {}
    bodies |= declared.raw_body or {}
    if bodies:
        operation["requestBody"] = {"required": True, "content": bodies}
    if declared.scope:
        operation["security"] = [{SECURITY: []}]
        needed = f"Needs a key with the scope `{declared.scope}`."
        operation["description"] = "\n\n".join(filter(None, [operation.get("description"), needed]))
    operation["responses"] = _responses(declared, refs)


def _link(operations: Sequence[dict[str, Any]]) -> None:
    """From each create to all that can be done with what it made."""
    for maker in operations:
        wanted = MAKERS.get(maker["operationId"])
        if wanted is None:
            continue
        maker["responses"]["201"]["links"] = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {wanted: "$response.body#/id"},
            }
            for operation in operations
            if any(parameter.get("name") == wanted for parameter in operation["parameters"])
        }


def _query_parameters(declared: Operation) -> list[dict[str, Any]]:
    schema = declared.query.model_json_schema(schema_generator=_Schemas, mode="validation")
    definitions = schema.get("$defs", {})
    parameters = []
    for name, found in schema.get("properties", {}).items():
        field = _inlined({key: value for key, value in found.items() if key not in ("title", "default")}, definitions)
        parameter = {"name": name, "in": "query", "description": field.pop("description", ""), "schema": field}
        if field.get("type") == "object":
            parameter |= {"style": "deepObject", "explode": True}
        parameters.append(parameter)
    return parameters


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with its references replaced by what they point to: parameters stand on their own."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _inlined(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    return schema


def _responses(declared: Operation, refs: Mapping[Any, JsonSchemaValue]) -> dict[str, Any]:
    headers = {REQUEST_ID: {"$ref": f"#/components/headers/{REQUEST_ID}"}}
    own = {name: {"description": text, "schema": {"type": "string"}} for name, text in declared.headers.items()}
    success: dict[str, Any] = {"description": "Done.", "headers": headers | own}
    answers = {JSON: {"schema": refs[declared.answer]}} if declared.answer else {}
    answers |= {name: {"schema": {}} for name in declared.content}
    if answers:
        success["content"] = answers
    responses = {str(declared.status): success}
    for status, meaning in declared.statuses.items():
        further: dict[str, Any] = {"description": meaning, "headers": headers | own}
        if status != 304:
            further["content"] = success.get("content", {})
        responses[str(status)] = further
    for status, model in declared.also.items():
        responses[str(status)] = {
            "description": "The other answer.",
            "headers": headers | own,
            "content": {JSON: {"schema": refs[model]}},
        }
    headers_of = {RangeNotSatisfiable: "Range", PreconditionFailed: "If-Match"}
    for kind in STATUSES:
        if kind not in headers_of or headers_of[kind] in declared.request_headers:
            responses[str(kind.status)] = {"$ref": f"#/components/responses/{kind.__name__}"}
    return responses


def _error_responses() -> dict[str, Any]:
    headers = {REQUEST_ID: {"$ref": f"#/components/headers/{REQUEST_ID}"}}
    retry = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
    return {
        kind.__name__: {
            "description": f"{kind.status} {kind.title}. {(kind.__doc__ or '').strip()}",
            "headers": headers | (retry if kind.status in (429, 503) else {}),
            "content": {MIMETYPE: {"schema": {"$ref": REF.format(model="Problem")}}},
        }
        for kind in STATUSES
    }


def _shared_parameters() -> dict[str, Any]:
    return {
        name: {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in {
            REQUEST_ID: "A name for this request; made up when absent.",
            "Idempotency-Key": "Makes a repeated create answer with the first answer; at most 255 characters.",
            "If-Match": "Answer 412 when the content no longer has this ETag.",
            "If-None-Match": "Answer 304 when the content still has this ETag.",
            "Range": "The bytes wanted, `bytes=first-last`.",
        }.items()
    }
