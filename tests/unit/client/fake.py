"""A service in memory: it answers as the contract says, trains in no time, and fails on request."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import httpx

from steepest.client import Client, Retries
from steepest.spec.errors import Conflict, FieldProblem, NotFound, SteepestError, problem_type
from steepest.spec.job import JobSpec
from steepest.spec.problems import parse, raised

KEY = "stp_secret_key"
URL = "http://127.0.0.1:8000"
NOW = "2026-01-02T03:04:05Z"
WEIGHTS = bytes(range(256)) * 40
DATASET = "ds_" + "0" * 32
JOB = "job_" + "1" * 32

Fault = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class FakeService:
    """One data set, one job at a time. A job advances by an epoch whenever it is polled."""

    def __init__(self, *, epochs: int = 4, ends: str = "succeeded", regression: bool = False) -> None:
        self.requests: list[httpx.Request] = []
        self.faults: list[Fault] = []
        self.uploads: list[bytes] = []
        self.epochs, self.ends, self.regression = epochs, ends, regression
        self.epoch = -1
        self.status = "queued"
        self.spec: dict[str, Any] = {"dataset": DATASET, "target": "species"}
        self.ids = [JOB]
        self.column_count = 3
        self.columns: list[dict[str, Any]] = []
        self.prediction: dict[str, Any] = {"label": "setosa", "probabilities": {"setosa": 0.9, "virginica": 0.1}}
        if regression:
            self.prediction = {"value": 1.5}

    def client(self, **options: Any) -> Client:
        return Client(URL, KEY, transport=self.transport, retries=Retries(sleep=lambda _: None), **options)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    def handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault if isinstance(fault, httpx.Response) else fault(request)
        try:
            return self.route(request)
        except SteepestError as error:
            return problem(error)

    def route(self, request: httpx.Request) -> httpx.Response:
        for method, pattern, handler in ROUTES:
            match = re.fullmatch(pattern, request.url.path)
            if match and request.method == method:
                if match.groups() and match[1] not in (DATASET, *self.ids):
                    raise NotFound(f"there is no {match[1]}")
                answer: httpx.Response = getattr(self, handler)(request)
                return answer
        raise NotFound(f"{request.method} {request.url.path}")

    # data sets

    def upload(self, request: httpx.Request) -> httpx.Response:
        self.uploads.append(request.content)
        return httpx.Response(201, json=self.dataset("validating", request.url.params.get("name")))

    def get_dataset(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=self.dataset("ready"))

    def list_datasets(self, request: httpx.Request) -> httpx.Response:
        return page([self.dataset("ready")])

    def dataset(self, status: str, name: str | None = None) -> dict[str, Any]:
        numeric = {"kind": "numeric", "count": 150, "missing": 0, "min": 0.1, "max": 7.9, "mean": 3.7, "distinct": 43}
        columns: list[dict[str, Any]] = [{"name": f"x{i}"} | numeric for i in range(self.column_count)]
        if self.regression:
            columns.append({"name": "species"} | numeric)
        else:
            columns.append({"name": "species", "kind": "categorical", "count": 150, "missing": 0, "distinct": 3})
        return {
            "id": DATASET, "name": name or "iris.csv", "status": status, "format": "csv", "bytes": 4551,
            "sha256": "ab" * 32, "created_at": NOW, "rows": 150 if status == "ready" else None,
            "columns": (self.columns or columns) if status == "ready" else None, "warnings": [],
        }  # fmt: skip

    def content(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=WEIGHTS, headers={"ETag": f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'})

    # jobs

    def create_job(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        parse(JobSpec, body)
        if "species" not in body["target"]:
            raise raised([FieldProblem(pointer="/target", detail="the data set has no such column")])
        self.spec, self.epoch, self.status = body, -1, "queued"
        if request.url.params.get("validate_only") == "true":
            rows = {"training": 106, "validation": 22, "test": 22}
            resolved = self.job()["resolved_spec"]
            return httpx.Response(
                200, json={"resolved_spec": resolved, "parameters": 451, "rows": rows, "memory_bytes": 10**6}
            )
        return httpx.Response(201, json=self.job())

    def get_job(self, request: httpx.Request) -> httpx.Response:
        if self.status in ("queued", "running"):
            self.epoch += 1
            self.status = "running" if self.epoch <= self.epochs else self.ends
            self.epoch = min(self.epoch, self.epochs)
        return httpx.Response(200, json=self.job(), headers={"ETag": f'"{self.status}{self.epoch}"'})

    def list_jobs(self, request: httpx.Request) -> httpx.Response:
        size = int(request.url.params["limit"])
        after = request.url.params.get("after")
        start = self.ids.index(after) + 1 if after else 0
        found = self.ids[start : start + size]
        more = start + size < len(self.ids)
        return page([self.job(name) for name in found], found[-1] if more else None)

    def cancel(self, request: httpx.Request) -> httpx.Response:
        if self.status not in ("queued", "running"):
            raise Conflict(f"the job is {self.status}; only a queued or running one can be cancelled")
        self.status = "cancelled" if self.status == "queued" else "cancelling"
        return httpx.Response(200, json=self.job())

    def pause(self, request: httpx.Request) -> httpx.Response:
        self.status = "paused" if self.status == "queued" else "pausing"
        return httpx.Response(200, json=self.job())

    def queue_again(self, request: httpx.Request) -> httpx.Response:
        wanted = "paused" if request.url.path.endswith("resume") else "failed"
        if self.status != wanted:
            raise Conflict(f"the job is {self.status}; only one that is {wanted} can go on")
        self.status = "queued"
        return httpx.Response(200, json=self.job())

    def list_epochs(self, request: httpx.Request) -> httpx.Response:
        after = int(request.url.params.get("after", 0))
        return page([self.epoch_record(number) for number in range(after + 1, self.epoch + 1)])

    def list_events(self, request: httpx.Request) -> httpx.Response:
        types = ["job.queued", "job.running"]
        return page([{"number": n, "type": t, "created_at": NOW, "data": {}} for n, t in enumerate(types, 1)])

    def list_checkpoints(self, request: httpx.Request) -> httpx.Response:
        found = {"epoch": 4, "step": 16, "kinds": ["best"], "bytes": 10, "sha256": "cd" * 32, "created_at": NOW}
        return page([found])

    def epoch_record(self, number: int) -> dict[str, Any]:
        score = "r2" if self.regression else "accuracy"
        return {
            "epoch": number, "training_loss": 1 / number, "validation_loss": 2 / number, f"training_{score}": 0.9,
            f"validation_{score}": 0.8, "learning_rate": 0.001, "seconds": 0.01,
        }  # fmt: skip

    def job(self, name: str = JOB) -> dict[str, Any]:
        done, score = max(self.epoch, 0), "r2" if self.regression else "accuracy"
        error = None
        if self.status == "failed":
            error = {
                "type": problem_type("diverged"), "title": "Training diverged", "status": 422, "code": "diverged",
                "detail": "the loss became NaN in epoch 2; try a smaller learning_rate", "fault": "user",
            }  # fmt: skip
        result = {
            "epochs": done, "best_epoch": done, "parameters": 451, "training_loss": 0.04, "validation_loss": 0.1,
            "test_loss": 0.09, f"training_{score}": 0.99, f"validation_{score}": 0.95, f"test_{score}": 0.9652,
        }  # fmt: skip
        terminal = self.status in ("succeeded", "failed", "cancelled")
        return {
            "id": name, "name": self.spec.get("name"), "status": self.status, "is_terminal": terminal,
            "progress": {"epoch": done, "epochs": self.epochs, "fraction": done / self.epochs, "eta_seconds": 3.0},
            "error": error, "spec": self.spec, "resolved_spec": self.resolved(), "dataset": DATASET,
            "created_at": NOW, "started_at": NOW, "finished_at": NOW if terminal else None, "attempt": 1,
            "stopped_by": "epochs" if self.status == "succeeded" else None,
            "result": result if self.status == "succeeded" else None,
        }  # fmt: skip

    def resolved(self) -> dict[str, Any]:
        task = "regression" if self.regression else "multiclass"
        return self.spec | {
            "target": "species", "features": [f"x{i}" for i in range(self.column_count)], "task": task,
            "split": {"method": "random"}, "preprocess": {"target": "none"}, "initializer": "he_uniform",
            "output_activation": "linear" if self.regression else "softmax",
            "loss": {"name": "mean_squared_error" if self.regression else "categorical_crossentropy"},
            "epochs": self.epochs, "batch_size": 32, "early_stopping": None, "device": "cpu",
        }  # fmt: skip

    # results

    def weights(self, request: httpx.Request) -> httpx.Response:
        if self.status != "succeeded":
            raise Conflict(f"the job is {self.status}; it has weights once it has succeeded")
        headers = {"ETag": f'"{hashlib.sha256(WEIGHTS).hexdigest()}"'}
        span = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if not span:
            return httpx.Response(200, content=WEIGHTS, headers=headers)
        start = int(span[1])
        headers["Content-Range"] = f"bytes {start}-{len(WEIGHTS) - 1}/{len(WEIGHTS)}"
        return httpx.Response(206, content=WEIGHTS[start:], headers=headers)

    def predict(self, request: httpx.Request) -> httpx.Response:
        rows = json.loads(request.content)["rows"]
        return page([self.prediction for _ in rows])

    def delete(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(204)


ROUTES = (
    ("POST", r"/v1/datasets", "upload"),
    ("GET", r"/v1/datasets", "list_datasets"),
    ("GET", r"/v1/datasets/(\w+)", "get_dataset"),
    ("DELETE", r"/v1/datasets/(\w+)", "delete"),
    ("GET", r"/v1/datasets/(\w+)/content", "content"),
    ("PATCH", r"/v1/datasets/(\w+)", "get_dataset"),
    ("PATCH", r"/v1/jobs/(\w+)", "get_job"),
    ("POST", r"/v1/jobs", "create_job"),
    ("GET", r"/v1/jobs", "list_jobs"),
    ("GET", r"/v1/jobs/(\w+)", "get_job"),
    ("DELETE", r"/v1/jobs/(\w+)", "delete"),
    ("POST", r"/v1/jobs/(\w+)/cancel", "cancel"),
    ("POST", r"/v1/jobs/(\w+)/pause", "pause"),
    ("POST", r"/v1/jobs/(\w+)/(?:resume|retry)", "queue_again"),
    ("GET", r"/v1/jobs/(\w+)/epochs", "list_epochs"),
    ("GET", r"/v1/jobs/(\w+)/events", "list_events"),
    ("GET", r"/v1/jobs/(\w+)/checkpoints", "list_checkpoints"),
    ("GET", r"/v1/jobs/(\w+)/weights", "weights"),
    ("POST", r"/v1/jobs/(\w+)/predictions", "predict"),
)


def page(data: list[Any], following: str | None = None) -> httpx.Response:
    body = {"object": "list", "data": data, "has_more": following is not None, "next": following}
    return httpx.Response(200, json=body)


def problem(error: SteepestError, request_id: str = "req_7", **headers: str) -> httpx.Response:
    body = error.problem(request_id=request_id).model_dump(mode="json")
    sent = {"Content-Type": "application/problem+json"} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    return httpx.Response(error.status, json=body, headers=sent)
