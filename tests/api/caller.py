"""Someone with a key, who says which status is expected and looks at the shape of every error."""

import re
from typing import Any

from apiflask import APIFlask
from werkzeug.test import TestResponse

from steepest.spec.errors import Problem

SHAPE = {"type", "title", "status", "detail", "code", "instance", "request_id", "retryable", "errors"}


class Caller:
    """Requests in process, with a key or without."""

    def __init__(self, app: APIFlask, key: str | None) -> None:
        self._app = app
        self.headers = {} if key is None else {"Authorization": f"Bearer {key}"}

    def __call__(
        self, method: str, path: str, status: int = 200, *, headers: dict[str, str] | None = None, **request: Any
    ) -> TestResponse:
        """The answer, which must have `status`."""
        client = self._app.test_client()
        sent = {**self.headers, **(headers or {})}
        answer = client.open(path, method=method, headers=sent, buffered=True, **request)
        assert answer.status_code == status, f"{method} {path}: {answer.status} {answer.get_data(as_text=True)[:2000]}"
        assert answer.headers["X-Request-Id"]
        if status >= 400 and method != "HEAD":
            check_problem(answer, path)
        return answer

    def json(self, method: str, path: str, status: int = 200, **request: Any) -> Any:
        """The answer's JSON."""
        return self(method, path, status, **request).get_json()

    def pointers(self, method: str, path: str, status: int = 422, **request: Any) -> list[str]:
        """Where the problems are."""
        return [problem["pointer"] for problem in self.json(method, path, status, **request)["errors"]]

    def upload(self, content: bytes, query: str = "?name=flowers", content_type: str = "text/csv") -> str:
        """The id of a new data set."""
        made = self.json("POST", f"/v1/datasets{query}", 201, data=content, content_type=content_type)
        return str(made["id"])

    def submit(self, dataset: str, status: int = 201, **fields: Any) -> Any:
        """A new job."""
        return self.json("POST", "/v1/jobs", status, json={"dataset": dataset, "target": "species", **fields})


def check_problem(answer: TestResponse, path: str) -> None:
    """The one shape of all errors."""
    assert answer.content_type == "application/problem+json"
    body = answer.get_json()
    problem = Problem.model_validate(body)
    assert set(body) >= SHAPE
    assert problem.status == answer.status_code
    assert problem.type == f"urn:steepest:problem:{problem.code}"
    assert problem.instance == path.split("?")[0].replace(" ", "%20")
    assert problem.request_id == answer.headers["X-Request-Id"]
    assert re.fullmatch(r"[a-z_]+", problem.code)
    assert len(problem.detail) > 10
    assert "Traceback" not in answer.get_data(as_text=True)
    assert all(each.detail and (not each.pointer or each.pointer.startswith("/")) for each in problem.errors)
    assert ("Retry-After" in answer.headers) >= (answer.status_code in (429, 503))
    assert ("WWW-Authenticate" in answer.headers) is (answer.status_code == 401)
