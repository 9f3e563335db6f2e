"""`/docs`: the OpenAPI document as one readable page, without scripts and without a request to anywhere else."""

from typing import Any, Final, cast

from apiflask import APIFlask
from flask import Response, make_response, render_template
from markupsafe import Markup

METHODS: Final = ("get", "post", "patch", "delete")
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def install(app: APIFlask) -> None:
    """Serve the page at `/docs`."""
    app.add_template_filter(_prose, "prose")

    @app.get("/docs")
    @app.doc(hide=True)
    def docs() -> Response:
        document = cast(dict[str, Any], app._get_spec())  # the cached document; `app.spec` would build it anew
        page = render_template(
            "docs.html",
            document=document,
            groups=_groups(document),
            errors=document["components"]["responses"].values(),
        )
        response = make_response(page)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _prose(text: str) -> Markup:
    """Text whose parts between backticks are code."""
    forms = (Markup("{}"), Markup("<code>{}</code>"))
    return Markup("").join(forms[number % 2].format(part) for number, part in enumerate(text.split("`")))


def _groups(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, in the document's order, with shared parameters in place, and without shared errors."""
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                groups[operation["tags"][0]].append(
                    operation
                    | {
                        "path": path,
                        "method": method.upper(),
                        "parameters": [_target(document, each) for each in operation["parameters"]],
                        "responses": {
                            status: answer for status, answer in operation["responses"].items() if "$ref" not in answer
                        },
                    }
                )
    return {tag: operations for tag, operations in groups.items() if operations}


def _target(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found = document
    for segment in part["$ref"].removeprefix("#/").split("/"):
        found = found[segment]
    return found
